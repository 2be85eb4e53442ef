// SPDX-License-Identifier: BSL-1.0
// Making, finding and joining named hosts from outside.
#include "tasks/mach25/face.hpp"

#include <umach_inspect.h>
#include <unistd.h>
#include <cerrno>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <string_view>

using namespace umach;
using namespace umach::tasks;

namespace {

kern_return_t code_of(const runtime::Fault& fault) {
    runtime::set_detail("%s", fault.what.c_str());
    switch (fault.error) {
        case EINVAL: return KERN_INVALID_ARGUMENT;
        case EADDRINUSE: return KERN_NAME_EXISTS;
        case EBUSY: return KERN_FAILURE;
        case ECONNREFUSED: return KERN_INVALID_HOST;
        case EPERM:
        case EPROTO: return KERN_NO_ACCESS;
        default: return KERN_RESOURCE_SHORTAGE;
    }
}

template <class Kind>
bool kind_of(const char* text, std::initializer_list<std::pair<const char*, Kind>> kinds, const char* what,
             Kind* kind) {
    if (text == nullptr) return true;
    for (const auto& [name, value] : kinds) {
        if (std::string_view(name) != text) continue;
        *kind = value;
        return true;
    }
    runtime::set_detail("there is no kind of %s called \"%s\"", what, text);
    return false;
}

// returns: nothing when a kind is unknown
std::optional<HostSizes> sizes_of(const umach_host_options_t& options) {
    using runtime::DoorbellKind;
    using runtime::SegmentKind;
    HostSizes sizes;
    sizes.segment = SegmentKind::posix;
    const bool segment = kind_of<SegmentKind>(
        options.segment,
        {{"posix", SegmentKind::posix}, {"sysv", SegmentKind::sysv}, {"anonymous", SegmentKind::anonymous}},
        "segment", &sizes.segment);
    const bool doorbell =
        segment &&
        kind_of<DoorbellKind>(
            options.doorbell,
            {{"futex", DoorbellKind::futex}, {"posix", DoorbellKind::posix}, {"sysv", DoorbellKind::sysv}},
            "doorbell", &sizes.doorbell);
    if (!doorbell) return std::nullopt;
    if (options.ports != 0) sizes.ports = options.ports;
    if (options.tasks != 0) sizes.tasks = options.tasks;
    if (options.threads != 0) sizes.threads = options.threads;
    if (options.message_bytes != 0) sizes.message_bytes = options.message_bytes;
    if (options.pool_bytes != 0) sizes.pool_bytes = options.pool_bytes;
    if (options.task_memory != 0) sizes.memory_of_a_task = options.task_memory;
    if (options.task_in_flight != 0) sizes.flight_of_a_task = options.task_in_flight;
    return sizes;
}

// A keeper's socket listens; those of its members' connections have the same name.
std::string listening_name(const std::string& line, const std::string& prefix) {
    const bool listens = line.find(" 00010000 ") != std::string::npos;
    const auto at = line.find(prefix);
    return listens && at != std::string::npos ? line.substr(at + prefix.size()) : std::string();
}

}  // namespace

extern "C" {

kern_return_t umach_host_create(const char* name, const umach_host_options_t* options) {
    return with_detail([&] {
        if (name == nullptr) return code_of({EINVAL, "a host to be found needs a name"});
        const auto sizes = sizes_of(options != nullptr ? *options : umach_host_options_t{});
        if (!sizes) return KERN_INVALID_ARGUMENT;
        const auto made = make_named_host(name, *sizes);
        return made.ok() ? KERN_SUCCESS : code_of(made.fault());
    });
}

kern_return_t umach_host_attach(const char* name) {
    return with_detail([&] {
        if (name == nullptr) return code_of({EINVAL, "a host to be joined has a name"});
        const auto joined = attach_for_looking(name);
        return joined.ok() ? KERN_SUCCESS : code_of(joined.fault());
    });
}

kern_return_t umach_host_list(void (*visit)(const char*, void*), void* context) {
    return with_detail([&] {
        std::ifstream sockets("/proc/net/unix");
        if (!sockets) {
            runtime::set_detail("/proc/net/unix cannot be read");
            return KERN_FAILURE;
        }
        const std::string prefix = "@umach/" + std::to_string(geteuid()) + "/";
        std::set<std::string> names;
        for (std::string line; std::getline(sockets, line);)
            if (std::string name = listening_name(line, prefix); !name.empty()) names.insert(std::move(name));
        for (const std::string& name : names) visit(name.c_str(), context);
        return KERN_SUCCESS;
    });
}

}  // extern "C"
