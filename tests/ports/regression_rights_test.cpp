// SPDX-License-Identifier: BSL-1.0
// Bugs that were found in how rights move, and must not come back: what a user may put into a message neither
// hangs nor aborts anybody, every receiver that is owed a word gets it, and counts stay true.
#include "regression_fixture.hpp"

#include <mach/notify.h>
#include <vector>

namespace umach::ports {
namespace {

using Receivers = std::vector<std::unique_ptr<Receiver>>;

class RightsInMessages : public RegressionFixture {
protected:
    // Sends two rights of one port in one message to another port and receives them again.
    void there_and_back(std::uint32_t first, std::uint32_t second) {
        const port_name_t moved = new_port();
        const port_name_t to = new_port();
        Letter got(PORT_NULL);
        ASSERT_EQ(post(Letter(to).with(first, moved).with(second, moved)), SEND_SUCCESS) << runtime::detail();
        check("with the message in the queue");
        ASSERT_EQ(fetch(to, &got), RCV_SUCCESS) << runtime::detail();
        EXPECT_EQ(got.name(0), moved);
        EXPECT_EQ(got.name(1), moved);
        expect_own(moved);
    }
};

TEST_F(RightsInMessages, AReceiveRightAndThenASendRightOfThePortAreSent) {
    there_and_back(MSG_TYPE_PORT_RECEIVE, MSG_TYPE_PORT);
}

TEST_F(RightsInMessages, AReceiveRightAndThenOwnershipOfThePortAreSent) {
    there_and_back(MSG_TYPE_PORT_RECEIVE, MSG_TYPE_PORT_OWNERSHIP);
}

TEST_F(RightsInMessages, BothRightsAndThenASendRightOfThePortAreSent) {
    there_and_back(MSG_TYPE_PORT_ALL, MSG_TYPE_PORT);
}

TEST_F(RightsInMessages, OwnershipAndThenTheReceiveRightCountOnePort) {
    new_port();
    const std::uint64_t before = task().ports.get();
    there_and_back(MSG_TYPE_PORT_OWNERSHIP, MSG_TYPE_PORT_RECEIVE);
    EXPECT_EQ(task().ports.get(), before + 2);   // the two ports that were made for it
    Letter got(PORT_NULL);
    EXPECT_EQ(fetch(notify_name(*caller_), &got), RCV_TIMED_OUT) << "notified of " << got.header()->msg_id;
}

TEST_F(RightsInMessages, SixtyFourRightsOfOnePortAreSentAndComeBack) {
    const port_name_t moved = new_port();
    const port_name_t to = new_port();
    Letter letter(to);
    letter.with(MSG_TYPE_PORT_ALL, moved);
    for (int i = 1; i < MSG_RIGHTS_MAX; ++i) letter.with(MSG_TYPE_PORT, moved);
    ASSERT_EQ(post(letter), SEND_SUCCESS) << runtime::detail();
    Letter got(PORT_NULL);
    ASSERT_EQ(fetch(to, &got), RCV_SUCCESS) << runtime::detail();
    expect_own(moved);
}

// ---- many wake-ups in one step ----------------------------------------------------------------------------

class ManyReceivers : public RegressionFixture {
protected:
    // Moves that many ports in one message, each with its last send right, and each with somebody who waits
    // to be told that there are no senders left.
    void move_last_rights(int count) {
        Receivers told;
        const port_name_t to = new_port();
        Letter letter(to);
        for (int i = 0; i < count; ++i) {
            const port_name_t moved = new_port_with_send();
            const port_name_t tell = new_port();
            port_name_t previous = PORT_NULL;
            ASSERT_EQ(request_notification(*caller_, caller_->task, moved, NOTIFY_NO_MORE_SENDERS, tell,
                                           &previous),
                      KERN_SUCCESS);
            told.push_back(std::make_unique<Receiver>(*caller_, tell));
            letter.with(MSG_TYPE_PORT_ALL, moved, true);
        }
        ASSERT_EQ(post(letter), SEND_SUCCESS) << runtime::detail();
        for (auto& receiver : told) {
            EXPECT_EQ(receiver->result(), RCV_SUCCESS);
            EXPECT_EQ(receiver->id(), NOTIFY_NO_MORE_SENDERS);
        }
    }
};

TEST_F(ManyReceivers, NineThatWaitForNoMoreSendersAreAllRungByOneMessage) { move_last_rights(9); }

TEST_F(ManyReceivers, SixtyFourThatWaitForNoMoreSendersAreAllRungByOneMessage) {
    move_last_rights(MSG_RIGHTS_MAX);
}

TEST_F(ManyReceivers, EachOfTenMovedPortsTellsWhoWaitsAtIt) {
    Receivers told;
    const port_name_t to = new_port();
    Letter letter(to);
    for (int i = 0; i < 10; ++i) {
        const port_name_t moved = new_port();
        told.push_back(std::make_unique<Receiver>(*caller_, moved));
        letter.with(MSG_TYPE_PORT_ALL, moved);
    }
    ASSERT_EQ(post(letter), SEND_SUCCESS) << runtime::detail();
    for (auto& receiver : told) EXPECT_EQ(receiver->result(), RCV_INVALID_PORT);
}

TEST_F(ManyReceivers, AllOfTwentyAtOneMovedPortAreTold) {
    Receivers told;
    const port_name_t to = new_port();
    const port_name_t moved = new_port();
    for (int i = 0; i < 20; ++i) told.push_back(std::make_unique<Receiver>(*caller_, moved));
    ASSERT_EQ(post(Letter(to).with(MSG_TYPE_PORT_ALL, moved)), SEND_SUCCESS) << runtime::detail();
    for (auto& receiver : told) EXPECT_EQ(receiver->result(), RCV_INVALID_PORT);
}

TEST_F(ManyReceivers, OneThatIsToldOfAMessageTooLargeForItPassesTheNewsOn) {
    const port_name_t port = new_port();
    Receiver small(*caller_, port, sizeof(msg_header_t));
    Receiver large(*caller_, port);
    ASSERT_EQ(post(Letter(port).with(MSG_TYPE_PORT, port_)), SEND_SUCCESS) << runtime::detail();
    EXPECT_EQ(small.result(), RCV_TOO_LARGE);
    EXPECT_EQ(large.result(), RCV_SUCCESS);
}

TEST_F(ManyReceivers, OneOfASetThatIsToldOfAMessageTooLargeForItPassesTheNewsOn) {
    const port_name_t port = new_port();
    port_name_t set = PORT_NULL;
    ASSERT_EQ(set_allocate(*caller_, caller_->task, &set), KERN_SUCCESS);
    ASSERT_EQ(set_add(*caller_, caller_->task, set, port), KERN_SUCCESS);
    Receiver small(*caller_, set, sizeof(msg_header_t));
    Receiver large(*caller_, set);
    ASSERT_EQ(post(Letter(port).with(MSG_TYPE_PORT, port_)), SEND_SUCCESS) << runtime::detail();
    EXPECT_EQ(small.result(), RCV_TOO_LARGE);
    EXPECT_EQ(large.result(), RCV_SUCCESS);
}

TEST_F(ManyReceivers, OneThatAsksForNoSendersIsToldWhenTheLastForeignRightComesHome) {
    const port_name_t port = new_port();
    const port_name_t by = new_port();
    ASSERT_EQ(post(Letter(by).with(MSG_TYPE_PORT, port)), SEND_SUCCESS);
    Receiver lonely(*caller_, port, Letter::most_bytes, RCV_NO_SENDERS);
    Letter got(PORT_NULL);
    ASSERT_EQ(fetch(by, &got), RCV_SUCCESS);
    EXPECT_EQ(lonely.result(), RCV_ONLY_SENDER);
}

// ---- names ------------------------------------------------------------------------------------------------

class ManyNames : public RegressionFixture {
protected:
    std::vector<port_name_t> send_once_rights(int count, port_name_t port) {
        std::vector<port_name_t> made;
        for (int i = 0; i < count && !HasFailure(); ++i)
            made.push_back(round_trip(MSG_TYPE_MAKE_SEND_ONCE, port));
        return made;
    }

