// SPDX-License-Identifier: BSL-1.0
#include "tasks/termination.hpp"

#include "ports/task.hpp"
#include "ports/thread_calls.hpp"
#include "runtime/clock.hpp"
#include "runtime/detail.hpp"
#include "runtime/nap.hpp"
#include "tasks/keeper.hpp"
#include "tasks/process_identity.hpp"
#include "tasks/spawn.hpp"
#include "tasks/suspension.hpp"

#include <sys/syscall.h>
#include <unistd.h>
#include <csignal>

namespace umach::tasks {
namespace {

using ports::Kernel;
using ports::ProcessRef;
using ports::TaskRef;
using ports::ThreadRef;

bool is_there(Kernel& k, ThreadRef thread) {
    return k.ref_of_thread(thread.index) == thread;
}

// Who waits for others says that he is outside: they may be waiting for him. Then his own records may be ended meanwhile,
// at which the rest of the call does not look.
void wait_until_outside(ports::Caller& c, ThreadRef thread) {
    ports::ThreadRecord& own = c.k.thread(c.thread.index);
    ports::go_outside(own);
    for (runtime::Nap nap; is_there(c.k, thread) && ports::may_be_inside(c.k.thread(thread.index)); nap.next()) {
    }
    ports::come_inside(own);
}

// Whether it is the first thread of a process that has not called in yet, and would take another one for its own.
bool is_process_to_come(Kernel& k, ThreadRef thread) {
    const ports::ThreadRecord& record = k.thread(thread.index);
    const auto of_process = static_cast<std::uint8_t>(ports::CarrierKind::of_process);
    return is_there(k, thread) && record.identity.get().kind == of_process && record.carrier.get() == 0;
}

// Looked at after what was read of the two: if it holds, that was theirs and no later task's or process's.
bool lives_in(Kernel& k, TaskRef task, ProcessRef process) {
    return k.task(task.index).process.get() == process.index && k.ref_of_task(task.index) == task &&
           ports::ref_of_process(k, process.index) == process;
}

// Whether the program has another task in the task's process.
bool shares_its_process(Kernel& k, TaskRef task, ProcessRef process) {
    for (std::uint32_t i = 1; i < k.zone(ports::zone_tasks).fresh(); ++i) {
        const ports::TaskRecord& other = k.task(i);
        const bool counts = other.identity.get().life == ports::Life::live && other.serves.get() == 0;
        if (i != task.index && counts && other.process.get() == process.index) return true;
    }
    return false;
}

// The keeper cleans up; if that was the keeper's process, who succeeds it does, and there may be nobody else to.
kern_return_t kill_process(Kernel& k, TaskRef task, ProcessRef process) {
    const auto pidfd = pidfd_of(identity_of(k.process(process.index)));
    if (pidfd && lives_in(k, task, process)) syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    const auto deadline = runtime::Deadline::in(std::chrono::seconds(5));
    for (runtime::Nap nap; k.ref_of_task(task.index) == task; nap.next()) {
        if (deadline.passed())
            return runtime::set_detail("its process was killed, but nobody has cleaned up after it"),
                   KERN_FAILURE;
        look_after(k);
    }
    reap_processes();  // it may be a child of this one
    return KERN_SUCCESS;
}

kern_return_t end_records(ports::Caller& c, TaskRef task) {
    const kern_return_t code = ports::begin_termination(c, task);
    if (code != KERN_SUCCESS) return code;
    for (const ThreadRef thread : ports::threads_of(c, task)) {
        if (thread == c.thread) continue;
        carry_out(c, thread);
        wait_until_outside(c, thread);
    }
    ports::end_task(c.k, c.carrier, task);
    c.k.settle(c.carrier);
    return KERN_SUCCESS;
}

}  // namespace

kern_return_t terminate(ports::Caller& c, ThreadRef thread) {
    if (is_process_to_come(c.k, thread)) return terminate(c, c.k.thread(thread.index).task.get());
    const kern_return_t code = ports::begin_termination(c, thread);
    if (code != KERN_SUCCESS) return code;
    if (thread != c.thread) {
        carry_out(c, thread);
        wait_until_outside(c, thread);
    }
    ports::end_thread(c.k, c.carrier, thread, true);
    c.k.settle(c.carrier);
    return KERN_SUCCESS;
}

kern_return_t terminate(ports::Caller& c, TaskRef task) {
    Kernel& k = c.k;
    const ProcessRef process = ports::ref_of_process(k, k.task(task.index).process);
    const bool shares = shares_its_process(k, task, process);
    if (!lives_in(k, task, process)) return runtime::set_detail("the task has ended"), KERN_INVALID_ARGUMENT;
    if (process.index == 0) return runtime::set_detail("the host's own task"), KERN_INVALID_ARGUMENT;
    if (shares) return end_records(c, task);
    if (process.index != c.carrier.record().process.get()) return kill_process(k, task, process);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

}  // namespace umach::tasks
