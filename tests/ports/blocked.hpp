// SPDX-License-Identifier: BSL-1.0
// Threads of the fixture's task, each with a carrier of its own, that make one call which blocks. A thread
// ends when its object does, not before: what its end does for others must not hide what its call left
// undone.
#pragma once

#include "letter.hpp"
#include "ports/receive.hpp"
#include "ports/task.hpp"
#include "ports/thread.hpp"

#include <atomic>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <sched.h>
#include <thread>

namespace umach::ports {

inline bool is_blocked(Kernel& k, std::uint32_t thread) {
    return k.thread(thread).wait.get().state == WaitState::waiting;
}

class Blocked {
public:
    // Returns when the call has blocked.
    Blocked(Caller& caller, std::function<msg_return_t(Caller&)> call)
        : k_(caller.k),
          result_(code_.get_future()),
          thread_([this, &caller, call = std::move(call)] { run(caller, call); }) {
        std::uint32_t thread = 0;
        while ((thread = index_.load()) == 0 || !is_blocked(k_, thread)) sched_yield();
    }
    Blocked(const Blocked&) = delete;
    ~Blocked() {
        may_end_.set_value();
        thread_.join();
    }

    // Waits until the call has returned; once.
    msg_return_t result() { return result_.get(); }

private:
    void run(Caller& caller, const std::function<msg_return_t(Caller&)>& call) {
        const std::uint32_t slot = k_.machine().claim_carrier();
        ASSERT_NE(slot, 0u);
        runtime::Carrier carrier(k_.machine().carrier(slot), slot);
        k_.machine().doorbells().prepare(carrier.record().doorbell, slot);
        carrier.record().process.put(caller.carrier.record().process.get());
        Caller self{k_, carrier, caller.task, begin_thread(k_, carrier, caller.task)};
        ASSERT_TRUE(self.thread);
        index_.store(self.thread.index);
        code_.set_value(call(self));
        may_end_.get_future().wait();
        end_carrier(k_, carrier, slot);
    }

    Kernel& k_;
    std::atomic<std::uint32_t> index_{0};
    std::promise<msg_return_t> code_;
    std::promise<void> may_end_;
    std::future<msg_return_t> result_;
    std::thread thread_;   // last: it uses the rest
};

// One that receives.
class Receiver {
public:
    // room: size of its buffer, bytes
    Receiver(Caller& caller, port_name_t port, msg_size_t room = Letter::most_bytes,
             msg_option_t options = MSG_OPTION_NONE)
        : letter_(Letter::from(port, room)),
          call_(caller,
                [this, options](Caller& self) { return receive(self, letter_.header(), options, 0); }) {}

    msg_return_t result() { return call_.result(); }
    msg_id_t id() { return letter_.header()->msg_id; }

private:
    Letter letter_;
    Blocked call_;   // last: it uses the letter
};

}  // namespace umach::ports
