// SPDX-License-Identifier: BSL-1.0
// fork makes a new task; and what becomes of others when a task is killed in each of its waits.
#include "kinds.hpp"
#include "parties.hpp"

#include <signal.h>

#include <memory>

namespace umach::tests {
namespace {

class Fork : public Family {};

TEST_F(Fork, AChildIsATaskOfItsOwn) {
    Child child([] {
        ASSERT_EQ(SEND_SUCCESS, Letter(inherited(), 1).item(MSG_TYPE_PORT, {task_self()}).send());
        Letter().receive(task_notify(), RCV_TIMEOUT, patience);
    });
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(hub_, RCV_TIMEOUT, patience));
    EXPECT_NE(task_self(), got.name());
    EXPECT_EQ(PORT_TYPE_SEND, type_of(got.name()));
    child.kill();
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, got.name(), patience));
}

TEST_F(Fork, AChildsSpaceHasNoneOfItsParentsNames) {
    const Port port;
    const port_t name = port;
    Child child([name] {
        EXPECT_EQ(RCV_INVALID_PORT, Letter().receive(name));
        EXPECT_FALSE(status_of(name).receive);
        EXPECT_LE(names_of().size(), 4u) << "its kernel port, its notify port, bootstrap at most";
    });
    EXPECT_TRUE(child.wait());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
}

TEST_F(Fork, AChildTakesItsParentsRegisteredPorts) {
    Child child([] {
        EXPECT_EQ(SEND_SUCCESS, Letter(inherited(0), 10).send());
        EXPECT_EQ(SEND_SUCCESS, Letter(inherited(1), 11).send());
        EXPECT_EQ(PORT_NULL, inherited(2));
    });
    EXPECT_TRUE(child.wait());
    EXPECT_EQ(10, next_id(hub_));
    EXPECT_EQ(11, next_id(side_));
}

TEST_F(Fork, AChildTakesItsParentsBootstrapPort) {
    port_t before = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, task_get_special_port(self_, TASK_BOOTSTRAP_PORT, &before));
    ASSERT_EQ(KERN_SUCCESS, task_set_special_port(self_, TASK_BOOTSTRAP_PORT, hub_));
    Child child([] { EXPECT_EQ(SEND_SUCCESS, Letter(bootstrap_port, 12).send()); });
    EXPECT_TRUE(child.wait());
    EXPECT_EQ(12, next_id(hub_));
    EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, TASK_BOOTSTRAP_PORT, before));
    if (before != PORT_NULL) {
        EXPECT_EQ(KERN_SUCCESS, port_release(self_, before, PORT_TYPE_SEND));
    }
}

TEST_F(Fork, AGrandchildIsATaskToo) {
    Child child([] {
        EXPECT_NE(PORT_NULL, task_self());
        Child grandchild([] { EXPECT_EQ(SEND_SUCCESS, Letter(inherited(), 13).send()); });
        EXPECT_TRUE(grandchild.wait());
    });
    EXPECT_TRUE(child.wait());
    EXPECT_EQ(13, next_id(hub_));
}

TEST_F(Fork, AChildMayExchangeRightsWithItsParent) {
    Child child([] {
        port_t own = PORT_NULL;
        ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &own));
        ASSERT_EQ(SEND_SUCCESS, Letter(inherited(), 1, own).send());
        Letter got;
        ASSERT_EQ(RCV_SUCCESS, got.receive(own, RCV_TIMEOUT, patience));
        ASSERT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(got.name()));
        EXPECT_EQ((std::vector<int>{100, 101, 102}), all_ids(got.name()));
        EXPECT_EQ(SEND_SUCCESS, Letter(inherited(1), 2).item(MSG_TYPE_PORT_ALL, {got.name()}, true).send());
    });
    Letter hello;
    ASSERT_EQ(RCV_SUCCESS, hello.receive(hub_, RCV_TIMEOUT, patience));
    port_t port = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
    fill(port, 3);
    EXPECT_EQ(SEND_SUCCESS, send_right(hello->msg_remote_port, MSG_TYPE_PORT_ALL, port, true));
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(side_, RCV_TIMEOUT, patience));
    const Port back(got.name());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(back));
    EXPECT_TRUE(child.wait());
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, hello->msg_remote_port, patience));
}

TEST_F(Fork, MessagesOfAChildThatHasExitedStayToBeReceived) {
    Child child([] {
        for (int i = 0; i < 5; ++i) EXPECT_EQ(SEND_SUCCESS, Letter(inherited(), i).send());
    });
    EXPECT_TRUE(child.wait());
    EXPECT_EQ((std::vector<int>{0, 1, 2, 3, 4}), all_ids(hub_));
}

TEST_F(Fork, ManyChildrenOneAfterTheOtherLeaveNothingBehind) {
    for (int i = 0; i < 40; ++i) {
        Child child([i] { EXPECT_EQ(SEND_SUCCESS, Letter(inherited(), i).send()); });
        ASSERT_TRUE(child.wait());
        ASSERT_EQ(i, next_id(hub_));
    }
}

