// SPDX-License-Identifier: BSL-1.0
// What tasks, threads and the host tell of themselves.
#include "tasks/info.hpp"

#include "tasks/mach25/room.hpp"

#include <mach/host_interface.h>
#include <mach/task_interface.h>
#include <mach/thread_interface.h>

using namespace umach::tasks;

extern "C" {

kern_return_t task_info(task_t target_task, int flavor, task_info_t task_info_out,
                        unsigned int* task_info_count) {
    return direct_counted<calls::task_info>(target_task, flavor, task_info_out, task_info_count);
}

kern_return_t thread_info(thread_t target_thread, int flavor, thread_info_t thread_info_out,
                          unsigned int* thread_info_count) {
    return direct_counted<calls::thread_info>(target_thread, flavor, thread_info_out, thread_info_count);
}

kern_return_t host_info(host_t host, int flavor, host_info_t host_info_out, unsigned int* host_info_count) {
    return direct_counted<calls::host_info>(host, flavor, host_info_out, host_info_count);
}

}  // extern "C"
