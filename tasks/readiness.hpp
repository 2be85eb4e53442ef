// SPDX-License-Identifier: BSL-1.0
// Descriptors that are readable while a port or port set has something to receive: each the reading end of a
// pipe that holds bytes just then. A hidden thread of the process watches the ports and writes, one byte for
// each arrival that it sees; the receive that leaves a port empty takes the bytes out. The thread closes its
// end when the port can no longer be received from, which hangs the descriptor up.
//
// Looking at a port and acting upon the pipe is one act under the lock here; so whoever acts last has seen
// last.
#pragma once

#include "tasks/host.hpp"
#include "tasks/private_descriptor.hpp"

#include <mach/kern_return.h>
#include <mach/port.h>

#include <condition_variable>
#include <list>
#include <mutex>

namespace umach::tasks {

struct Seat;

class Readiness {
public:
    // The one of a host, made at first use, with its thread, which is of a task of its own that serves: who looks at
    // the program's tasks does not see it, nor does it end with one of them.
    // returns: nullptr when there is no room for the thread; runtime::detail() says why
    static Readiness* of(Host& host);

    // Makes a descriptor for a port or set of the caller's task, which is the process's main task.
    // returns: as port_set_fd()
    kern_return_t open(ports::Caller& caller, port_name_t name, int* descriptor);

    // After a receive: what is empty now is not readable any more.
    void after_receive(ports::Caller& receiver);

private:
    struct Mirror {
        port_name_t name = PORT_NULL;
        PrivateDescriptor pipe;  // the writing end
        std::uint32_t arrivals = 0;
        unsigned bytes = 0;  // in the pipe
    };

    explicit Readiness(ports::TaskRef task) : task_(task) {}
    bool start(Host& host);
    void be_watcher(Seat& seat);
    void watch();
    bool look_once();
    void mirror_all(ports::Caller& watcher);
    bool mirror(ports::Caller& caller, Mirror& mirror);
    void forget_if_last(ports::Caller& caller, port_name_t name);

    std::mutex lock_;
    std::condition_variable first_;
    std::list<Mirror> mirrors_;
    std::atomic<unsigned> mirrored_{0};  // how many, for receives to look at without the lock
    std::uint32_t thread_ = 0;           // the watcher's; 0: there is none
    const ports::TaskRef task_;          // whose ports are mirrored

    // Who calls, on behalf of the task whose ports they are.
    ports::Caller for_task(const ports::Caller& caller) const { return {caller.k, caller.carrier, task_, caller.thread}; }
};

}  // namespace umach::tasks
