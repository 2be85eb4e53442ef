// SPDX-License-Identifier: BSL-1.0
#include "tasks/exception.hpp"

#include "ports/calls.hpp"
#include "ports/receive.hpp"
#include "runtime/detail.hpp"
#include "runtime/fault_handler.hpp"
#include "tasks/fiber/scheduler.hpp"
#include "tasks/suspension.hpp"
#include "tasks/thread_state.hpp"

#include <mach/exception.h>

#include <ucontext.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <cstring>
#include <optional>

namespace umach::tasks {
namespace {

// ---- what happened ----------------------------------------------------------------------------------------

struct Exception {
    int kind;
    int code;
    std::uint64_t subcode;
};

std::uint64_t address_of(const siginfo_t& info) {
    return reinterpret_cast<std::uint64_t>(info.si_addr);
}

// returns: nothing for a signal that somebody else has sent
std::optional<Exception> exception_of(int signal, const siginfo_t& info) {
    if (signal == SIGABRT) {
        const bool own = info.si_code == SI_TKILL && info.si_pid == getpid();
        return own ? std::optional(Exception{EXC_SOFTWARE, EXC_UNIX_ABORT, 0}) : std::nullopt;
    }
    if (info.si_code <= 0) return std::nullopt;
    switch (signal) {
        case SIGSEGV:
            return Exception{EXC_BAD_ACCESS, info.si_code == SEGV_MAPERR ? KERN_INVALID_ADDRESS : KERN_PROTECTION_FAILURE,
                             address_of(info)};
        case SIGBUS: return Exception{EXC_BAD_ACCESS, KERN_INVALID_ADDRESS, address_of(info)};
        case SIGILL: return Exception{EXC_BAD_INSTRUCTION, info.si_code, address_of(info)};
        case SIGFPE: return Exception{EXC_ARITHMETIC, info.si_code, address_of(info)};
        default: return std::nullopt;
    }
}

// ---- whom to ask ------------------------------------------------------------------------------------------

bool has_exception_port(Seat* seat, Host& host) {
    ports::Kernel& k = host.kernel();
    if (seat != nullptr && seat->record().special[ports::thread_exception].get()) return true;
    const ports::TaskRef task = seat != nullptr ? seat->caller.task : host.task();
    return static_cast<bool>(k.task(task.index).special[ports::special_exception].get());
}

// A fiber that waits makes way for others, who would run on the same alternate stack at their next fault.
bool can_wait_here(const Seat* seat) {
    stack_t alternate{};
    sigaltstack(nullptr, &alternate);
    return seat == nullptr || seat->fibers == nullptr || (alternate.ss_flags & SS_ONSTACK) == 0;
}

bool is_to_be_asked() {
    Seat* seat = seated();
    Host* host = seat != nullptr ? &seat->host : current_host();
    return !is_at_work() && host != nullptr && has_exception_port(seat, *host) && can_wait_here(seat);
}

// ---- the question -----------------------------------------------------------------------------------------

union Letter {
    exc_raise_request_t request;
    exc_raise_reply_t reply;
};

port_name_t exception_port_of(ports::Caller& caller) {
    port_name_t name = PORT_NULL;
    ports::get_thread_special(caller, caller.thread, ports::thread_exception, &name);
    if (name == PORT_NULL) ports::get_special(caller, caller.task, ports::special_exception, &name);
    return name;
}

constexpr msg_type_t item(unsigned int code, unsigned int bits) {
    return {code & 0xff, bits & 0xff, 1, 1, 0, 0, 0};
}

void write(Letter& letter, ports::Caller& caller, port_name_t to, const Exception& what) {
    exc_raise_request_t& request = letter.request;
    request = {};
    request.header.msg_size = sizeof request;
    request.header.msg_remote_port = to;
    request.header.msg_local_port = ports::reply_name(caller);
    request.header.msg_id = EXC_RAISE_ID;
    request.thread_type = request.task_type = item(MSG_TYPE_PORT, 32);
    request.thread = ports::thread_self_name(caller);
    request.task = ports::self_name(caller);
    request.exception_type = request.code_type = item(MSG_TYPE_INTEGER_32, 32);
    request.exception = what.kind;
    request.code = what.code;
    request.subcode_type = item(MSG_TYPE_INTEGER_64, 64);
    request.subcode = what.subcode;
}

bool lets_go_on(const exc_raise_reply_t& reply) {
    const bool is_reply = reply.header.msg_id == EXC_RAISE_REPLY_ID && reply.header.msg_size == sizeof reply &&
                          reply.code_type.msg_type_name == MSG_TYPE_INTEGER_32;
    return is_reply && reply.code == KERN_SUCCESS;
}

// returns: whether the thread is to go on
bool ask(ports::Caller& caller, const Exception& what) {
    const port_name_t to = exception_port_of(caller);
    if (to == PORT_NULL) return false;
    Letter letter;
    write(letter, caller, to, what);
    const msg_return_t code = ports::rpc(caller, &letter.request.header, MSG_OPTION_NONE, sizeof letter, 0, 0);
    ports::release(caller, caller.task, to, PORT_TYPE_SEND);
    return code == RPC_SUCCESS && lets_go_on(letter.reply);
}

// While the thread waits it is outside the fault: what it would be sent where it faulted may come, and so may the faults
// of its siblings.
class Unmasked {
public:
    explicit Unmasked(const void* context) {
        sigset_t mask;
        sigemptyset(&mask);
        std::memcpy(&mask, &static_cast<const ucontext_t*>(context)->uc_sigmask, 8);
        pthread_sigmask(SIG_SETMASK, &mask, &before_);
    }
    ~Unmasked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    Unmasked(const Unmasked&) = delete;
    Unmasked& operator=(const Unmasked&) = delete;

private:
    sigset_t before_;
};

// The program may yet ask why its last call failed.
class KeptDetail {
public:
    KeptDetail() { std::strncpy(said_.data(), runtime::detail(), said_.size() - 1); }
    ~KeptDetail() { said_[0] != 0 ? runtime::set_detail("%s", said_.data()) : runtime::clear_detail(); }
    KeptDetail(const KeptDetail&) = delete;
    KeptDetail& operator=(const KeptDetail&) = delete;

private:
    std::array<char, runtime::detail_bytes> said_{};
};

bool ask_in_trap(const Exception& what, void* context) {
    const Trap trap;
    if (!trap || trap.seat().is_terminated()) return false;
    show_registers(trap.caller(), context, ports::stands_in_exception);
    const bool goes_on = ask(trap.caller(), what);
    take_registers(trap.caller(), context, true);
    return goes_on;
}

// One that was terminated and is being unwound already cannot go on, nor be unwound from here: its process dies.
bool ask_or_end(const Exception& what, void* context) {
    try {
        return ask_in_trap(what, context);
    } catch (const FiberEnds&) {
        if (may_unwind(*seated())) throw;
        return false;
    }
}

bool raise(int signal, const siginfo_t* info, void* context) {
    const auto what = exception_of(signal, *info);
    if (!what || !is_to_be_asked()) return false;
    const KeptDetail kept;
    const Unmasked unmasked(context);
    if (!ask_or_end(*what, context)) return false;
    Seat* seat = seated();
    stand_still_in(*seat, context);
    if (seat->is_terminated() && may_unwind(*seat)) unwind(*seat);
    return true;
}

}  // namespace

void prepare_exceptions() {
    runtime::arm_fault_handler();
    runtime::fault_offer.store(raise);
}

}  // namespace umach::tasks
