// SPDX-License-Identifier: BSL-1.0
#include "names_held.hpp"

#include <sys/wait.h>

#include <gtest/gtest.h>

namespace umach::test {

std::map<port_t, port_type_t> names_held() {
    port_name_array_t names = nullptr;
    port_type_array_t types = nullptr;
    unsigned names_count = 0;
    unsigned types_count = 0;
    const int code = port_names(task_self(), &names, &names_count, &types, &types_count);
    EXPECT_EQ(code, KERN_SUCCESS);
    std::map<port_t, port_type_t> held;
    for (unsigned i = 0; i < names_count; ++i) held[names[i]] = types[i];
    vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(names), names_count * sizeof *names);
    vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(types), types_count * sizeof *types);
    return held;
}

port_type_t type_of(port_t name) {
    port_type_t type = PORT_TYPE_NONE;
    port_type(task_self(), name, &type);
    return type;
}

int exit_code(int pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace umach::test
