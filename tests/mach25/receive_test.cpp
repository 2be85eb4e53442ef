// SPDX-License-Identifier: BSL-1.0
// Receiving: sizes, names, waiting, and what ends a wait.
#include "kinds.hpp"
#include "parties.hpp"

#include <sys/mman.h>

#include <memory>

namespace umach::tests {
namespace {

UMACH_SUITE(Receive);

TEST_F(Receive, FromAnEmptyQueueWithZeroTimeoutTimesOut) {
    const Port port;
    EXPECT_EQ(RCV_TIMED_OUT, Letter().receive(port, RCV_TIMEOUT, 0));
}

TEST_F(Receive, FromAnEmptyQueueWaitsAtLeastItsTimeout) {
    const Port port;
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(RCV_TIMED_OUT, Letter().receive(port, RCV_TIMEOUT, 30));
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(30));
}

TEST_F(Receive, ATimeoutWithoutItsOptionIsIgnored) {
    const Port port;
    Party receiver([&] { return Letter().receive(port, MSG_OPTION_NONE, 1); });
    receiver.asleep();
    EXPECT_FALSE(receiver.ended());
    EXPECT_EQ(SEND_SUCCESS, Letter(port).send());
    EXPECT_EQ(RCV_SUCCESS, receiver.result());
}

TEST_F(Receive, AWaitingReceiverGetsTheMessage) {
    const Port port;
    Party receiver([&] { return next_id(port, patience); });
    receiver.asleep();
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 12).send());
    EXPECT_EQ(12, receiver.result());
}

TEST_F(Receive, EachOfSeveralWaitingReceiversGetsOneMessage) {
    const Port port;
    Party a([&] { return next_id(port, patience); });
    a.asleep();
    Party b([&] { return next_id(port, patience); });
    b.asleep();
    fill(port, 2);
    EXPECT_EQ(201, a.result() + b.result());
    EXPECT_EQ(0, waiting_at(port));
}

TEST_F(Receive, TooLargeAMessageStaysQueuedAndItsSizeIsReported) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 5).text("12345678").send());
    Letter small;
    EXPECT_EQ(RCV_TOO_LARGE, small.receive(port, RCV_TIMEOUT, 0, 28));
    EXPECT_EQ(32u, small->msg_size);
    EXPECT_EQ(1, waiting_at(port));
    EXPECT_EQ(RCV_SUCCESS, small.receive(port, RCV_TIMEOUT, 0, 32));
    EXPECT_EQ(5, small->msg_id);
}

TEST_F(Receive, TooLargeHoldsWithTheLargeOptionToo) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 5).text("12345678").send());
    Letter small;
    EXPECT_EQ(RCV_TOO_LARGE, small.receive(port, RCV_TIMEOUT | RCV_LARGE, 0, 24));
    EXPECT_EQ(32u, small->msg_size);
    EXPECT_EQ(5, next_id(port));
}

TEST_F(Receive, TooLargeAMessageKeepsItsRights) {
    const Port port;
    Port carried;
    EXPECT_EQ(SEND_SUCCESS, send_right(port, MSG_TYPE_PORT_ALL, carried, true));
    EXPECT_EQ(RCV_TOO_LARGE, Letter().receive(port, RCV_TIMEOUT, 0, 24));
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    const Port back(got.name());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(back));
}

TEST_F(Receive, TooLargeEndsTheWaitOfAReceiverThatIsAlreadyBlocked) {
    const Port port;
    Letter small;
    Party receiver([&] { return small.receive(port, RCV_TIMEOUT, patience, 28); });
    receiver.asleep();
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 5).text("12345678").send());
    EXPECT_EQ(RCV_TOO_LARGE, receiver.result());
    EXPECT_EQ(32u, small->msg_size);
    EXPECT_EQ(5, next_id(port));
}

TEST_F(Receive, ABufferThatCannotBeWrittenChangesNothing) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 5).text("12345678").send());
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* header = static_cast<msg_header_t*>(page);
    header->msg_local_port = port;
    header->msg_size = 4096;
    mprotect(page, 4096, PROT_READ);
    EXPECT_EQ(RCV_INVALID_MEMORY, msg_receive(header, RCV_TIMEOUT, 0));
    munmap(page, 4096);
    EXPECT_EQ(1, waiting_at(port));
    EXPECT_EQ(5, next_id(port));
}

TEST_F(Receive, ABufferThatIsPartlyUnwritableChangesNothing) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 5).text(std::string(5000, 'x')).send());
    auto* page = static_cast<std::byte*>(
        mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    munmap(page + 4096, 4096);
    auto* header = reinterpret_cast<msg_header_t*>(page);
    header->msg_local_port = port;
    header->msg_size = 8192;
    EXPECT_EQ(RCV_INVALID_MEMORY, msg_receive(header, RCV_TIMEOUT, 0));
    munmap(page, 4096);
    EXPECT_EQ(1, waiting_at(port));
}

TEST_F(Receive, ANullBufferIsInvalidMemory) {
    EXPECT_EQ(RCV_INVALID_MEMORY, msg_receive(nullptr, RCV_TIMEOUT, 0));
}

