// SPDX-License-Identifier: BSL-1.0
// Processes send to one small port at once, some are killed in the middle of it, two threads receive: what they saw
// is what one queue could have done, one thing after the other.
#include "history.hpp"
#include "processes.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

namespace umach::tests {
namespace {

constexpr int senders = 3, receivers = 2, sends_each = 4, receives_each = 5, backlog = 2;

std::uint64_t now() {
    return static_cast<std::uint64_t>(runtime::MonotonicClock::now().time_since_epoch().count());
}

// What one of them did in a round, in memory that they share; `count` says how much of it has begun.
struct Log {
    std::array<Event, 16> events;
    std::atomic<int> count;
    std::atomic<int> round;   // that it is done with

    Event& begin(Event::Kind kind, std::uint32_t value) {
        Event& event = events.at(static_cast<std::size_t>(count.load()));
        event = {kind, value, now(), Event::never};
        ++count;
        return event;
    }
};

struct Room {
    std::array<Log, senders + receivers> logs;
    std::atomic<int> round;   // that they may begin
};

void send_in_round(Log& log, port_name_t port, std::uint32_t sender) {
    for (std::uint32_t i = 0; i < sends_each; ++i) {
        const std::uint32_t value = sender * 100 + i;
        Event& event = log.begin(Event::Kind::send, value);
        // Now and then it does not wait; one that did not go is as if it had not been.
        const bool waits = i % 2 == 0;
        const msg_return_t code = send_plain(port, static_cast<msg_id_t>(value), SEND_TIMEOUT, waits ? 3 : 0);
        MUST(code == SEND_SUCCESS || code == SEND_TIMED_OUT);
        if (code == SEND_SUCCESS) event.end = now();
        else --log.count;
    }
}

void receive_in_round(Log& log, port_name_t port) {
    for (int i = 0; i < receives_each; ++i) {
        Event& event = log.begin(Event::Kind::receive_nothing, 0);
        const Got got = receive(port, RCV_TIMEOUT, i % 2 == 0 ? 1 : 0);
        MUST(got.code == RCV_SUCCESS || got.code == RCV_TIMED_OUT);
        if (got.code == RCV_SUCCESS) event.kind = Event::Kind::receive, event.value = static_cast<std::uint32_t>(got.id);
        event.end = now();
    }
}

void take_part(Room& room, Log& log, const std::function<void()>& act) {
    for (int round = log.round + 1;; ++round) {
        while (room.round < round) sched_yield();
        act();
        log.round = round;
    }
}

class Rounds {
public:
    explicit Rounds(Room& room) : room_(room), port_(new_port()) {
        MUST(port_set_backlog(task_self(), port_, backlog) == KERN_SUCCESS);
        leave_for_children(port_);
        for (unsigned i = 0; i < senders; ++i) start_sender(i);
        for (unsigned i = 0; i < receivers; ++i) {
            Log& log = room_.logs.at(senders + i);
            std::thread([this, &log] { take_part(room_, log, [&] { receive_in_round(log, port_); }); }).detach();
        }
    }

    // returns: how many operations there were
    std::size_t play(int round) {
        for (Log& log : room_.logs) log.count = 0;
        room_.round = round;
        const unsigned victim = static_cast<unsigned>(random_()) % (2 * senders);
        if (victim < senders) kill_soon(victim);
        for (Log& log : room_.logs)
            while (log.round < round) sched_yield();
        if (victim < senders) MUST(becomes_true([this] { return tasks_of(killed_) == 0; }));
        receive_rest();
        MUST(is_linearizable(history_, backlog));
        return history_.size();
    }
    int kills() const { return kills_; }

private:
    void start_sender(unsigned number) {
        Log& log = room_.logs.at(number);
        pids_.at(number) = start([this, &log, number] {
            const port_name_t port = left_by_parent();
            take_part(room_, log, [&] { send_in_round(log, port, number); });
        });
    }

    // Its successor begins with the next round.
    void kill_soon(unsigned number) {
        Log& log = room_.logs.at(number);
        for (unsigned patience = static_cast<unsigned>(random_()) % 40; patience > 0; --patience) sched_yield();
        killed_ = pids_.at(number);
        kill_and_reap(killed_);
        log.round = room_.round.load();
        start_sender(number);
        ++kills_;
    }

