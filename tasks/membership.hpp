// SPDX-License-Identifier: BSL-1.0
// The process's membership in its host, and the seat that each of its threads has there.
//
// A process is in no host until one of its threads calls in. Then it joins the host of the process that it
// was forked from, or the one that UMACH_HOST names, or makes an anonymous one. A forked child is in none: it
// has the host's name, its parent's task, and nothing else. A thread's seat (carrier and thread of control)
// is made by its first call and given up when the thread ends; process exit needs no goodbye. Fibers have seats of
// their own on the carrier of their OS thread, and take turns in it.
#pragma once

#include "tasks/host.hpp"

#include "ports/thread_calls.hpp"
#include "runtime/fault_handler.hpp"

namespace umach::tasks {

class FiberThreads;

struct Seat {
    Seat(Host& in, runtime::Carrier on, ports::TaskRef task, ports::ThreadRef thread)
        : host(in), carrier(on), caller{in.kernel(), carrier, task, thread} {}
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    ports::ThreadRecord& record() { return host.kernel().thread(caller.thread.index); }
    bool is_terminated() { return ports::is_terminated(host.kernel(), caller.thread); }
    bool is_suspended() { return ports::is_suspended(host.kernel(), caller.thread); }

    Host& host;
    runtime::Carrier carrier;
    ports::Caller caller;
    FiberThreads* fibers = nullptr;  // of its OS thread, once that carries several threads of control
    bool is_fiber = false;           // one of them, not the OS thread's own
    int held = 0;                    // calls under way that do not unwind it
    bool unwinding = false;
};

// The calling thread's seat, made now if it has none; its life word is armed.
// waits: at the first call of a process, for the keeper
// returns: nullptr when there is none to be had; runtime::detail() says why
Seat* enter();

// Gives the calling thread, which has none, a seat in a task of its own, which the process has beside its
// main one and which serves the host.
Seat* enter_as_server(Host& host, const char* program);

// Gives the calling thread, which has none, the seat of a thread of control that was made for it.
// returns: nullptr when there is no carrier, or the thread was terminated before it began
Seat* enter_as(Host& host, ports::ThreadRef thread);

// The seat of a fiber on the calling thread's carrier.
// returns: nullptr when the thread was terminated before it began
Seat* seat_of_fiber(Seat& beside, ports::ThreadRef thread);
// Ends the fiber's thread of control.
void leave_seat_of_fiber(Seat* seat);

// Whose turn it is on the calling OS thread; nullptr when it has not called in.
Seat* seated();
void sit(Seat* seat);

// The host that this process is in; nullptr when it has not called in yet.
Host* current_host();

// Ends the calling thread of control, which was terminated: unwinds the fiber or the OS thread; the last
// thread of the program ends the process.
[[noreturn]] void unwind(Seat& seat);
// Whether the thread's calls may do so: not while it is held, nor while it is being unwound.
bool may_unwind(const Seat& seat);

// While there is one, the calling thread's calls do not unwind it. For calls that destructors make.
class Held {
public:
    Held() : seat_(seated()) { change(+1); }
    ~Held() { change(-1); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

private:
    void change(int by) const {
        if (seat_ != nullptr) seat_->held += by;
    }
    Seat* seat_;
};

// A call of the program's into the kernel. A fault on the way that is not a checked copy's marks the thread
// dead. A thread that was terminated does not come in but is unwound. If it is held it may still work on the names of its
// task, while that lives; if it is being unwound already, its other calls fail.
class Trap {
public:
    Trap();
    ~Trap();
    Trap(const Trap&) = delete;
    Trap& operator=(const Trap&) = delete;

    explicit operator bool() const { return seat_ != nullptr; }
    ports::Caller& caller() const { return seat_->caller; }
    Host& host() const { return seat_->host; }
    Seat& seat() const { return *seat_; }
    // Without its thread the caller's task may have ended, and another have its record: a name that was looked up before
    // this is true was one of the caller's own.
    bool is_of_live_task() const;

private:
    void leave();
    Seat* seat_;
    bool is_without_thread_ = false;
};

// Between a trap and the program: a thread that was terminated is unwound, one that is suspended stands still, and a
// fiber that this one has rung runs at once.
void after_trap();

}  // namespace umach::tasks
