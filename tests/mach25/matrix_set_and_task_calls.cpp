// SPDX-License-Identifier: BSL-1.0
#include "matrix.hpp"

#include <servers/netname.h>
#include <umach.h>
#include <unistd.h>

namespace umach::tests {

namespace {

int set_deallocate(port_t name, port_t) {
    return port_set_deallocate(task_self(), name);
}
int set_add_to(port_t name, port_t spare) {
    return port_set_add(task_self(), name, spare);
}
int set_add(port_t name, port_t) {
    const Set set;
    return port_set_add(task_self(), set, name);
}
int set_remove(port_t name, port_t) {
    return port_set_remove(task_self(), name);
}
int set_remove_member(port_t name, port_t) {
    const Set set;
    port_set_add(task_self(), set, name);
    return port_set_remove(task_self(), name);
}
int set_status(port_t name, port_t) {
    port_t* members = nullptr;
    unsigned number = 7;
    const int code = port_set_status(task_self(), name, &members, &number);
    if (code == KERN_SUCCESS) {
        EXPECT_EQ(0u, number);
    }
    return code;
}

template <int which>
int set_special(port_t name, port_t) {
    port_t before = PORT_NULL;
    EXPECT_EQ(KERN_SUCCESS, task_get_special_port(task_self(), which, &before));
    const int code = task_set_special_port(task_self(), which, name);
    EXPECT_EQ(KERN_SUCCESS, task_set_special_port(task_self(), which, before));
    if (before != PORT_NULL) {
        EXPECT_EQ(KERN_SUCCESS, port_release(task_self(), before, PORT_TYPE_SEND));
    }
    return code;
}
int register_port(port_t name, port_t) {
    const int code = mach_ports_register(task_self(), &name, 1);
    if (code == KERN_SUCCESS) {
        EXPECT_EQ(KERN_SUCCESS, mach_ports_register(task_self(), nullptr, 0));
    }
    return code;
}

int as_task(port_t name, port_t) {
    port_t made = PORT_NULL;
    return port_allocate(name, &made);
}

int fd_of(port_t name, port_t) {
    int descriptor = -1;
    const int code = port_set_fd(task_self(), name, &descriptor);
    if (code == KERN_SUCCESS) {
        EXPECT_EQ(0, close(descriptor));
    }
    return code;
}

int vm_of(port_t name, port_t) {
    vm_address_t address = 0;
    return vm_allocate(name, &address, 4096, TRUE);
}

}  // namespace

// clang-format off
const std::vector<Row> matrix_of_set_and_task_calls = {
    //                                               S    R    O    A    B    1    D    T    U    N    X
    {"port_set_deallocate",  set_deallocate,        {ARG, ARG, ARG, ARG, ARG, ARG, ARG, OK,  ARG, ARG, ARG}},
    {"port_set_add_to",      set_add_to,            {ARG, ARG, ARG, ARG, ARG, ARG, ARG, OK,  ARG, ARG, ARG}},
    {"port_set_add",         set_add,               {NRC, OK,  NRC, OK,  OK,  NRC, NRC, ARG, ARG, ARG, ARG}},
    {"port_set_remove",      set_remove,            {NRC, NIS, NRC, NIS, NIS, NRC, NRC, ARG, ARG, ARG, ARG}},
    {"port_set_remove_after_add", set_remove_member,
                                                    {NRC, OK,  NRC, OK,  OK,  NRC, NRC, ARG, ARG, ARG, ARG}},
    {"port_set_status",      set_status,            {ARG, ARG, ARG, ARG, ARG, ARG, ARG, OK,  ARG, ARG, ARG}},
    {"task_set_bootstrap_port", set_special<TASK_BOOTSTRAP_PORT>,
                                                    {OK,  OK,  OK,  OK,  OK,  ARG, ARG, ARG, ARG, OK,  ARG}},
    {"task_set_exception_port", set_special<TASK_EXCEPTION_PORT>,
                                                    {OK,  OK,  OK,  OK,  OK,  ARG, ARG, ARG, ARG, OK,  ARG}},
    {"mach_ports_register",  register_port,         {OK,  OK,  OK,  OK,  OK,  ARG, ARG, ARG, ARG, OK,  ARG}},
    {"port_allocate_with_task", as_task,            {ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG}},
    {"vm_allocate_with_task", vm_of,                {ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_set_fd",          fd_of,                 {NRC, OK,  NRC, OK,  OK,  NRC, NRC, OK,  ARG, ARG, ARG}},
};
// clang-format on

}  // namespace umach::tests
