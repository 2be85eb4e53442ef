// SPDX-License-Identifier: BSL-1.0
// Descriptors that serve this process alone: sockets of a membership, pidfds of a keeper. All of them are
// closed on exec, and a forked child closes its copies at once: a copy would keep a connection open after its
// owner has gone.
#pragma once

#include "runtime/descriptor.hpp"

#include <mutex>
#include <utility>

namespace umach::tasks {

// Held while such a descriptor is made, so that no fork comes between its making and its being noted.
std::mutex& private_descriptors_lock();

// For the handlers of fork, in parent and child: what is noted is closed in the child.
void close_private_descriptors_in_child();

// The one that a child which the calling thread forks keeps nevertheless; -1: none.
extern constinit thread_local int kept_in_child;

class PrivateDescriptor {
public:
    PrivateDescriptor() = default;
    PrivateDescriptor(PrivateDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    PrivateDescriptor& operator=(PrivateDescriptor&& other) noexcept {
        if (this != &other) {
            close();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }
    ~PrivateDescriptor() { close(); }

    // Runs `open`, which returns a descriptor or -1, and notes what it made.
    template <class Open>
    static PrivateDescriptor from(Open&& open) {
        const std::lock_guard guard(private_descriptors_lock());
        return PrivateDescriptor(open());
    }

    // Makes a pipe whose reading end is the program's to close. A forked child closes its copy of that, too,
    // unless the program has put something else under the number.
    // returns: the writing end; neither end blocks
    static PrivateDescriptor pipe_to_program(int* reader);

    int get() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }
    void close();

private:
    explicit PrivateDescriptor(int number);
    int number_ = -1;
};

}  // namespace umach::tasks