    // How many entries a search for the port's name passes.
    int way_to(port_name_t name) {
        const PortRef port = port_of(name);
        int passed = 0;
        for (std::uint32_t at = find_head(port); at != 0; at = next(at), ++passed)
            if (entry(*k_, task(), at).port.get() == port) return passed;
        ADD_FAILURE() << "name " << name << " is not in the map of ports";
        return 0;
    }

private:
    // The first entry of the bucket that the port's name is in: the one from which every chain that has it
    // begins.
    std::uint32_t find_head(PortRef port) {
        for (std::uint32_t bucket = 0; bucket < task().buckets.get(); ++bucket)
            for (std::uint32_t at = head(bucket); at != 0; at = next(at))
                if (entry(*k_, task(), at).port.get() == port) return head(bucket);
        return 0;
    }
    std::uint32_t next(std::uint32_t at) { return entry(*k_, task(), at).map.get().second; }
    std::uint32_t head(std::uint32_t bucket) { return entry(*k_, task(), bucket).map.get().first; }
};

TEST_F(ManyNames, ThreeThousandSendOnceRightsToOnePortLeaveOtherNamesQuicklyFound) {
    const port_name_t wanted = new_port();
    const auto made = send_once_rights(3'000, wanted);
    ASSERT_EQ(made.size(), 3'000u);
    std::vector<port_name_t> others;
    for (int i = 0; i < 1'000; ++i) others.push_back(new_port());
    long passed = 0;
    for (port_name_t name : others) passed += way_to(name);
    EXPECT_LT(passed / 1'000, 100) << "entries that a search for one of 1,000 other ports passes";
    check("with all of them there");
    for (port_name_t name : made) drop(name);
}

TEST_F(ManyNames, AnIndexOfWhichEveryGenerationIsInUseGivesAShortageOrAnotherName) {
    constexpr std::uint32_t generations = 1u << (32 - name_index_bits);
    const auto made = send_once_rights(generations, port_);
    const port_name_t gone = new_port();
    const std::uint32_t index = name_index(static_cast<std::uint32_t>(gone));
    drop(gone);
    const auto name = [&](std::uint32_t generation) {
        return static_cast<port_name_t>(generation << name_index_bits | index);
    };
    ASSERT_EQ(made.size(), generations);
    for (std::uint32_t i = 0; i < generations; ++i)
        ASSERT_EQ(rename(*caller_, caller_->task, made[i], name(i)), KERN_SUCCESS);
    port_name_t fresh = PORT_NULL;
    const kern_return_t code = allocate(*caller_, caller_->task, &fresh);
    if (code == KERN_SUCCESS) EXPECT_NE(name_index(static_cast<std::uint32_t>(fresh)), index);
    else EXPECT_EQ(code, KERN_RESOURCE_SHORTAGE);
    check("with all generations in use");
    drop(name(1'000));
    new_port();
}

// ---- kept messages ----------------------------------------------------------------------------------------

class KeptMessages : public RegressionFixture {
protected:
    // A port with room for one message, which is there already.
    port_name_t full_port() {
        const port_name_t port = new_port();
        EXPECT_EQ(set_backlog(*caller_, caller_->task, port, 1), KERN_SUCCESS);
        EXPECT_EQ(post(Letter(port)), SEND_SUCCESS);
        return port;
    }
    msg_return_t keep(port_name_t port) { return post(Letter(port), SEND_NOTIFY); }

    // Has a message kept, and makes room for it.
    void keep_and_admit(port_name_t port) {
        Letter got(PORT_NULL);
        ASSERT_EQ(keep(port), SEND_WILL_NOTIFY) << runtime::detail();
        ASSERT_EQ(fetch(port, &got), RCV_SUCCESS);
    }
};

TEST_F(KeptMessages, AnotherIsKeptOnceTheFirstWasAdmittedThoughItsNoticeIsUnread) {
    const port_name_t port = full_port();
    const port_name_t other = full_port();
    ASSERT_EQ(keep(port), SEND_WILL_NOTIFY);
    EXPECT_EQ(keep(other), SEND_NOTIFY_IN_PROGRESS);
    Letter got(PORT_NULL);
    ASSERT_EQ(fetch(port, &got), RCV_SUCCESS);
    EXPECT_EQ(keep(other), SEND_WILL_NOTIFY) << runtime::detail();
    EXPECT_EQ(next_notice(NOTIFY_MSG_ACCEPTED), port);
    ASSERT_EQ(fetch(other, &got), RCV_SUCCESS);
    EXPECT_EQ(next_notice(NOTIFY_MSG_ACCEPTED), other);
}

TEST_F(KeptMessages, EightUnreadNoticesRefuseANinthAndArriveInOrder) {
    std::vector<port_name_t> ports;
    for (std::uint32_t i = 0; i <= most_accepted; ++i) ports.push_back(full_port());
    for (std::uint32_t i = 0; i < most_accepted; ++i) keep_and_admit(ports[i]);
    EXPECT_EQ(keep(ports[most_accepted]), SEND_NOTIFY_IN_PROGRESS);
    check("with eight notices unread");
    EXPECT_EQ(next_notice(NOTIFY_MSG_ACCEPTED), ports[0]);
    keep_and_admit(ports[most_accepted]);
    for (std::uint32_t i = 1; i <= most_accepted; ++i) EXPECT_EQ(next_notice(NOTIFY_MSG_ACCEPTED), ports[i]);
    Letter got(PORT_NULL);
    EXPECT_EQ(fetch(notify_name(*caller_), &got), RCV_TIMED_OUT);
}

TEST_F(KeptMessages, NoticesAtOnePortAreOneForEachMessage) {
    const port_name_t port = full_port();
    for (int i = 0; i < 3; ++i) keep_and_admit(port);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(next_notice(NOTIFY_MSG_ACCEPTED), port);
    Letter got(PORT_NULL);
    EXPECT_EQ(fetch(notify_name(*caller_), &got), RCV_TIMED_OUT);
}

// ---- messages that wait for room --------------------------------------------------------------------------

TEST_F(KeptMessages, APortWhoseQueueEmptiesStillCountsTheNestOfAMessageThatWaitsInItsLine) {
    const port_name_t port = full_port();
    const port_name_t above = new_port();
    ASSERT_EQ(post(Letter(port).with(MSG_TYPE_PORT_ALL, new_port()), SEND_NOTIFY), SEND_WILL_NOTIFY);
    Letter got(PORT_NULL);
    ASSERT_EQ(fetch(port, &got), RCV_SUCCESS);
    ASSERT_EQ(post(Letter(above).with(MSG_TYPE_PORT_ALL, port)), SEND_SUCCESS) << runtime::detail();
    EXPECT_EQ(k_->port(port_of(above).index).counts.get().nest, 2);
}

TEST_F(KeptMessages, ADeadNameThatIsGivenUpIsGoneWhenItsMessageHadToWait) {
    const port_name_t to = full_port();
    const port_name_t dead = new_port();
    const port_name_t once = round_trip(MSG_TYPE_MAKE_SEND_ONCE, dead);
    drop(dead);
    Blocked sender(*caller_, [&](Caller& self) {
        Letter letter(to);
        letter.with(MSG_TYPE_PORT, once, true);
        return send(self, letter.header(), MSG_OPTION_NONE, 0);
    });
    Letter got(PORT_NULL);
    ASSERT_EQ(fetch(to, &got), RCV_SUCCESS);
    EXPECT_EQ(sender.result(), SEND_SUCCESS);
    EXPECT_FALSE(knows(once));
    ASSERT_EQ(fetch(to, &got), RCV_SUCCESS);
    EXPECT_EQ(got.name(0), PORT_DEAD);
}

class WaitingForALock : public RegressionFixture {
protected:
    // The carrier of somebody else that has a message in its hand; 0: nobody has.
    std::uint32_t whose_hand_is_full() {
        for (std::uint32_t slot = 1; slot < k_->machine().carriers(); ++slot)
            if (slot != carrier_->name().slot && k_->machine().carrier(slot).in_hand.get() != 0) return slot;
        return 0;
    }
};

// The audit holds every lock, and would find the half of it that is written.
TEST_F(WaitingForALock, WhoGivesARightBackHasWrittenNothing) {
    const Member member = make_member();
    Caller as_member = as(member);
    while (post_as(as_member, Letter(member.own_port)) == SEND_SUCCESS) {}
    Blocked sender(as_member, [&](Caller& self) {
        Letter letter(member.own_port);
        return send(self, letter.with(MSG_TYPE_PORT, there).header(), SEND_TIMEOUT, 50);
    });
    runtime::LockWord& lock = task().lock;   // of the root of the right's port
    runtime::take_lock(k_->machine(), carrier_->name(), lock);
    std::uint32_t slot = 0;
    while ((slot = whose_hand_is_full()) == 0) sched_yield();
    int quiet = 0;
    for (int look = 0; look < 200'000 && quiet < 1000; ++look) {
        quiet = k_->machine().carrier(slot).log_length.load() == 0 ? quiet + 1 : 0;
        sched_yield();
    }
    lock.release();
    EXPECT_EQ(quiet, 1000) << "it waits in the middle of a step";
    EXPECT_EQ(sender.result(), SEND_TIMED_OUT);
}

}  // namespace
}  // namespace umach::ports
