// SPDX-License-Identifier: BSL-1.0
// Messages that go straight to a receiver that waits, and the record that a carrier's hand keeps for the next one.
// What happens while the one thread of the test waits, a parker does.
#include "host_fixture.hpp"
#include "letter.hpp"
#include "ports/space.hpp"
#include "ports/set.hpp"
#include "ports/wait.hpp"

#include <vector>

namespace umach::ports {
namespace {

// Waits by doing something, and comes back in the way that it says.
struct Meanwhile : Parker {
    std::function<Parked()> work;
    explicit Meanwhile(std::function<Parked()> what) : work(std::move(what)) {}
    Parked park(Caller&, std::uint32_t, runtime::Deadline, bool) override { return work(); }
};

class TransferTest : public HostFixture {
protected:
    void SetUp() override {
        member_ = make_member();
        other_ = begin_thread(*k_, *carrier_, caller_->task);
        allocate(*caller_, caller_->task, &reply_);
        counts_ = counts();
    }
    void TearDown() override {
        take_what_came();
        allocate(*caller_, caller_->task, &reply_);
        check("at the end");
        EXPECT_EQ(counts(), counts_);
    }

    // Receives into `room` bytes; while it waits, `work` is done.
    msg_return_t receive_while(const std::function<void()>& work, Letter& letter, msg_size_t room = Letter::most_bytes) {
        Meanwhile meanwhile([&] { return work(), Parked::rung; });
        Caller waiting = *caller_;
        waiting.parker = &meanwhile;
        letter.header()->msg_size = room;
        letter.header()->msg_local_port = port_;
        return receive(waiting, letter.header(), MSG_OPTION_NONE, 0);
    }
    // Another thread, of the same task or of `by`, calls and does not wait for the answer.
    msg_return_t call(Letter letter, port_name_t reply, std::optional<Caller> by = {}) {
        Caller caller = by ? *by : *caller_;
        caller.thread = other_;
        letter.header()->msg_local_port = reply;
        return rpc(caller, letter.header(), SEND_TIMEOUT | RCV_TIMEOUT, Letter::most_bytes, 0, 0);
    }
    msg_return_t call_with_right(port_name_t right) { return call(Letter(port_).with(MSG_TYPE_PORT, right), reply_); }
    // Ports of its own, both rights of each, which the task gives up.
    Letter all_rights_to(port_name_t to) {
        Letter letter(to);
        for (unsigned i = 0; i < MSG_RIGHTS_MAX; ++i) {
            port_name_t fresh = PORT_NULL;
            EXPECT_EQ(allocate(*caller_, caller_->task, &fresh), KERN_SUCCESS);
            letter.with(MSG_TYPE_PORT_ALL, fresh, true);
        }
        return letter;
    }
    std::uint32_t queued() {
        const std::uint32_t index = find_name(*k_, k_->task(caller_->task.index), static_cast<std::uint32_t>(port_));
        return k_->port(entry(*k_, k_->task(caller_->task.index), index).port.get().index).counts.get().queued;
    }

