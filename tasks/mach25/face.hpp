// SPDX-License-Identifier: BSL-1.0
// What the entry points of the Mach 2.5 C API have in common: into the kernel, to what a name stands for, and
// out again with the cause of a failure kept for mach_error_detail().
#pragma once

#include "ports/calls.hpp"
#include "ports/kernel_port.hpp"
#include "runtime/checked_copy.hpp"
#include "runtime/detail.hpp"
#include "tasks/membership.hpp"

#include <mach.h>

namespace umach::tasks {

// Keeps why this thread's call failed: what the kernel said, or else what the code means.
// returns: the code
int keep_detail(int code);

// Forgets what earlier calls on the way said, then runs a call that returns a code.
template <class Body>
int with_detail(Body&& body) {
    runtime::clear_detail();
    const int code = body();
    if (code != 0) keep_detail(code);
    after_trap();
    return code;
}

constexpr const char* said_of(ports::PortKind kind) {
    return kind == ports::PortKind::task     ? "a task's"
           : kind == ports::PortKind::thread ? "a thread's"
           : kind == ports::PortKind::memory ? "a memory object's"
                                             : "the host's";
}

// Runs a call on what a name stands for: the object of a kernel port of that kind.
template <class Body>
kern_return_t on_object(port_t name, ports::PortKind kind, Body&& body) {
    return with_detail([&] {
        const Trap trap;
        if (!trap) return KERN_RESOURCE_SHORTAGE;
        const ports::KernelObject object = ports::object_of_name(trap.caller(), name);
        if (object.kind == kind && trap.is_of_live_task()) return body(trap, object);
        runtime::set_detail("%d is not the name of %s kernel port", name, said_of(kind));
        return KERN_INVALID_ARGUMENT;
    });
}

// A result of a call, and where the caller wants it: looked at before the call does anything.
template <class T>
class Result {
public:
    explicit Result(T* where) : where_(where), usable_(runtime::probe_write(where, sizeof(T))) {}
    bool usable() const { return usable_; }
    // returns: KERN_INVALID_ADDRESS only if the memory has gone during the call
    kern_return_t give(T value) const {
        return runtime::copy_out(where_, &value, sizeof value) ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
    }

private:
    T* where_;
    bool usable_;
};

kern_return_t no_such_memory();  // KERN_INVALID_ADDRESS, with its cause

// Runs the part of a call that has one result.
template <class T, class Body>
kern_return_t giving(T* where, Body&& body) {
    const Result<T> result(where);
    if (!result.usable()) return no_such_memory();
    T value{};
    const kern_return_t code = body(&value);
    return code == KERN_SUCCESS ? result.give(value) : code;
}

// Copies values into fresh memory of the caller's task, as vm_allocate() gives it; none for an empty array.
// returns: false when there is no memory
bool allocate_array(const void* values, std::size_t bytes, void** array);

template <class T>
kern_return_t give_array(const T* values, std::size_t count, const Result<T*>& array,
                         const Result<unsigned int>& number) {
    void* memory = nullptr;
    if (!allocate_array(values, count * sizeof(T), &memory)) return KERN_RESOURCE_SHORTAGE;
    const kern_return_t code = array.give(static_cast<T*>(memory));
    return code == KERN_SUCCESS ? number.give(static_cast<unsigned int>(count)) : code;
}

}  // namespace umach::tasks
