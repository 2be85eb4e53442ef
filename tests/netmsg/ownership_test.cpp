// SPDX-License-Identifier: BSL-1.0
// Ownership and the receive right of a port on two hosts.
#include "servers/netmsg/space.hpp"
#include "tests/netmsg/hosts.hpp"

#include <sched.h>

namespace umach::netmsg::test {
namespace {

using Role = std::function<void(Side&, port_t)>;

class Owning : public testing::TestWithParam<LinkInTest> {
protected:
    // The one looks up what the other has checked in.
    void on(const Role& lender, const Role& worker) {
        const auto here = [&](Side& side) {
            side.hear();
            lender(side, side.found_there("service"));
        };
        const auto there = [&](Side& side) {
            const port_t service = side.checked_in("service");
            side.tell();
            worker(side, service);
        };
        on_two_hosts(GetParam(), here, there);
    }
};
INSTANTIATE_TEST_SUITE_P(, Owning, testing::ValuesIn(links_in_test()),
                         [](const auto& param) { return std::string(param.param.name); });

void send(port_t to, unsigned code, port_t right, port_t reply = PORT_NULL) {
    EXPECT_EQ(Letter(to, 0, reply).item(code, {right}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
}

// A new port, to which a send right stays when its other rights have gone.
port_t made_with_send_right() {
    const port_t port = made(), way = made();
    send(way, MSG_TYPE_PORT, port);
    EXPECT_EQ(next(way).name(), port);
    return port;
}

TEST_P(Owning, APortThatIsGivenUpMovesToItsOwnerOnTheOtherHostWithItsQueueAndSenders) {
    on(
        [](Side& side, port_t service) {
            const port_t port = made_with_send_right();
            send(service, MSG_TYPE_PORT_OWNERSHIP, port);
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE);
            send(service, MSG_TYPE_PORT, port);
            EXPECT_EQ(Letter(port, 1).send(), SEND_SUCCESS);
            EXPECT_EQ(port_release(task_self(), port, PORT_TYPE_RECEIVE), KERN_SUCCESS);
            EXPECT_EQ(Letter(port, 2).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
            side.hear();
            EXPECT_TRUE(told(NOTIFY_PORT_DELETED, port));
        },
        [](Side& side, port_t service) {
            Letter got = next(service);
            EXPECT_EQ(got.code(), static_cast<unsigned>(MSG_TYPE_PORT_OWNERSHIP));
            const port_t port = got.name();
            EXPECT_EQ(next(service).name(), port);
            EXPECT_TRUE(told(NOTIFY_RECEIVE_RIGHTS, port));
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
            EXPECT_EQ(next(port)->msg_id, 1);
            EXPECT_EQ(next(port)->msg_id, 2);
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
            side.tell();
        });
}

TEST_P(Owning, OwnershipThatTheOtherHostGivesUpIsTheReceiversAgain) {
    on(
        [](Side&, port_t service) {
            const port_t port = made();
            send(service, MSG_TYPE_PORT_OWNERSHIP, port);
            EXPECT_TRUE(told(NOTIFY_OWNERSHIP_RIGHTS, port));
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
        },
        [](Side&, port_t service) {
            EXPECT_EQ(port_deallocate(task_self(), next(service).name()), KERN_SUCCESS);
        });
}

TEST_P(Owning, OwnershipComesHomeAsTheOriginal) {
    on(
        [](Side&, port_t service) {
            const port_t port = made(), back = made();
            send(service, MSG_TYPE_PORT_OWNERSHIP, port, back);
            EXPECT_EQ(next(back).name(), port);
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
            EXPECT_EQ(type_of(port), PORT_TYPE_NONE);
        },
        [](Side&, port_t service) {
            Letter got = next(service);
            send(got->msg_remote_port, MSG_TYPE_PORT_OWNERSHIP, got.name());
        });
}

TEST_P(Owning, APortThatIsLentToTheOtherHostComesBackWithItsQueue) {
    on(
        [](Side& side, port_t service) {
            const port_t port = made();
            send(service, MSG_TYPE_PORT_RECEIVE, port);
            EXPECT_EQ(type_of(port), PORT_TYPE_OWN);
            EXPECT_EQ(Letter(port, 1).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
            EXPECT_EQ(Letter(port, 2).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
            side.tell();
            EXPECT_TRUE(told(NOTIFY_RECEIVE_RIGHTS, port));
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
            EXPECT_EQ(next(port)->msg_id, 2);
        },
        [](Side& side, port_t service) {
            const port_t port = next(service).name();
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE);
            EXPECT_EQ(next(port)->msg_id, 1);
            side.hear();
            while (waiting_at(port) == 0) sched_yield();   // what is still on its way is not in the queue
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
        });
}

TEST_P(Owning, OwnershipThatFollowsAPortMakesItsReceiverTheOwner) {
    on(
        [](Side&, port_t service) {
            const port_t port = made();
            send(service, MSG_TYPE_PORT_RECEIVE, port);
            send(service, MSG_TYPE_PORT_OWNERSHIP, port);
            EXPECT_TRUE(told(NOTIFY_PORT_DELETED, port));
        },
        [](Side&, port_t service) {
            const port_t port = next(service).name();
            EXPECT_EQ(next(service).name(), port);
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
        });
}

TEST_P(Owning, TheReceiverOwnsAPortWhoseOwnerOnTheOtherHostGivesItUp) {
    on(
        [](Side&, port_t service) {
            const port_t port = made_with_send_right();
            send(service, MSG_TYPE_PORT_RECEIVE, port);
            EXPECT_EQ(port_release(task_self(), port, PORT_TYPE_OWN), KERN_SUCCESS);
            EXPECT_TRUE(told(NOTIFY_PORT_DELETED, port));
        },
        [](Side&, port_t service) {
            const port_t port = next(service).name();
            EXPECT_TRUE(told(NOTIFY_OWNERSHIP_RIGHTS, port));
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
        });
}

TEST_P(Owning, ALostLinkLeavesAPortToItsOwnerAndOneToItsReceiver) {
    on(
        [](Side& side, port_t service) {
            const port_t port = made();
            send(service, MSG_TYPE_PORT_OWNERSHIP, port);
            EXPECT_TRUE(told(NOTIFY_OWNERSHIP_RIGHTS, port));
            side.hear();
        },
        [](Side& side, port_t service) {
            const port_t port = next(service).name();
            side.kill_server();
            EXPECT_TRUE(told(NOTIFY_RECEIVE_RIGHTS, port));
            side.tell();
        });
}

}  // namespace
}  // namespace umach::netmsg::test
