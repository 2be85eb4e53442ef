// SPDX-License-Identifier: BSL-1.0
// What a task hands to the tasks that it forks: registered ports, and the bootstrap port.
//
// A child takes them over at its first call, while its parent lives. Everything else in its space is new.
#pragma once

#include <array>
#include <initializer_list>

#include <umach/rights.hpp>

namespace umach {

/// Registers ports for the children to come. The task keeps its rights; they are copied.
/// returns: as mach_ports_register(). limits: TASK_PORT_REGISTER_MAX.
inline Result<void> register_ports(std::initializer_list<PortName> ports) {
    std::array<port_t, TASK_PORT_REGISTER_MAX> names{};
    if (ports.size() > names.size()) {
        return Error(KERN_INVALID_ARGUMENT, "more ports than a task registers");
    }
    unsigned count = 0;
    for (const PortName port : ports) {
        names[count++] = port.get();
    }
    return Result<void>::from(mach_ports_register(task_self(), names.data(), count));
}

namespace detail {

/// Takes over what mach_ports_lookup() handed out: every right, and the array.
inline std::array<SendRight, TASK_PORT_REGISTER_MAX> take_ports(port_array_t ports, unsigned count) noexcept {
    std::array<SendRight, TASK_PORT_REGISTER_MAX> rights;
    for (unsigned i = 0; i < count && i < rights.size(); ++i) {
        rights[i] = SendRight(ports[i]);
    }
    if (ports != nullptr) {
        vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(ports), count * sizeof *ports);
    }
    return rights;
}

}  // namespace detail

/// returns: a send right to port `slot` of those registered, empty if there is none; codes of
/// mach_ports_lookup().
[[nodiscard]] inline Result<SendRight> registered_port(std::size_t slot) {
    port_array_t ports = nullptr;
    unsigned count = 0;
    const int code = mach_ports_lookup(task_self(), &ports, &count);
    if (code != KERN_SUCCESS) {
        return Error::last(code);
    }
    auto rights = detail::take_ports(ports, count);
    if (slot >= rights.size()) {
        return Error(KERN_INVALID_ARGUMENT, "no such slot");
    }
    return std::move(rights[slot]);
}

/// returns: as task_set_special_port(). The port is what children find their first servers by.
inline Result<void> set_bootstrap_port(PortName port) {
    return Result<void>::from(task_set_special_port(task_self(), TASK_BOOTSTRAP_PORT, port.get()));
}

[[nodiscard]] inline Result<SendRight> bootstrap() {
    port_t port = PORT_NULL;
    const int code = task_get_special_port(task_self(), TASK_BOOTSTRAP_PORT, &port);
    return code == KERN_SUCCESS ? Result(SendRight(port)) : Error::last(code);
}

}  // namespace umach
