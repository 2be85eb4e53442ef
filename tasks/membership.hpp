// SPDX-License-Identifier: BSL-1.0
// The process's membership in its host, and the seat that each of its threads has there.
//
// A process is in no host until one of its threads calls in. Then it joins the host of the process that it
// was forked from, or the one that UMACH_HOST names, or makes an anonymous one. A forked child is in none: it
// has the host's name, its parent's task, and nothing else. A thread's seat (carrier and thread of control)
// is made by its first call and given up when the thread ends; process exit needs no goodbye.
#pragma once

#include "tasks/host.hpp"

#include "runtime/fault_handler.hpp"

namespace umach::tasks {

struct Seat {
    Seat(Host& in, runtime::Carrier on, ports::TaskRef task, ports::ThreadRef thread)
        : host(in), carrier(on), caller{in.kernel(), carrier, task, thread} {}
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    Host& host;
    runtime::Carrier carrier;
    ports::Caller caller;
};

// The calling thread's seat, made now if it has none; its life word is armed.
// waits: at the first call of a process, for the keeper
// returns: nullptr when there is none to be had; runtime::detail() says why
Seat* enter();

// Gives the calling thread, which has none, a seat in a task of its own, which the process has beside its
// main one.
Seat* enter_as_server(Host& host, const char* program);

// The host that this process is in; nullptr when it has not called in yet.
Host* current_host();

// A call of the program's into the kernel. A fault on the way that is not a checked copy's marks the thread
// dead.
class Trap {
public:
    Trap();
    ~Trap() { runtime::fault_hook = nullptr; }
    Trap(const Trap&) = delete;
    Trap& operator=(const Trap&) = delete;

    explicit operator bool() const { return seat_ != nullptr; }
    ports::Caller& caller() const { return seat_->caller; }
    Host& host() const { return seat_->host; }

private:
    Seat* seat_;
};

}  // namespace umach::tasks
