// SPDX-License-Identifier: BSL-1.0
// Somebody is stopped in the middle of a step, with its locks. It lives, so nobody may take them from it. Who
// needs them waits, no longer than its call allows, and then nothing has happened; nobody else waits.
#include "ports/wait.hpp"
#include "regression_fixture.hpp"

#include <chrono>
#include <future>
#include <string>

namespace umach::ports {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds time_out{150};
constexpr milliseconds most{3000};   // on a busy machine; of a call that says 150

class StoppedInAStep : public RegressionFixture {
protected:
    // A process of a member's that stands still where it has the lock of the task, until go_on().
    void stop_with_lock_of(TaskRef task, port_name_t to) {
        stopped_ = make_member();
        port_name_t name = there;
        if (to != port_) {
            name = there + 1;
            ASSERT_EQ(insert_send(*caller_, stopped_.task, to, name), KERN_SUCCESS) << runtime::detail();
        }
        child_ = start(stopped_, [name](Caller& caller) {
            Letter letter(name);
            send(caller, letter.header(), SEND_TIMEOUT, 0);
        });
        const auto has_it = [&] {
            const runtime::CarrierName holder = k_->task(task.index).lock.holder();
            return holder && k_->machine().carrier(holder.slot).process.get() == stopped_.process;
        };
        step(child_, to_the_end, has_it);
        ASSERT_TRUE(has_it());
    }

    void go_on() {
        ptrace(PTRACE_CONT, child_, nullptr, nullptr);
        wait_for(child_);
        kill_now(child_);
        bury(stopped_);
    }

    // The call runs out of time, soon after it should.
    template <class Call>
    void expect_in_time(msg_return_t expected, Call call) {
        const auto begin = Clock::now();
        EXPECT_EQ(call(), expected);
        const auto took = Clock::now() - begin;
        EXPECT_GE(took, time_out);
        EXPECT_LT(took, most);
    }

    static constexpr auto limit = static_cast<msg_timeout_t>(time_out.count());

private:
    Member stopped_;
    pid_t child_ = -1;
};

TEST_F(StoppedInAStep, ASendToItsObjectTimesOutAndHasNotHappened) {
    const Member other = make_member();
    stop_with_lock_of(caller_->task, port_);
    const Counts before = counts();
    expect_in_time(SEND_TIMED_OUT, [&] {
        Letter letter(port_);
        return send(*caller_, letter.header(), SEND_TIMEOUT, limit);
    });
    EXPECT_STREQ(runtime::detail(), held_up);
    EXPECT_EQ(counts(), before);
    const auto begin = Clock::now();
    EXPECT_EQ(post(Letter(other.its_port)), SEND_SUCCESS) << "nobody else waits";
    EXPECT_LT(Clock::now() - begin, time_out);
    go_on();
    Letter got(PORT_NULL);
    EXPECT_EQ(fetch(port_, &got), RCV_SUCCESS) << "what the stopped one sent";
    EXPECT_EQ(fetch(port_, &got), RCV_TIMED_OUT);
    bury(other);
}

TEST_F(StoppedInAStep, AReceiveFromItsObjectTimesOutAndTheMessageIsStillThere) {
    ASSERT_EQ(post(Letter(port_)), SEND_SUCCESS);
    stop_with_lock_of(caller_->task, port_);
    expect_in_time(RCV_TIMED_OUT, [&] {
        Letter got = Letter::from(port_);
        return receive(*caller_, got.header(), RCV_TIMEOUT, limit);
    });
    go_on();
    Letter got(PORT_NULL);
    EXPECT_EQ(fetch(port_, &got), RCV_SUCCESS);
    EXPECT_EQ(fetch(port_, &got), RCV_SUCCESS);
}

TEST_F(StoppedInAStep, ACallTimesOutAndHasNotBegun) {
    const Member server = make_member();
    stop_with_lock_of(caller_->task, port_);
    expect_in_time(SEND_TIMED_OUT, [&] {
        Letter letter(server.its_port);
        letter.header()->msg_local_port = port_;
        return rpc(*caller_, letter.header(), SEND_TIMEOUT | RCV_TIMEOUT, Letter::most_bytes, limit, limit);
    });
    go_on();
    Caller as_server = as(server);
    Letter got = Letter::from(server.own_port);
    EXPECT_EQ(receive(as_server, got.header(), RCV_TIMEOUT, 0), RCV_TIMED_OUT);
    bury(server);
}

// ---- who slept already when it happened -------------------------------------------------------------------

// Milliseconds until somebody who is led there step by step stands still with the lock, on a busy machine.
#if defined(__SANITIZE_ADDRESS__)
constexpr msg_timeout_t asleep = 5'000;
#else
constexpr msg_timeout_t asleep = 1'500;
#endif

// A thread of the fixture's task whose call sleeps; once it has timed out, it waits for a word and makes another.
class Sleeping {
public:
    using Call = std::function<msg_return_t(Caller&)>;
    Sleeping(Caller& caller, Call first, Call second)
        : blocked_(caller, [this, first = std::move(first), second = std::move(second)](Caller& self) {
              first_code_ = first(self);
              said_ = runtime::detail();
              timed_out_ = true;
              while (!may_go_on_) sched_yield();
              return second(self);
          }) {}

