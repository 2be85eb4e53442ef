// SPDX-License-Identifier: BSL-1.0
#include "tasks/name_service.hpp"

#include "ports/calls.hpp"
#include "ports/rights.hpp"
#include "runtime/detail.hpp"
#include "tasks/hidden_thread.hpp"
#include "tasks/membership.hpp"

#include <future>
#include <memory>

namespace umach::tasks {
namespace {

using ports::PortRef;

bool is_gone(ports::Kernel& k, PortRef port) {
    const ports::Identity now = k.port(port.index).identity;
    return now.generation != port.generation || now.life != ports::Life::live;
}

// The host itself holds a send right to its bootstrap port, for tasks to come.
PortRef replace_in_host(ports::Caller& caller, PortRef port) {
    auto& bootstrap = caller.k.header().bootstrap;
    return caller.step([&](ports::KernelStep& s) {
        s.lock_host();
        const PortRef before = bootstrap;
        if (s.lock_live(port) == nullptr || !ports::count_send(s, port)) return s.undo(PortRef{});
        s.set(bootstrap, port);
        if (before) ports::drop_send(s, before);
        return s.keep(before);
    });
}

void replace_in_tasks(ports::Caller& caller, PortRef before, port_name_t name) {
    for (std::uint32_t i = 1; i < caller.k.capacity(ports::zone_tasks); ++i) {
        const ports::TaskRef task = caller.k.ref_of_task(i);
        const ports::TaskRecord& record = caller.k.task(i);
        if (record.identity.get().life != ports::Life::live) continue;
        const PortRef now = record.special[ports::special_bootstrap];
        if (now == before || !now || is_gone(caller.k, now))
            ports::set_special(caller, task, ports::special_bootstrap, name);
    }
}

port_name_t publish_port(ports::Caller& caller) {
    port_name_t name = PORT_NULL;
    if (ports::allocate(caller, caller.task, &name) != KERN_SUCCESS) return PORT_NULL;
    ports::set_special(caller, caller.task, ports::special_bootstrap, name);
    const PortRef port = caller.k.task(caller.task.index).special[ports::special_bootstrap];
    const PortRef before = replace_in_host(caller, port);
    replace_in_tasks(caller, before, name);
    return name;
}

void be_name_service(Host& host, std::promise<bool>& found) {
    Seat* seat = enter_as_server(host, "name service");
    const port_name_t port = seat != nullptr ? publish_port(seat->caller) : PORT_NULL;
    found.set_value(port != PORT_NULL);
    if (port != PORT_NULL) umach_serve_names(port);
}

}  // namespace

bool start_name_service(Host& host) {
    const std::lock_guard guard(host.name_service_lock());
    if (host.name_service_runs) return true;
    auto found = std::make_shared<std::promise<bool>>();
    auto port_is_found = found->get_future();
    auto started = start_hidden_thread("umach-names", [&host, found] { be_name_service(host, *found); });
    if (!started) runtime::set_detail("%s", started.fault().what.c_str());
    host.name_service_runs = started && port_is_found.get();
    return host.name_service_runs;
}

}  // namespace umach::tasks
