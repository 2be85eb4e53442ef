// SPDX-License-Identifier: BSL-1.0
#include "names.hpp"

#include <algorithm>

#include <mach.h>

namespace spool {

bool is_file_name(std::string_view name) {
    const bool plain = std::none_of(name.begin(), name.end(), [](char c) { return c == '/' || c == '\0'; });
    return plain && !name.empty() && name.size() <= 250 && name.front() != '.';
}

std::size_t names_held() {
    port_name_array_t names = nullptr;
    port_type_array_t types = nullptr;
    unsigned names_count = 0;
    unsigned types_count = 0;
    if (port_names(task_self(), &names, &names_count, &types, &types_count) != KERN_SUCCESS) {
        return 0;
    }
    vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(names), names_count * sizeof *names);
    vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(types), types_count * sizeof *types);
    return names_count;
}

}  // namespace spool
