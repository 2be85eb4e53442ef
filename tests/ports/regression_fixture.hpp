// SPDX-License-Identifier: BSL-1.0
// What tests of bugs that were found share: a hang fails the test, and at its end the audit finds nothing
// wrong, neither before nor after the fixture's task has ended with all that the test left to it.
#pragma once

#include "blocked.hpp"
#include "letter.hpp"
#include "stepped.hpp"

#include "ports/space.hpp"

#include <memory>

namespace umach::ports {

class RegressionFixture : public SteppedFixture {
protected:
    static constexpr unsigned most_seconds = 180;   // far more than any of them takes on a busy machine

    RegressionFixture() { alarm(most_seconds); }
    ~RegressionFixture() override { alarm(0); }

    void TearDown() override {
        check("at the end");
        end_task(*k_, *carrier_, caller_->task);
        check("after the task has ended");
    }

    TaskRecord& task() { return k_->task(caller_->task.index); }
    PortRef port_of(TaskRef holder, port_name_t name) {
        TaskRecord& record = k_->task(holder.index);
        return entry(*k_, record, find_name(*k_, record, static_cast<std::uint32_t>(name))).port;
    }
    PortRef port_of(port_name_t name) { return port_of(caller_->task, name); }

    void drop(port_name_t name) {
        EXPECT_EQ(deallocate(*caller_, caller_->task, name), KERN_SUCCESS) << runtime::detail();
    }
    port_name_t new_port() {
        port_name_t name = PORT_NULL;
        EXPECT_EQ(allocate(*caller_, caller_->task, &name), KERN_SUCCESS) << runtime::detail();
        return name;
    }

    // Sends, as the fixture's task or as another.
    msg_return_t post(Letter letter, msg_option_t options = SEND_TIMEOUT) {
        return post_as(*caller_, letter, options);
    }
    static msg_return_t post_as(Caller& caller, Letter letter, msg_option_t options = SEND_TIMEOUT) {
        return send(caller, letter.header(), options, 0);
    }
    msg_return_t fetch(port_name_t port, Letter* got) {
        *got = Letter::from(port);
        return receive(*caller_, got->header(), RCV_TIMEOUT, 0);
    }

    // Sends a right through the task's own port.
    // returns: its name on arrival
    port_name_t round_trip(std::uint32_t code, port_name_t name) {
        Letter got(PORT_NULL);
        EXPECT_EQ(post(Letter(port_).with(code, name)), SEND_SUCCESS) << runtime::detail();
        EXPECT_EQ(fetch(port_, &got), RCV_SUCCESS) << runtime::detail();
        return got.name(0);
    }

    // A port that the task can receive from and has a send right to.
    port_name_t new_port_with_send() {
        const port_name_t name = new_port();
        EXPECT_EQ(round_trip(MSG_TYPE_PORT, name), name);
        return name;
    }

    // Whether the task still has the name.
    bool knows(port_name_t name) { return find_name(*k_, task(), static_cast<std::uint32_t>(name)) != 0; }

    void expect_own(port_name_t name) {
        PortStatus found{};
        EXPECT_EQ(status(*caller_, caller_->task, name, &found), KERN_SUCCESS);
        EXPECT_TRUE(found.receive_rights);
        EXPECT_TRUE(found.ownership);
    }

    // returns: the port that a notification is about
    port_name_t next_notice(int id) {
        Letter got(PORT_NULL);
        EXPECT_EQ(fetch(notify_name(*caller_), &got), RCV_SUCCESS);
        EXPECT_EQ(got.header()->msg_id, id);
        return got.name(0);
    }
};

}  // namespace umach::ports