    msg_return_t first() {
        while (!timed_out_) sched_yield();
        return first_code_;
    }
    const std::string& said() const { return said_; }
    msg_return_t second() {
        may_go_on_ = true;
        return blocked_.result();
    }

private:
    std::atomic<bool> timed_out_{false}, may_go_on_{false};
    msg_return_t first_code_ = 0;
    std::string said_;
    Blocked blocked_;   // last: it uses the rest
};

TEST_F(StoppedInAStep, AReceiverThatSleepsTimesOutAndItsNextReceiveGetsTheMessage) {
    const auto fetch_within = [&](Caller& self, msg_timeout_t limit_of_call) {
        Letter got = Letter::from(port_);
        return receive(self, got.header(), RCV_TIMEOUT, limit_of_call);
    };
    Sleeping receiver(
        *caller_, [&](Caller& self) { return fetch_within(self, asleep); },
        [&](Caller& self) { return fetch_within(self, 10'000); });
    stop_with_lock_of(caller_->task, port_);
    EXPECT_EQ(receiver.first(), RCV_TIMED_OUT);
    EXPECT_EQ(receiver.said(), held_up);
    go_on();
    EXPECT_EQ(receiver.second(), RCV_SUCCESS);
}

TEST_F(StoppedInAStep, ASenderThatSleepsInLineTimesOutAndItsMessageNeverArrives) {
    const Member full = make_member();
    while (post(Letter(full.its_port)) == SEND_SUCCESS) {}
    Sleeping sender(
        *caller_,
        [&](Caller& self) {
            Letter letter(full.its_port);
            letter.with(MSG_TYPE_PORT_ALL, new_port()).header()->msg_id = 99;
            return send(self, letter.header(), SEND_TIMEOUT, asleep);
        },
        [&](Caller& self) {   // waits in line as well
            Letter letter(full.its_port);
            letter.header()->msg_id = 100;
            return send(self, letter.header(), SEND_TIMEOUT, 50);
        });
    stop_with_lock_of(full.task, full.its_port);
    EXPECT_EQ(sender.first(), SEND_TIMED_OUT);
    EXPECT_EQ(sender.said(), held_up);
    go_on();
    EXPECT_EQ(sender.second(), SEND_TIMED_OUT);
    Caller as_full = as(full);
    for (Letter got = Letter::from(full.own_port); receive(as_full, got.header(), RCV_TIMEOUT, 0) == RCV_SUCCESS;
         got = Letter::from(full.own_port))
        EXPECT_EQ(got.header()->msg_id, 0);
    bury(full);
}

// Its time is up, and a right that its message carries is gone, so the message cannot be kept: before it can
// leave the line somebody stands still with the lock.
TEST_F(StoppedInAStep, ASenderWhoseRightIsLostReturnsThoughItsMessageHasToStayInLine) {
    const Member full = make_member(), sender = make_member();
    while (post(Letter(full.its_port)) == SEND_SUCCESS) {}
    ASSERT_EQ(insert_send(*caller_, sender.task, full.its_port, there + 1), KERN_SUCCESS);
    const pid_t child = start(sender, [&](Caller& caller) {
        Letter letter(there + 1);
        letter.with(MSG_TYPE_PORT_ALL, sender.own_port);
        _exit(-send(caller, letter.header(), SEND_NOTIFY | SEND_TIMEOUT, 1));
    });
    PortRecord& port = k_->port(port_of(full.its_port).index);
    const auto has_lock_of = [&](TaskRef task) {
        const runtime::CarrierName holder = k_->task(task.index).lock.holder();
        return holder && k_->machine().carrier(holder.slot).process.get() == sender.process;
    };
    const auto is_free = [&] { return !has_lock_of(full.task) && !has_lock_of(sender.task); };
    step(child, to_the_end, [&] { return port.line.get().first != 0 && is_free(); });
    Caller as_sender = as(sender);
    EXPECT_EQ(deallocate(as_sender, sender.task, sender.own_port), KERN_SUCCESS);
    bool tried_to_keep = false;
    step(child, to_the_end, [&] {
        if (!tried_to_keep) return (tried_to_keep = has_lock_of(full.task)), false;
        return is_free();
    });
    EXPECT_TRUE(tried_to_keep);
    EXPECT_NE(port.line.get().first, 0u);
    stop_with_lock_of(full.task, full.its_port);
    ptrace(PTRACE_CONT, child, nullptr, nullptr);
    int status = 0;
    const auto begin = Clock::now();
    while (waitpid(child, &status, WNOHANG) == 0 && Clock::now() - begin < most) sched_yield();
    EXPECT_TRUE(WIFEXITED(status) && Clock::now() - begin < most) << "it waits for who is stopped";
    EXPECT_EQ(WEXITSTATUS(status), -SEND_INVALID_PORT);
    go_on();
    bury(sender);
    bury(full);
}

TEST_F(StoppedInAStep, AMessageThatIsLeftInLineIsTakenOutOnceThereIsRoom) {
    const Member full = make_member();
    while (post(Letter(full.its_port)) == SEND_SUCCESS) {}
    Sleeping sender(
        *caller_,
        [&](Caller& self) {
            Letter letter(full.its_port);
            letter.header()->msg_id = 99;
            return send(self, letter.header(), SEND_TIMEOUT, asleep);
        },
        [&](Caller&) { return SEND_SUCCESS; });
    stop_with_lock_of(full.task, full.its_port);
    EXPECT_EQ(sender.first(), SEND_TIMED_OUT);
    go_on();
    Caller as_full = as(full);
    int received = 0;
    for (Letter got = Letter::from(full.own_port); receive(as_full, got.header(), RCV_TIMEOUT, 0) == RCV_SUCCESS;
         got = Letter::from(full.own_port), ++received)
        EXPECT_EQ(got.header()->msg_id, 0);
    EXPECT_EQ(received, PORT_BACKLOG_DEFAULT);
    EXPECT_EQ(k_->port(port_of(full.its_port).index).line.get().first, 0u);
    check("with the thread still there");
    EXPECT_EQ(sender.second(), SEND_SUCCESS);
    bury(full);
}

TEST_F(StoppedInAStep, ACallerThatSleepsTimesOutAndALateAnswerIsNotThatToItsNextCall) {
    const Member server = make_member();
    const port_name_t reply = new_port();
    const auto call = [&](Caller& self, msg_timeout_t limit_of_call) {
        Letter letter(server.its_port);
        letter.header()->msg_local_port = reply;
        const msg_return_t code =
            rpc(self, letter.header(), RCV_TIMEOUT, Letter::most_bytes, 0, limit_of_call);
        return code == RPC_SUCCESS ? letter.header()->msg_id : code;
    };
    Sleeping client(
        *caller_, [&](Caller& self) { return call(self, asleep); }, [&](Caller& self) { return call(self, 10'000); });
    Caller as_server = as(server);
    const auto serve = [&] {
        Letter got = Letter::from(server.own_port);
        EXPECT_EQ(receive(as_server, got.header(), MSG_OPTION_NONE, 0), RCV_SUCCESS);
        return got.header()->msg_remote_port;
    };
    const port_name_t first = serve();
    stop_with_lock_of(caller_->task, port_);
    EXPECT_EQ(client.first(), RCV_TIMED_OUT);
    EXPECT_EQ(client.said(), held_up);
    go_on();
    const auto answer_with = [&](port_name_t to, msg_id_t id) {
        Letter letter(to);
        letter.header()->msg_id = id;
        return send(as_server, letter.header(), SEND_TIMEOUT, 0);
    };
    EXPECT_EQ(answer_with(first, 1001), SEND_SUCCESS);   // nobody has said yet that the call is over
    std::future<msg_return_t> got = std::async(std::launch::async, [&] { return client.second(); });
    EXPECT_EQ(answer_with(serve(), 1002), SEND_SUCCESS);
    EXPECT_EQ(got.get(), 1002);
    bury(server);
}

}  // namespace
}  // namespace umach::ports
