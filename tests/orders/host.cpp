// SPDX-License-Identifier: BSL-1.0
#include "tests/orders/host.hpp"

#include <cstdlib>

#include "ports/calls.hpp"
#include "ports/kernel_port.hpp"
#include "ports/task.hpp"
#include "ports/thread.hpp"

// That floor is not there; no scene sends to a kernel port.
namespace umach::ports {
constinit KernelReceiver kernel_receiver = nullptr;
}

namespace umach::orders {
namespace {

ports::Kernel make_kernel() {
    ports::HostSizes sizes;
    sizes.tasks = 8;
    sizes.ports = 128;
    sizes.threads = 16;
    sizes.message_bytes = 64 << 10;
    sizes.pool_bytes = 1 << 20;
    sizes.stock_bytes = 64 << 10;
    auto made = ports::Kernel::make(sizes);
    if (!made.ok()) std::abort();
    return std::move(made).value();
}

}  // namespace

Host::Host(std::size_t members) : k_(make_kernel()) {
    while (members_.size() < members) join(members_.emplace_back());
}

void Host::join(Member& member) {
    const std::uint32_t slot = k_.machine().claim_carrier();
    member.carrier.emplace(k_.machine().carrier(slot), slot);
    k_.machine().doorbells().prepare(member.carrier->record().doorbell, slot);
    const std::uint32_t process = ports::add_process(k_, *member.carrier, slot, 0, 0);
    member.carrier->record().process.put(process);
    const ports::TaskRef task = ports::create_task(k_, *member.carrier, process, {}, "member");
    member.caller.emplace(ports::Caller{k_, *member.carrier, task, ports::begin_thread(k_, *member.carrier, task)});
    ports::allocate(member, task, &member.own);
}

void Host::introduce(Member& whom, Member& to, port_name_t name) {
    ports::insert_send(whom, to.task(), whom.own, name);
}

}  // namespace umach::orders