    Member member_;
    ThreadRef other_;
    port_name_t reply_ = PORT_NULL;
    Counts counts_{};
};

TEST_F(TransferTest, ACallToAReceiverThatWaitsIsNeverInTheQueue) {
    Letter letter(PORT_NULL);
    std::uint32_t seen = 99;
    const auto work = [&] {
        ASSERT_EQ(call_with_right(member_.its_port), RCV_TIMED_OUT);
        seen = queued();
        check("while it is with the thread");
    };
    ASSERT_EQ(receive_while(work, letter), RCV_SUCCESS) << runtime::detail();
    EXPECT_EQ(seen, 0u);
    EXPECT_EQ(letter.header()->msg_local_port, port_);
}

TEST_F(TransferTest, AReceiverWhosePortWasRenamedMeanwhileSeesTheNewName) {
    Letter letter(PORT_NULL);
    const port_name_t fresh = 70'000;
    const port_name_t before = port_;
    const auto work = [&] {
        ASSERT_EQ(rename(*caller_, caller_->task, port_, fresh), KERN_SUCCESS);
        port_ = fresh;
        ASSERT_EQ(call_with_right(member_.its_port), RCV_TIMED_OUT);
    };
    ASSERT_EQ(receive_while(work, letter), RCV_SUCCESS) << runtime::detail();
    EXPECT_EQ(letter.header()->msg_local_port, fresh);
    ASSERT_EQ(rename(*caller_, caller_->task, port_, before), KERN_SUCCESS);
    port_ = before;
}

TEST_F(TransferTest, AReceiverWithoutRoomForARightFindsTheMessageInTheQueue) {
    Letter letter(PORT_NULL);
    TaskRecord& task = k_->task(caller_->task.index);
    const std::uint64_t quota = task.most_names;
    Caller theirs = as(member_);
    const auto work = [&] {
        task.most_names.put(task.names.get());
        ASSERT_EQ(call(Letter(there), member_.own_port, theirs), RCV_TIMED_OUT);
        EXPECT_EQ(queued(), 1u);
    };
    EXPECT_EQ(receive_while(work, letter), RCV_NOT_ENOUGH_MEMORY);
    EXPECT_EQ(queued(), 1u);
    task.most_names.put(quota);
    EXPECT_EQ(receive_while([] {}, letter), RCV_SUCCESS);
}

TEST_F(TransferTest, AReceiverWithASmallBufferFindsTheMessageInTheQueueAndHearsItsSize) {
    Letter letter(PORT_NULL);
    const auto work = [&] {
        ASSERT_EQ(call_with_right(member_.its_port), RCV_TIMED_OUT);
        EXPECT_EQ(queued(), 1u);
    };
    EXPECT_EQ(receive_while(work, letter, sizeof(msg_header_t)), RCV_TOO_LARGE);
    EXPECT_GT(letter.header()->msg_size, sizeof(msg_header_t));
    EXPECT_EQ(queued(), 1u);
}

TEST_F(TransferTest, ACallWithAsManyRightsAsAMessageHasGoesByTheQueue) {
    Letter letter(PORT_NULL);
    const auto work = [&] {
        ASSERT_EQ(call(all_rights_to(port_), reply_), RCV_TIMED_OUT) << runtime::detail();
        EXPECT_EQ(queued(), 1u);
    };
    ASSERT_EQ(receive_while(work, letter), RCV_SUCCESS) << runtime::detail();
}

TEST_F(TransferTest, AnAnswerWithAsManyRightsAsAMessageHasReachesItsCaller) {
    Caller server = *caller_;
    server.thread = other_;
    Meanwhile meanwhile([&] {
        Letter got = Letter::from(port_);
        EXPECT_EQ(receive(server, got.header(), RCV_TIMEOUT, 0), RCV_SUCCESS);
        Letter reply = all_rights_to(got.header()->msg_remote_port);
        EXPECT_EQ(send(server, reply.header(), SEND_TIMEOUT, 0), SEND_SUCCESS) << runtime::detail();
        return Parked::rung;
    });
    Caller waiting = *caller_;
    waiting.parker = &meanwhile;
    Letter letter(port_);
    letter.header()->msg_local_port = reply_;
    ASSERT_EQ(rpc(waiting, letter.header(), SEND_TIMEOUT, Letter::most_bytes, 0, 0), RPC_SUCCESS) << runtime::detail();
    check("with the answer");
}

TEST_F(TransferTest, ASendThatGivesUpFindsRoomInAHandThatGotASpareRecordMeanwhile) {
    Letter filling(port_);
    while (send(*caller_, filling.header(), SEND_TIMEOUT, 0) == SEND_SUCCESS) {}
    Meanwhile meanwhile([&] {
        Letter other(member_.its_port);
        EXPECT_EQ(send(*caller_, other.header(), SEND_TIMEOUT, 0), SEND_SUCCESS);
        return Parked::timed_out;
    });
    Caller waiting = *caller_;
    waiting.parker = &meanwhile;
    Letter letter(port_);
    EXPECT_EQ(send(waiting, letter.header(), SEND_TIMEOUT, 10), SEND_TIMED_OUT);
    Caller theirs = as(member_);
    Letter got(PORT_NULL);
    got.header()->msg_size = Letter::most_bytes;
    got.header()->msg_local_port = member_.own_port;
    EXPECT_EQ(receive(theirs, got.header(), RCV_TIMEOUT, 0), RCV_SUCCESS);
}

// ---- a call that waits for room --------------------------------------------------------------------------------------

class CallInLine : public TransferTest {
protected:
    void SetUp() override {
        TransferTest::SetUp();
        Letter filling(port_);
        while (send(*caller_, filling.header(), SEND_TIMEOUT, 0) == SEND_SUCCESS) {}
    }
    const ThreadRecord& self() { return k_->thread(caller_->thread.index); }
    bool waits(WaitKind kind) { return self().wait.get().kind == kind && self().wait.get().state == WaitState::waiting; }

