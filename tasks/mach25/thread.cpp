// SPDX-License-Identifier: BSL-1.0
// Threads of control: Mach's calls, and those of <umach_threads.h>.
#include "ports/thread_calls.hpp"
#include "runtime/clock.hpp"
#include "tasks/fiber/scheduler.hpp"
#include "tasks/fiber_threads.hpp"
#include "tasks/kernel/thread_calls.hpp"
#include "tasks/mach25/room.hpp"
#include "tasks/spawn.hpp"
#include "tasks/start_thread.hpp"

#include <mach/thread_interface.h>
#include <umach_threads.h>

#include <unistd.h>

using namespace umach;
using namespace umach::tasks;

namespace {

runtime::Deadline deadline_of(msg_timeout_t timeout) {
    if (timeout == UMACH_FOREVER) return runtime::Deadline::never();
    return runtime::Deadline::in(std::chrono::milliseconds(timeout));
}

template <class Ask>
port_t ask(Ask&& name) {
    port_t answer = PORT_NULL;
    with_detail([&] {
        const Trap trap;
        if (!trap) return KERN_RESOURCE_SHORTAGE;
        answer = name(trap.caller());
        return answer != PORT_NULL ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
    });
    return answer;
}

kern_return_t no_more_waits() {
    if (runtime::detail()[0] == 0) runtime::set_detail("the calling thread was terminated");
    return KERN_RESOURCE_SHORTAGE;
}

}  // namespace

extern "C" {

thread_t thread_self(void) {
    return ask(ports::thread_self_name);
}

port_t thread_reply(void) {
    return ask(ports::reply_name);
}

port_t host_self(void) {
    return ask(ports::host_name);
}

kern_return_t thread_create(task_t parent_task, thread_t* child_thread) {
    return direct<calls::thread_create>(parent_task, child_thread);
}

kern_return_t thread_terminate(thread_t target_thread) {
    return direct<calls::thread_terminate>(target_thread);
}

kern_return_t thread_suspend(thread_t target_thread) {
    return direct<calls::thread_suspend>(target_thread);
}

kern_return_t thread_resume(thread_t target_thread) {
    return direct<calls::thread_resume>(target_thread);
}

kern_return_t thread_abort(thread_t target_thread) {
    return direct<calls::thread_abort>(target_thread);
}

kern_return_t thread_get_state(thread_t target_thread, int flavor, thread_state_t old_state,
                               unsigned int* old_state_count) {
    return direct_counted<calls::thread_get_state>(target_thread, flavor, old_state, old_state_count);
}

kern_return_t thread_set_state(thread_t target_thread, int flavor, thread_state_t new_state,
                               unsigned int new_state_count) {
    return direct<calls::thread_set_state>(target_thread, flavor,
                                           Given<int, THREAD_STATE_MAX>{new_state, new_state_count});
}

kern_return_t thread_get_special_port(thread_t target_thread, int which, port_t* special_port) {
    return direct<calls::thread_get_special_port>(target_thread, which, special_port);
}

kern_return_t thread_set_special_port(thread_t target_thread, int which, port_t special_port) {
    return direct<calls::thread_set_special_port>(target_thread, which, special_port);
}

// ---- on any carrier ---------------------------------------------------------------------------------------

kern_return_t umach_thread_create(task_t task, umach_carrier_t carrier, umach_function_t function, void* argument,
                                  thread_t* thread) {
    if (carrier == UMACH_PROCESS) flush_output();
    return on_object(task, ports::PortKind::task, [&](const Trap& trap, const ports::KernelObject& object) {
        const auto kind = static_cast<ports::CarrierKind>(carrier);
        if (carrier < UMACH_FIBER || carrier > UMACH_PROCESS || function == nullptr) {
            runtime::set_detail(function == nullptr ? "there is no function to run" : "%d is no kind of carrier", carrier);
            return KERN_INVALID_ARGUMENT;
        }
        Work work = [function, argument] { function(argument); };
        return giving(thread, [&](port_t* name) {
            return kind == ports::CarrierKind::of_process ? start_process(trap, object.task, std::move(work), name)
                                                          : start_thread(trap, object.task, kind, std::move(work), name);
        });
    });
}

// The end of a wait whose thread was terminated stops here: a destructor may be waiting.
kern_return_t umach_thread_join(thread_t thread, msg_timeout_t timeout) {
    const Held held;
    return with_detail([&] {
        try {
            const Trap trap;
            if (!trap || trap.seat().is_terminated()) return no_more_waits();
            const kern_return_t code = ports::join(trap.caller(), thread, deadline_of(timeout));
            reap_processes();
            return code;
        } catch (const FiberEnds&) {
            return no_more_waits();
        }
    });
}

kern_return_t umach_task_join(task_t task, msg_timeout_t timeout) {
    return umach_thread_join(task, timeout);
}

kern_return_t umach_thread_park(msg_timeout_t timeout) {
    return with_detail([&] {
        const Trap trap;
        return trap ? ports::park_self(trap.caller(), deadline_of(timeout)) : KERN_RESOURCE_SHORTAGE;
    });
}

kern_return_t umach_thread_unpark(thread_t thread) {
    return on_object(thread, ports::PortKind::thread, [](const Trap& trap, const ports::KernelObject& object) {
        return ports::unpark(trap.caller(), object.thread);
    });
}

void umach_thread_yield(void) {
    after_trap();
    yield_to_siblings(seated());
}

kern_return_t umach_task_spawn(const char* path, char* const argv[], char* const env[], task_t* task) {
    return with_detail([&] {
        const Trap trap;
        if (!trap) return KERN_RESOURCE_SHORTAGE;
        if (path == nullptr || argv == nullptr) return KERN_INVALID_ARGUMENT;
        return giving(task, [&](port_t* name) { return start_program(trap, path, argv, env != nullptr ? env : environ, name); });
    });
}

void umach_fiber_seed(unsigned long long seed) {
    {
        const Trap trap;
        if (trap) seed_fibers(trap.seat(), seed);
    }
    after_trap();
}

unsigned long long umach_fiber_switches(void) {
    const Seat* seat = seated();
    return seat != nullptr ? switches_of_fibers(*seat) : 0;
}

const char* umach_fiber_guard(void) {
    const Seat* seat = seated();
    return seat != nullptr ? guard_of_fibers(*seat) : "none";
}

}  // extern "C"