    // Together with what is still in the queue, or in line, once all have come to rest.
    void receive_rest() {
        history_.clear();
        for (const Log& log : room_.logs)
            history_.insert(history_.end(), log.events.begin(), log.events.begin() + log.count);
        for (;;) {
            Event event{Event::Kind::receive_nothing, 0, now(), Event::never};
            const Got got = receive(port_, RCV_TIMEOUT, 0);
            event.end = now();
            if (got.code == RCV_SUCCESS) event.kind = Event::Kind::receive, event.value = static_cast<std::uint32_t>(got.id);
            history_.push_back(event);
            if (got.code != RCV_SUCCESS) return;
        }
    }

    Room& room_;
    port_name_t port_;
    std::array<pid_t, senders> pids_{};
    std::vector<Event> history_;
    std::minstd_rand random_{1};
    int kills_ = 0;
    pid_t killed_ = -1;   // the last
};

TEST(History, OfSendersThatAreKilledAndTwoReceiversIsThatOfOneQueue) {
    void* at = mmap(nullptr, sizeof(Room), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(at, MAP_FAILED);
    Room& room = *new (at) Room{};
    const int count = std::getenv("UMACH_FULL") != nullptr ? 50'000 : 400;
    EXPECT_TRUE(runs_well([&] {
        alarm(count > 400 ? 3'000 : 60);
        Rounds rounds(room);
        std::size_t operations = 0;
        for (int round = 1; round <= count; ++round) operations += rounds.play(round);
        std::printf("[ figures  ] %d histories of %zu operations, %d senders killed in the middle\n", count, operations,
                    rounds.kills());
        std::fflush(stdout);
        MUST(violations().empty());
        _exit(0);
    }));
    munmap(at, sizeof(Room));
}

// ---- the checker itself -----------------------------------------------------------------------------------

using Kind = Event::Kind;

TEST(IsLinearizable, SendsThatOverlapMayArriveInEitherOrder) {
    EXPECT_TRUE(is_linearizable({{Kind::send, 1, 0, 10}, {Kind::send, 2, 0, 10}, {Kind::receive, 2, 11, 12}, {Kind::receive, 1, 13, 14}}, 8));
}
TEST(IsLinearizable, SendsOneAfterTheOtherMayNot) {
    EXPECT_FALSE(is_linearizable({{Kind::send, 1, 0, 1}, {Kind::send, 2, 2, 3}, {Kind::receive, 2, 4, 5}, {Kind::receive, 1, 6, 7}}, 8));
}
TEST(IsLinearizable, AMessageArrivesOnceAndNotBeforeItIsSent) {
    EXPECT_FALSE(is_linearizable({{Kind::send, 1, 0, 1}, {Kind::receive, 1, 2, 3}, {Kind::receive, 1, 4, 5}}, 8));
    EXPECT_FALSE(is_linearizable({{Kind::receive, 1, 0, 1}, {Kind::send, 1, 2, 3}}, 8));
}
TEST(IsLinearizable, AMessageThatWasSentIsNotLost) {
    EXPECT_FALSE(is_linearizable({{Kind::send, 1, 0, 1}, {Kind::receive_nothing, 0, 2, 3}}, 8));
}
TEST(IsLinearizable, ASendThatNeverEndedWasDoneOrNot) {
    EXPECT_TRUE(is_linearizable({{Kind::send, 1, 0, Event::never}, {Kind::receive_nothing, 0, 2, 3}}, 8));
    EXPECT_TRUE(is_linearizable({{Kind::send, 1, 0, Event::never}, {Kind::receive_nothing, 0, 2, 3}, {Kind::receive, 1, 4, 5}}, 8));
}
TEST(IsLinearizable, MoreThanTheQueueHoldsCannotHaveBeenSent) {
    EXPECT_FALSE(is_linearizable({{Kind::send, 1, 0, 1}, {Kind::send, 2, 2, 3}, {Kind::receive, 1, 4, 5}}, 1));
}

}  // namespace
}  // namespace umach::tests
