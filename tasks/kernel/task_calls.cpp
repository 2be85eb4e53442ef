// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/task_calls.hpp"

#include "ports/calls.hpp"
#include "ports/task.hpp"
#include "ports/thread_calls.hpp"
#include "tasks/kernel/serve.hpp"
#include "tasks/start_thread.hpp"
#include "tasks/suspension.hpp"
#include "tasks/termination.hpp"

#include <cerrno>

namespace umach::tasks::calls {

using ports::ThreadRef;

kern_return_t task_create(Caller& caller, TaskRef parent, Bool, Port* child) {
    const auto process = static_cast<std::uint32_t>(caller.carrier.record().process.get());
    const TaskRef made =
        ports::create_task(caller.k, caller.carrier, process, parent, program_invocation_short_name);
    if (!made) return KERN_RESOURCE_SHORTAGE;
    const kern_return_t code = ports::task_port(caller, made, &child->value);
    if (code != KERN_SUCCESS) ports::end_task(caller.k, caller.carrier, made);
    return code;
}

kern_return_t task_terminate(Caller& caller, TaskRef task) {
    return terminate(caller, task);
}

kern_return_t task_threads(Caller& caller, TaskRef task, Array<Port>* threads) {
    const kern_return_t code = ports::threads(caller, task, &threads->values);
    if (code != KERN_SUCCESS)  // there was no room for all of them
        for (const port_t name : threads->values) ports::release(caller, caller.task, name, PORT_TYPE_SEND);
    return code;
}

kern_return_t task_suspend(Caller& caller, TaskRef task) {
    const kern_return_t code = ports::suspend(caller, task);
    if (code != KERN_SUCCESS) return code;
    for (const ThreadRef thread : ports::threads_of(caller, task)) carry_out(caller, thread);
    return KERN_SUCCESS;
}

kern_return_t task_resume(Caller& caller, TaskRef task) {
    kern_return_t code = ports::resume(caller, task);
    if (code != KERN_SUCCESS) return code;
    for (const ThreadRef thread : ports::threads_of(caller, task)) {
        carry_out(caller, thread);
        if (start_if_resumed(seated()->host, thread) == KERN_RESOURCE_SHORTAGE) code = KERN_RESOURCE_SHORTAGE;
    }
    return code;
}

}  // namespace umach::tasks::calls

namespace umach::tasks {
namespace {

constexpr auto rows = std::to_array<Call>({
    call<calls::task_create>(2007, "task_create", {"inherit_memory", "child_task"}),
    call<calls::task_terminate>(2008, "task_terminate"),
    call<calls::task_threads>(2011, "task_threads", {"thread_list"}),
    call<counted<calls::task_info>>(2012, "task_info", {"flavor", "count", "info"}),
    call<calls::task_suspend>(2057, "task_suspend"),
    call<calls::task_resume>(2058, "task_resume"),
});

}  // namespace

constinit const Calls task_calls{rows};

}  // namespace umach::tasks
