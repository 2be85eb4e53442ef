// SPDX-License-Identifier: BSL-1.0
// The message calls. A wait that a signal interrupts goes on for the time that is left, inside the kernel, so
// that nothing needs to be issued again here.
#include "ports/receive.hpp"
#include "ports/send.hpp"
#include "tasks/mach25/face.hpp"
#include "tasks/readiness.hpp"

#include <array>
#include <cstddef>
#include <cstring>

using namespace umach;
using namespace umach::tasks;

namespace {

// Puts other values into two fields of a caller's header while a call runs.
class BorrowedHeader {
public:
    explicit BorrowedHeader(msg_header_t* header) : header_(header) {
        usable_ = runtime::copy_in(&before_, header, sizeof before_) &&
                  runtime::probe_write(header, sizeof before_);
    }
    bool usable() const { return usable_; }
    bool set(msg_size_t size, port_t local) { return put(size, local); }
    void set_back(bool size_too) {
        msg_header_t now{};
        if (!runtime::copy_in(&now, header_, sizeof now)) return;
        static_cast<void>(put(size_too ? before_.msg_size : now.msg_size, before_.msg_local_port));
    }
    const msg_header_t& before() const { return before_; }

private:
    bool put(msg_size_t size, port_t local) {
        msg_header_t changed = before_;
        changed.msg_size = size;
        changed.msg_local_port = local;
        return runtime::copy_out(header_, &changed, sizeof changed);
    }

    msg_header_t* header_;
    msg_header_t before_{};
    bool usable_ = false;
};

msg_return_t send_copy(ports::Caller& caller, const msg_header_t* header, msg_option_t option,
                       msg_size_t size, msg_timeout_t timeout) {
    alignas(8) std::array<std::byte, MSG_SIZE_MAX> copy;
    if (size > MSG_SIZE_MAX) return SEND_MSG_TOO_LARGE;
    if (size < sizeof(msg_header_t)) return SEND_MSG_TOO_SMALL;
    const std::size_t whole = (std::size_t{size} + 3) & ~std::size_t{3};
    if (!runtime::copy_in(copy.data(), header, whole)) return SEND_INVALID_MEMORY;
    std::memcpy(copy.data() + offsetof(msg_header_t, msg_size), &size, sizeof size);
    return ports::send(caller, reinterpret_cast<const msg_header_t*>(copy.data()), option, timeout);
}

msg_return_t receive_by_name(ports::Caller& caller, msg_header_t* header, msg_option_t option,
                             msg_size_t size, port_name_t name, msg_timeout_t timeout) {
    BorrowedHeader borrowed(header);
    if (!borrowed.usable() || !borrowed.set(size, name)) return RCV_INVALID_MEMORY;
    const msg_return_t code = ports::receive(caller, header, option, timeout);
    if (code != RCV_SUCCESS) borrowed.set_back(code != RCV_TOO_LARGE);
    return code;
}

msg_return_t call_with_size(ports::Caller& caller, msg_header_t* header, msg_option_t option,
                            msg_size_t send_size, msg_size_t receive_size, msg_timeout_t send_timeout,
                            msg_timeout_t receive_timeout) {
    BorrowedHeader borrowed(header);
    if (!borrowed.usable() || !borrowed.set(send_size, borrowed.before().msg_local_port))
        return SEND_INVALID_MEMORY;
    const msg_return_t code = ports::rpc(caller, header, option, receive_size, send_timeout, receive_timeout);
    if (code != RPC_SUCCESS) borrowed.set_back(code != RCV_TOO_LARGE);
    return code;
}

// A receive that leaves a port empty clears the descriptor that mirrors it.
msg_return_t received(const Trap& trap, msg_return_t code) {
    Readiness* mirrored = trap.host().readiness();
    if (code == RCV_SUCCESS && mirrored != nullptr) mirrored->after_receive(trap.caller());
    return code;
}

// Runs a message call, which returns `refused` when this process is in no host.
template <class Body>
msg_return_t trap_in(msg_return_t refused, Body&& body) {
    return with_detail([&] {
        const Trap trap;
        return trap ? body(trap) : refused;
    });
}

}  // namespace

extern "C" {

msg_return_t msg_send(msg_header_t* header, msg_option_t option, msg_timeout_t timeout) {
    return trap_in(SEND_KERNEL_REFUSED,
                   [&](const Trap& t) { return ports::send(t.caller(), header, option, timeout); });
}

msg_return_t msg_receive(msg_header_t* header, msg_option_t option, msg_timeout_t timeout) {
    return trap_in(RCV_INVALID_PORT, [&](const Trap& t) {
        return received(t, ports::receive(t.caller(), header, option, timeout));
    });
}

msg_return_t msg_rpc(msg_header_t* header, msg_option_t option, msg_size_t rcv_size,
                     msg_timeout_t send_timeout, msg_timeout_t rcv_timeout) {
    return trap_in(SEND_KERNEL_REFUSED, [&](const Trap& t) {
        return ports::rpc(t.caller(), header, option, rcv_size, send_timeout, rcv_timeout);
    });
}

msg_return_t msg_send_trap(msg_header_t* header, msg_option_t option, msg_size_t send_size,
                           msg_timeout_t timeout) {
    return trap_in(SEND_KERNEL_REFUSED,
                   [&](const Trap& t) { return send_copy(t.caller(), header, option, send_size, timeout); });
}

msg_return_t msg_receive_trap(msg_header_t* header, msg_option_t option, msg_size_t rcv_size,
                              port_name_t rcv_name, msg_timeout_t timeout) {
    return trap_in(RCV_INVALID_PORT, [&](const Trap& t) {
        return received(t, receive_by_name(t.caller(), header, option, rcv_size, rcv_name, timeout));
    });
}

msg_return_t msg_rpc_trap(msg_header_t* header, msg_option_t option, msg_size_t send_size,
                          msg_size_t rcv_size, msg_timeout_t send_timeout, msg_timeout_t rcv_timeout) {
    return trap_in(SEND_KERNEL_REFUSED, [&](const Trap& t) {
        return call_with_size(t.caller(), header, option, send_size, rcv_size, send_timeout, rcv_timeout);
    });
}

}  // extern "C"
