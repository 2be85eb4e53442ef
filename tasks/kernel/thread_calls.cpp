// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/thread_calls.hpp"

#include "ports/thread.hpp"
#include "ports/thread_calls.hpp"
#include "runtime/detail.hpp"
#include "tasks/kernel/serve.hpp"
#include "tasks/start_thread.hpp"
#include "tasks/suspension.hpp"
#include "tasks/termination.hpp"
#include "tasks/thread_state.hpp"

#include <mach/thread_special_ports.h>
#include <mach/thread_status.h>

#include <cstring>

namespace umach::tasks::calls {
namespace {

using runtime::set_detail;

// Mach's number of a special port, as the kernel counts them.
bool special_of(int which, std::uint32_t* special) {
    switch (which) {
        case THREAD_KERNEL_PORT: *special = ports::thread_kernel; return true;
        case THREAD_REPLY_PORT: *special = ports::thread_reply_port; return true;
        case THREAD_EXCEPTION_PORT: *special = ports::thread_exception; return true;
        default: set_detail("%d is not the number of a thread's special port", which); return false;
    }
}

static_assert(sizeof(Registers) == x86_THREAD_STATE64_COUNT * sizeof(int));

bool is_state(int flavor) {
    if (flavor == x86_THREAD_STATE64) return true;
    set_detail("%d is no flavor of state", flavor);
    return false;
}

}  // namespace

kern_return_t thread_create(Caller& caller, TaskRef task, Port* child) {
    const ThreadRef made =
        ports::make_thread(caller.k, caller.carrier, task, ports::CarrierKind::os_thread, true);
    if (!made) return KERN_RESOURCE_SHORTAGE;
    const kern_return_t code = ports::thread_port(caller, made, &child->value);
    if (code != KERN_SUCCESS) ports::end_thread(caller.k, caller.carrier, made);
    return code;
}

kern_return_t thread_terminate(Caller& caller, ThreadRef thread) {
    return terminate(caller, thread);
}

kern_return_t thread_get_state(Caller& caller, ThreadRef thread, Int flavor, Array<Int>* state) {
    if (!is_state(flavor.value)) return KERN_INVALID_ARGUMENT;
    Registers registers{};
    const kern_return_t code = get_registers(caller, thread, &registers);
    if (code != KERN_SUCCESS) return code;
    state->values.resize(x86_THREAD_STATE64_COUNT);
    std::memcpy(state->values.data(), registers.data(), sizeof registers);
    return KERN_SUCCESS;
}

kern_return_t thread_set_state(Caller& caller, ThreadRef thread, Int flavor, List<Int> state) {
    if (!is_state(flavor.value)) return KERN_INVALID_ARGUMENT;
    if (state.values.size() < x86_THREAD_STATE64_COUNT) {
        set_detail("%zu integers, and a state has %zu", state.values.size(), x86_THREAD_STATE64_COUNT);
        return KERN_INVALID_ARGUMENT;
    }
    Registers registers{};
    std::memcpy(registers.data(), state.values.data(), sizeof registers);
    return set_registers(caller, thread, registers);
}

kern_return_t thread_suspend(Caller& caller, ThreadRef thread) {
    const kern_return_t code = ports::suspend(caller, thread);
    if (code == KERN_SUCCESS) carry_out(caller, thread);
    return code;
}

kern_return_t thread_resume(Caller& caller, ThreadRef thread) {
    const kern_return_t code = ports::resume(caller, thread);
    if (code != KERN_SUCCESS) return code;
    carry_out(caller, thread);
    const kern_return_t started = start_if_resumed(seated()->host, thread);
    if (started == KERN_FAILURE) ports::suspend(caller, thread);  // it cannot run: nobody else has started it
    return started;
}

kern_return_t thread_abort(Caller& caller, ThreadRef thread) {
    return ports::abort(caller, thread);
}

kern_return_t thread_get_special_port(Caller& caller, ThreadRef thread, Int which, Port* special_port) {
    std::uint32_t special = 0;
    if (!special_of(which.value, &special)) return KERN_INVALID_ARGUMENT;
    return ports::get_thread_special(caller, thread, special, &special_port->value);
}

kern_return_t thread_set_special_port(Caller& caller, ThreadRef thread, Int which, Port special_port) {
    std::uint32_t special = 0;
    if (!special_of(which.value, &special)) return KERN_INVALID_ARGUMENT;
    return ports::set_thread_special(caller, thread, special, special_port.value);
}

}  // namespace umach::tasks::calls

namespace umach::tasks {
namespace {

constexpr auto rows = std::to_array<Call>({
    call<calls::thread_terminate>(2016, "thread_terminate"),
    call<counted<calls::thread_get_state>>(2017, "thread_get_state", {"flavor", "count", "old_state"}),
    call<calls::thread_set_state>(2018, "thread_set_state", {"flavor", "new_state"}),
    call<counted<calls::thread_info>>(2019, "thread_info", {"flavor", "count", "info"}),
    call<calls::thread_create>(2062, "thread_create", {"child_thread"}),
    call<calls::thread_suspend>(2063, "thread_suspend"),
    call<calls::thread_resume>(2064, "thread_resume"),
    call<calls::thread_abort>(2065, "thread_abort"),
    call<calls::thread_get_special_port>(2068, "thread_get_special_port", {"which", "special_port"}),
    call<calls::thread_set_special_port>(2069, "thread_set_special_port", {"which", "special_port"}),
});

}  // namespace

constinit const Calls thread_calls{rows};

}  // namespace umach::tasks
