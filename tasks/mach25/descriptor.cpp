// SPDX-License-Identifier: BSL-1.0
#include "tasks/mach25/face.hpp"
#include "tasks/readiness.hpp"

#include <umach.h>

using namespace umach;
using namespace umach::tasks;

extern "C" kern_return_t port_set_fd(task_t task, port_name_t name, int* descriptor) {
    return on_task_for(task, descriptor, [&](ports::Caller& c, ports::TaskRef whose, int* made) {
        Host& host = *current_host();
        if (whose != c.task || whose != host.task()) {
            runtime::set_detail("only the ports of the process's own task can be mirrored in descriptors");
            return KERN_INVALID_ARGUMENT;
        }
        Readiness* readiness = Readiness::of(host);
        return readiness != nullptr ? readiness->open(c, name, made) : KERN_RESOURCE_SHORTAGE;
    });
}
