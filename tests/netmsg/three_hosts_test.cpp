// SPDX-License-Identifier: BSL-1.0
// A port whose owner and receiver are on two hosts, and which comes from a third that joins these two.
#include <deque>

#include "servers/netmsg/space.hpp"
#include "tests/netmsg/hosts.hpp"
#include "tests/netmsg/running_tool.hpp"

namespace umach::netmsg::test {
namespace {

class ThreeHosts : public testing::Test {
protected:
    void SetUp() override {
        for (const std::string& name : names_) {
            hosts_.emplace_back(std::vector<std::string>{"host", name});
            ASSERT_TRUE(hosts_.back().says("is ready"));
        }
        const std::string address = "unix:@" + names_[0];
        links_.emplace_back(std::vector<std::string>{"link", names_[0], "--listen", address});
        ASSERT_TRUE(links_[0].says("listening at"));
        for (int i = 1; i < 3; ++i) {
            links_.emplace_back(std::vector<std::string>{"link", names_[i], "--connect", address});
            ASSERT_TRUE(links_[i].says("joined with " + names_[0]));
        }
    }
    void TearDown() override {
        links_.clear();
        for (const std::string& name : names_) EXPECT_TRUE(Tool({"check", name}).says("no rule broken"));
    }

    // The middle gives ownership of a port to the owner's host and the port itself to the receiver's, and sends to it.
    void play(const std::function<void(port_t)>& owner, const std::function<void(port_t)>& receiver) {
        const pid_t owns = member(names_[1], [&] { owner(next(service("owner")).name()); });
        const pid_t receives = member(names_[2], [&] { receiver(next(service("receiver")).name()); });
        const pid_t gives = member(names_[0], [&] {
            const port_t port = service("port");
            const port_t to_owner = looked_up(names_[1], "owner"), to_receiver = looked_up(names_[2], "receiver");
            for (int i = 0; i < 2; ++i) EXPECT_EQ(Letter(port, i).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
            EXPECT_EQ(Letter(to_owner).item(MSG_TYPE_PORT_OWNERSHIP, {port}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
            EXPECT_EQ(Letter(to_receiver).item(MSG_TYPE_PORT_RECEIVE, {port}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
        });
        for (const pid_t one : {gives, owns, receives}) expect_well(one);
    }

    port_t found_in_the_middle(const char* name) const { return looked_up(names_[0], name); }
    void lose_owners_host() { links_[1].kill_it(); }
    void lose_receivers_host() { links_[2].kill_it(); }

private:
    std::vector<std::string> names_{own_name("middle"), own_name("owns"), own_name("receives")};
    std::deque<Tool> hosts_, links_;
};

TEST_F(ThreeHosts, AReceiverThatGivesUpAPortLeavesItToItsOwnerOnAnotherHostWithItsQueue) {
    play(
        [](port_t port) {
            const port_type_t type = type_of(port);   // the receiver may have been quicker
            EXPECT_TRUE(type == PORT_TYPE_OWN || type == PORT_TYPE_RECEIVE_OWN) << type;
            EXPECT_TRUE(told(NOTIFY_RECEIVE_RIGHTS, port));
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
            EXPECT_EQ(next(port)->msg_id, 1);
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
        },
        [](port_t port) {
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE);
            EXPECT_EQ(next(port)->msg_id, 0);
            while (waiting_at(port) == 0) sched_yield();   // the second is on its way until then
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
        });
}

TEST_F(ThreeHosts, AnOwnerThatGivesUpAPortLeavesItToItsReceiverOnAnotherHost) {
    play([](port_t port) { EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS); },
        [](port_t port) {
            EXPECT_TRUE(told(NOTIFY_OWNERSHIP_RIGHTS, port));
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
            for (int i = 0; i < 2; ++i) EXPECT_EQ(next(port)->msg_id, i);
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
        });
}

TEST_F(ThreeHosts, AnOwnersHostThatIsLostLeavesThePortToItsReceiverOnAnotherHost) {
    play(
        [this](port_t port) {
            EXPECT_EQ(type_of(port), PORT_TYPE_OWN);
            lose_owners_host();
            EXPECT_TRUE(told(NOTIFY_RECEIVE_RIGHTS, port)) << "each of the two has a port then";
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
        },
        [](port_t port) {
            EXPECT_TRUE(told(NOTIFY_OWNERSHIP_RIGHTS, port));
            EXPECT_EQ(next(port)->msg_id, 0);
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
        });
}

TEST_F(ThreeHosts, AReceiversHostThatIsLostLeavesThePortToItsOwnerOnAnotherHost) {
    play(
        [this](port_t port) {
            EXPECT_TRUE(told(NOTIFY_RECEIVE_RIGHTS, port));
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
            EXPECT_EQ(found_in_the_middle("port"), port) << "who sends to it goes on doing so";
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
        },
        [this](port_t port) {
            EXPECT_EQ(next(port)->msg_id, 0);
            lose_receivers_host();
            EXPECT_TRUE(told(NOTIFY_OWNERSHIP_RIGHTS, port)) << "each of the two has a port then";
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
        });
}

}  // namespace
}  // namespace umach::netmsg::test
