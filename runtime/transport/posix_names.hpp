// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: POSIX queues, which can only be made under a name. Their warden makes them, and
// removes the names that are left when their maker has ended, however it ended.
//
// A name is a queue's until it is removed, and then perhaps another one's. So each queue has a lock, of its
// open files: who listens at the name shares it; who removes the name of a listener that has ended takes it
// alone, and then looks whether the name is that queue's still. A queue whose lock is free has no listener.
#pragma once

#include "runtime/descriptor.hpp"
#include "runtime/transport/transport.hpp"

namespace umach::transport {

constexpr std::size_t queue_message_bytes = 4'096;

// A queue at which this process listens. Its name goes with this object; or with the last process that has a
// copy of it, by a fork.
class NamedQueue {
public:
    // A name whose listener was killed is taken over.
    // returns: EADDRINUSE when somebody listens there, or it is the name of a queue that is not to be used
    static runtime::Outcome<NamedQueue> make(const std::string& name, const Allowed& allowed);

    NamedQueue(NamedQueue&&) noexcept = default;
    NamedQueue& operator=(NamedQueue&&) = delete;
    ~NamedQueue();

    int get() const noexcept { return queue_.get(); }
    const std::string& name() const noexcept { return name_; }

private:
    NamedQueue(std::string name, int number, runtime::Descriptor queue, runtime::Descriptor lifeline);

    std::string name_;
    int number_;
    runtime::Descriptor queue_, lifeline_;
};

// returns: that queue, at which somebody listens; or ECONNREFUSED, or EPERM when it is not to be used
runtime::Outcome<runtime::Descriptor> open_listened(const std::string& name, const Allowed& allowed);

struct NamelessQueues {
    runtime::Descriptor first, second;
};

// Two queues whose names are gone.
runtime::Outcome<NamelessQueues> make_nameless_queues();

// returns: why it is refused: it is no queue, of somebody who is not allowed, or open to others
runtime::Outcome<void> check_queue(int queue, const std::string& what, const Allowed& allowed);

}  // namespace umach::transport
