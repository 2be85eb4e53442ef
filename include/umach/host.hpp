// SPDX-License-Identifier: BSL-1.0
// Host: the host that this task is a member of, and the names under which its ports are found.
//
// Which host it is was decided by the first call of the process: the one that UMACH_HOST names, else an own
// one that forked children share. A Host shows its own signature to the name service, so that what it checked
// in is replaced or checked out by it alone. Entries end with their ports, not with the Host.
#pragma once

#include <string>

#include <servers/netname.h>

#include <umach/rights.hpp>

namespace umach {

class Host {
public:
    /// Joins the host, or makes it. returns: KERN_FAILURE when that cannot be; the detail says why.
    [[nodiscard]] static Result<Host> join() {
        if (task_self() == TASK_NULL) {
            return Error::last(KERN_FAILURE);
        }
        Result<ReceiveRight> signature = ReceiveRight::allocate();
        return signature ? Result(Host(std::move(*signature))) : signature.error();
    }

    /// Enters a port under a name. The task keeps its right. returns: as netname_check_in().
    Result<void> check_in(const std::string& name, PortName port) const {
        return Result<void>::from(
            netname_check_in(name_server_port, name.c_str(), signature_.name(), port.get()));
    }
    /// returns: as netname_look_up(), on this host alone.
    [[nodiscard]] Result<SendRight> look_up(const std::string& name) const {
        port_t port = PORT_NULL;
        const int code = netname_look_up(name_server_port, "", name.c_str(), &port);
        return code == NETNAME_SUCCESS ? Result(SendRight(port)) : Error::last(code);
    }
    /// returns: as netname_check_out().
    Result<void> check_out(const std::string& name) const {
        return Result<void>::from(netname_check_out(name_server_port, name.c_str(), signature_.name()));
    }

private:
    explicit Host(ReceiveRight signature) noexcept : signature_(std::move(signature)) {}

    ReceiveRight signature_;
};

}  // namespace umach