    // Takes one message from the port, which makes room for the call in the line.
    Letter take_one() {
        Caller server = *caller_;
        server.thread = other_;
        Letter got = Letter::from(port_);
        EXPECT_EQ(receive(server, got.header(), RCV_TIMEOUT, 0), RCV_SUCCESS) << runtime::detail();
        return got;
    }
    void answer_the_call() {
        Letter got = take_one();
        while (got.header()->msg_remote_port == PORT_NULL) got = take_one();
        Caller server = *caller_;
        server.thread = other_;
        Letter reply(got.header()->msg_remote_port);
        EXPECT_EQ(send(server, reply.header(), SEND_TIMEOUT, 0), SEND_SUCCESS) << runtime::detail();
    }
    // Each time that the call waits, the next of these is done.
    msg_return_t call_while(std::vector<std::function<Parked()>> waits, msg_option_t options = MSG_OPTION_NONE) {
        std::size_t done = 0;
        Meanwhile meanwhile([&] { return waits.at(done++)(); });
        Caller waiting = *caller_;
        waiting.parker = &meanwhile;
        Letter letter(port_);
        letter.header()->msg_local_port = reply_;
        const msg_return_t code = rpc(waiting, letter.header(), options, Letter::most_bytes, 60'000, 60'000);
        EXPECT_EQ(done, waits.size());
        return code;
    }
};

TEST_F(CallInLine, ItSleepsOnceUntilItsAnswer) {
    const auto all = [&] {
        EXPECT_TRUE(waits(WaitKind::send));
        take_one();
        EXPECT_TRUE(waits(WaitKind::reply));
        check("while it waits for its answer");
        answer_the_call();
        return Parked::rung;
    };
    const auto at_once = [] { return Parked::rung; };   // it finds that it was rung
    EXPECT_EQ(call_while({all, at_once}), RPC_SUCCESS) << runtime::detail();
}

TEST_F(CallInLine, IsWokenWhenItIsSentIfTheWaitForTheAnswerIsToEndByItself) {
    const auto sent = [&] {
        take_one();
        EXPECT_FALSE(waits(WaitKind::reply));
        return Parked::rung;
    };
    EXPECT_EQ(call_while({sent, [&] { return answer_the_call(), Parked::rung; }}, RCV_TIMEOUT), RPC_SUCCESS);
}

TEST_F(CallInLine, WhoseTimeToSendIsOverAfterItWasSentWaitsOnForItsAnswer) {
    const auto sent = [&] { return take_one(), Parked::timed_out; };
    EXPECT_EQ(call_while({sent, [&] { return answer_the_call(), Parked::rung; }}, SEND_TIMEOUT), RPC_SUCCESS);
}

TEST_F(CallInLine, WhoseTimeToSendIsOverWithTheAnswerThereTakesIt) {
    const auto answered = [&] { return take_one(), answer_the_call(), Parked::timed_out; };
    EXPECT_EQ(call_while({answered, [] { return Parked::rung; }}, SEND_TIMEOUT), RPC_SUCCESS);
}

TEST_F(CallInLine, WhoseTimeToSendIsOverBeforeThereIsRoomIsNotSent) {
    EXPECT_EQ(call_while({[] { return Parked::timed_out; }}, SEND_TIMEOUT), SEND_TIMED_OUT);
    while (queued() != 0) EXPECT_EQ(take_one().header()->msg_remote_port, PORT_NULL);
}

TEST_F(CallInLine, WhoseReplyPortWentIntoASetMeanwhileIsWokenAndToldSo) {
    port_name_t set = PORT_NULL;
    ASSERT_EQ(set_allocate(*caller_, caller_->task, &set), KERN_SUCCESS);
    const auto moved = [&] {
        EXPECT_EQ(set_add(*caller_, caller_->task, set, reply_), KERN_SUCCESS);
        take_one();
        EXPECT_FALSE(waits(WaitKind::reply));
        return Parked::rung;
    };
    EXPECT_EQ(call_while({moved}), RCV_INVALID_PORT);
    EXPECT_EQ(set_remove(*caller_, caller_->task, reply_), KERN_SUCCESS);
    EXPECT_EQ(set_deallocate(*caller_, caller_->task, set), KERN_SUCCESS);
}

}  // namespace
}  // namespace umach::ports