TEST_F(Receive, FromAPortInASetIsInvalidEvenWhileAMessageWaits) {
    const Port port;
    const Set set;
    fill(port, 1);
    EXPECT_EQ(KERN_SUCCESS, port_set_add(self_, set, port));
    EXPECT_EQ(RCV_INVALID_PORT, Letter().receive(port));
    EXPECT_EQ(1, waiting_at(port));
}

TEST_F(Receive, AWaitEndsWithPortChangeWhenThePortJoinsASet) {
    const Port port;
    const Set set;
    Party a([&] { return Letter().receive(port, RCV_TIMEOUT, patience); });
    Party b([&] { return Letter().receive(port, RCV_TIMEOUT, patience); });
    a.asleep();
    b.asleep();
    EXPECT_EQ(KERN_SUCCESS, port_set_add(self_, set, port));
    EXPECT_EQ(RCV_PORT_CHANGE, a.result());
    EXPECT_EQ(RCV_PORT_CHANGE, b.result());
}

TEST_F(Receive, AWaitEndsWithInvalidPortWhenThePortDies) {
    Port port;
    Party a([&] { return Letter().receive(port, RCV_TIMEOUT, patience); });
    Party b([&] { return Letter().receive(port, RCV_TIMEOUT, patience); });
    a.asleep();
    b.asleep();
    port.drop();
    EXPECT_EQ(RCV_INVALID_PORT, a.result());
    EXPECT_EQ(RCV_INVALID_PORT, b.result());
}

TEST_F(Receive, AWaitEndsWithInvalidPortWhenTheReceiveRightIsSentAway) {
    const Port port;
    const Port way;
    Party receiver([&] { return Letter().receive(port, RCV_TIMEOUT, patience); });
    receiver.asleep();
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_ALL, port));
    EXPECT_EQ(RCV_INVALID_PORT, receiver.result());
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_SEND));
}

TEST_F(Receive, AllOfManyWaitsEndWhenThePortDies) {
    Port port;
    std::vector<std::unique_ptr<Party>> receivers;
    for (int i = 0; i < 24; ++i)
        receivers.push_back(
            std::make_unique<Party>([&] { return Letter().receive(port, RCV_TIMEOUT, patience); }));
    for (auto& receiver : receivers) receiver->asleep();
    port.drop();
    for (auto& receiver : receivers) EXPECT_EQ(RCV_INVALID_PORT, receiver->result());
}

TEST_F(Receive, WithTheNoSendersOptionEndsAtOnceWhenNobodyElseCanSend) {
    const Port port;
    EXPECT_EQ(RCV_ONLY_SENDER, Letter().receive(port, RCV_NO_SENDERS));
}

TEST_F(Receive, WithTheNoSendersOptionTakesAMessageThatWaits) {
    const Port port;
    fill(port, 1);
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(port, RCV_NO_SENDERS));
    EXPECT_EQ(100, got->msg_id);
}

TEST_F(Receive, WithTheNoSendersOptionWaitsWhileASendRightIsInTransit) {
    const Port port;
    Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT, port));
    Party receiver([&] { return Letter().receive(port, RCV_NO_SENDERS | RCV_TIMEOUT, patience); });
    receiver.asleep();
    EXPECT_FALSE(receiver.ended());
    way.drop();
    EXPECT_EQ(RCV_ONLY_SENDER, receiver.result());
}

TEST_F(Receive, TheReceiversOwnSendRightDoesNotCountAsASender) {
    const Port port;
    add_send_right(port);
    EXPECT_EQ(RCV_ONLY_SENDER, Letter().receive(port, RCV_NO_SENDERS));
}

TEST_F(Receive, TheTrapTakesSizeAndNameFromItsArguments) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 5).text("12345678").send());
    Letter got;
    got->msg_local_port = unknown_name;
    got->msg_size = 1;
    EXPECT_EQ(RCV_TOO_LARGE, msg_receive_trap(&got.header(), RCV_TIMEOUT, 28, port, 0));
    EXPECT_EQ(RCV_SUCCESS, msg_receive_trap(&got.header(), RCV_TIMEOUT, 32, port, 0));
    EXPECT_EQ(5, got->msg_id);
}

TEST_F(Receive, IntoABufferSmallerThanAHeaderIsTooLargeAndChangesNothing) {
    const Port port;
    fill(port, 1);
    EXPECT_EQ(RCV_TOO_LARGE, Letter().receive(port, RCV_TIMEOUT, 0, 20));
    EXPECT_EQ(1, waiting_at(port));
}

TEST_F(Receive, ANotificationIsReceivedBeforeOrdinaryMessages) {
    Named name(Kind::send);
    EXPECT_EQ(SEND_SUCCESS, Letter(task_notify(), 77).send());
    name.end_port();
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, name));
    EXPECT_EQ(77, next_id(task_notify()));
}

TEST_F(Receive, OfAMessageWithoutReplyPortGivesANullRemotePort) {
    const Port port;
    fill(port, 1);
    Letter got;
    got->msg_remote_port = 99;
    EXPECT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(PORT_NULL, got->msg_remote_port);
}

TEST_F(Receive, OfAMessageWhoseReplyPortDiedGivesNoUsableReplyPort) {
    const Port port;
    {
        const Port reply;
        EXPECT_EQ(SEND_SUCCESS, Letter(port, 1, reply).send());
    }
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(got->msg_remote_port));
}

}  // namespace
}  // namespace umach::tests
