// SPDX-License-Identifier: BSL-1.0
#include "tasks/mach25/face.hpp"
#include "tasks/readiness.hpp"

#include <umach.h>

using namespace umach;
using namespace umach::tasks;

extern "C" kern_return_t port_set_fd(task_t task, port_name_t name, int* descriptor) {
    return on_object(task, ports::PortKind::task, [&](const Trap& trap, const ports::KernelObject& whose) {
        return giving(descriptor, [&](int* made) {
            Host& host = trap.host();
            if (whose.task != trap.caller().task || whose.task != host.task()) {
                runtime::set_detail("only the ports of the process's own task can be mirrored in descriptors");
                return KERN_INVALID_ARGUMENT;
            }
            Readiness* readiness = Readiness::of(host);
            return readiness != nullptr ? readiness->open(trap.caller(), name, made) : KERN_RESOURCE_SHORTAGE;
        });
    });
}
