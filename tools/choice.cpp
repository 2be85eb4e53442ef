// SPDX-License-Identifier: BSL-1.0
#include "choice.hpp"

#include "command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mach_error.h>
#include <umach_inspect.h>

#include <cstdlib>

namespace umach::tools {
namespace {

std::string only_running_host() {
    const std::vector<std::string> names = running_hosts();
    if (names.empty()) throw Trouble("no host runs; `umach host NAME` makes one");
    if (names.size() > 1)
        throw Trouble(fmt::format("several hosts run, say which: {}", fmt::join(names, ", ")));
    return names.front();
}

std::string choose(const std::string& asked) {
    if (!asked.empty()) return asked;
    const char* named = std::getenv("UMACH_HOST");
    return named != nullptr && *named != '\0' ? named : only_running_host();
}

}  // namespace

std::vector<std::string> running_hosts() {
    std::vector<std::string> names;
    const auto add = [](const char* name, void* to) {
        static_cast<std::vector<std::string>*>(to)->emplace_back(name);
    };
    if (umach_host_list(add, &names) != KERN_SUCCESS) throw Trouble(mach_error_detail());
    return names;
}

std::string attach_to(const std::string& asked) {
    std::string name = choose(asked);
    if (umach_host_attach(name.c_str()) != KERN_SUCCESS) throw Trouble(mach_error_detail());
    return name;
}

}  // namespace umach::tools