TEST_F(Fork, ManyChildrenAtOnceAllReachTheParent) {
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 24; ++i)
        children.push_back(std::make_unique<Child>(
            [i] { EXPECT_EQ(SEND_SUCCESS, Letter(inherited(), i).send(MSG_OPTION_NONE)); }));
    std::vector<bool> seen(24);
    for (int i = 0; i < 24; ++i) {
        const int id = next_id(hub_, patience);
        ASSERT_GE(id, 0);
        EXPECT_FALSE(seen[static_cast<std::size_t>(id)]);
        seen[static_cast<std::size_t>(id)] = true;
    }
    for (auto& child : children) EXPECT_TRUE(child->wait());
}

// ---- killed in each wait ----------------------------------------------------------------------------------

struct Wait {
    const char* name;
    void (*body)();
};

void wait_in_receive() {
    port_t own = PORT_NULL;
    port_allocate(task_self(), &own);
    Letter().receive(own, MSG_OPTION_NONE);
}
void wait_in_set() {
    port_t own = PORT_NULL;
    port_t set = PORT_NULL;
    port_allocate(task_self(), &own);
    port_set_allocate(task_self(), &set);
    port_set_add(task_self(), set, own);
    Letter().receive(set, MSG_OPTION_NONE);
}
void wait_in_send() {
    port_t carried = PORT_NULL;
    port_allocate(task_self(), &carried);
    Letter(inherited(), 50).item(MSG_TYPE_PORT_ALL, {carried}, true).send(MSG_OPTION_NONE);
}
void wait_with_kept_message() {
    Letter(inherited(), 50).send(SEND_NOTIFY);
    Letter().receive(task_notify(), MSG_OPTION_NONE);
}
void wait_in_send_of_rpc() {
    port_t reply = PORT_NULL;
    port_allocate(task_self(), &reply);
    Letter(inherited(), 50, reply).rpc(MSG_OPTION_NONE, 0, 0);
}

class Killed : public Family, public ::testing::WithParamInterface<Wait> {};

TEST_P(Killed, TellsWhoHeldItsRightsAndHoldsUpNobody) {
    fill(hub_);
    const auto body = GetParam().body;
    Child child([body] {
        report_at_side();
        body();
    });
    const port_t childs = reported(side_);
    child.asleep();
    child.kill();
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, childs, patience));
    std::vector<int> ids = all_ids(hub_);
    ASSERT_GE(ids.size(), 8u);
    ids.resize(8);
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107}), ids);
    EXPECT_EQ(SEND_SUCCESS, Letter(hub_, 1).send());
    EXPECT_EQ(1, next_id(hub_));
}
INSTANTIATE_TEST_SUITE_P(InEachWait, Killed,
                         ::testing::Values(Wait{"Receive", wait_in_receive},
                                           Wait{"ReceiveFromASet", wait_in_set}, Wait{"Send", wait_in_send},
                                           Wait{"KeptMessage", wait_with_kept_message},
                                           Wait{"SendHalfOfACall", wait_in_send_of_rpc}),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

TEST_F(Fork, AKilledReceiverWakesABlockedSenderInAnotherTask) {
    Child server([] {
        port_t own = PORT_NULL;
        ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &own));
        ASSERT_EQ(SEND_SUCCESS, Letter(inherited(), 1).item(MSG_TYPE_PORT, {own}).send());
        Letter().receive(task_notify(), MSG_OPTION_NONE);
    });
    Letter hello;
    ASSERT_EQ(RCV_SUCCESS, hello.receive(hub_, RCV_TIMEOUT, patience));
    const port_t service = hello.name();
    fill(service);
    Party sender([&] { return Letter(service, 9).send(MSG_OPTION_NONE); });
    sender.asleep();
    server.kill();
    EXPECT_EQ(SEND_INVALID_PORT, sender.result());
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, service, patience));
}

TEST_F(Fork, AKilledTaskReleasesItsSendRights) {
    const Port watched;
    const Port notify;
    port_t ports[] = {PORT_NULL, hub_, side_, watched};
    ASSERT_EQ(KERN_SUCCESS, mach_ports_register(self_, ports, 4));
    Child child([] {
        EXPECT_NE(PORT_NULL, inherited(2));
        report_at_side();
        Letter().receive(task_notify(), MSG_OPTION_NONE);
    });
    const port_t childs = reported(side_);
    ASSERT_EQ(KERN_SUCCESS, mach_ports_register(self_, ports, 3));
    port_t previous = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS,
              port_request_notification(self_, watched, NOTIFY_NO_MORE_SENDERS, notify, &previous));
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
    child.kill();
    EXPECT_EQ(NOTIFY_NO_MORE_SENDERS, next_id(notify, patience));
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, childs, patience));
}

TEST_F(Fork, AKilledHolderOfASetLeavesNothing) {
    Peer peer(hub_);
    port_t set = PORT_NULL;
    port_t port = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_set_allocate(peer.task(), &set));
    ASSERT_EQ(KERN_SUCCESS, port_allocate(peer.task(), &port));
    ASSERT_EQ(KERN_SUCCESS, port_set_add(peer.task(), set, port));
    peer.kill();
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_set_deallocate(peer.task(), set));
}

}  // namespace
}  // namespace umach::tests
