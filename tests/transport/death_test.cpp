// SPDX-License-Identifier: BSL-1.0
// How the death of a peer shows, and that nothing of a killed one is delivered torn or left behind.
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/transport/kinds.hpp"

namespace umach::transport::test {
namespace {

class Death : public TransportOfKind {
protected:
    void until_text(const std::string& expected) {
        Bytes body;
        ASSERT_EQ(host->receive(body, soon()), Moved::done) << host->reason();
        EXPECT_EQ(text_of_bytes(body), expected);
    }
    void expect_lost() {
        Bytes body;
        EXPECT_EQ(host->receive(body, soon()), Moved::gone);
        EXPECT_EQ(host->ending(), Ending::lost) << host->reason();
        EXPECT_FALSE(host->reason().empty());
    }
};
UMACH_FOR_ALL_KINDS(Death);

// At once, that is in much less than the patience; a datagram has to be refused first.
TEST_P(Death, OfAPeerThatIsKilledIsSeenLongBeforeThePatienceIsOver) {
    host_of([&](std::unique_ptr<Wire> wire) {
        auto peer = over(std::move(wire), GetParam().options);
        peer->send(bytes_of("alive"), soon());
        Bytes body;
        peer->receive(body, Deadline::never());
    });
    until_text("alive");
    const auto killed = runtime::MonotonicClock::now();
    end_child();
    expect_lost();
    EXPECT_LT(runtime::MonotonicClock::now() - killed, GetParam().options.patience / 2);
}

// Of datagrams, what was not acknowledged dies with its sender.
class DeathInOrder : public Death {};
UMACH_FOR_KINDS(DeathInOrder, kinds_that_keep_order());

TEST_P(DeathInOrder, OfAPeerAfterItsLastFramesLosesNoneOfThem) {
    host_of([&](std::unique_ptr<Wire> wire) {
        auto peer = over(std::move(wire), GetParam().options);
        for (int i = 0; i < 8; ++i) peer->send(bytes_of(std::to_string(i)), soon());
        // Threads of the kind, if it has any, must have passed the frames on: the last one has its answer.
        Bytes body;
        peer->receive(body, soon());
        peer->send(bytes_of("last"), Deadline::in(0ms));
        peer->receive(body, Deadline::never());
    });
    until_text("0");
    EXPECT_EQ(host->send(bytes_of("go on"), soon()), Moved::done);
    for (int i = 1; i < 8; ++i) until_text(std::to_string(i));
    until_text("last");
    end_child();
    expect_lost();
}

TEST_P(Death, WithAFrameHalfSentDeliversEveryWholeFrameAndNothingOfThatOne) {
    host_of([&](std::unique_ptr<Wire> wire) {
        const auto put = [&](FrameKind kind, std::uint64_t sequence, const std::string& body,
                             std::size_t part) {
            Bytes bytes;
            std::size_t moved = 0;
            encode_frame({kind, 0, 77, sequence, 0, 0}, bytes_of(body), bytes);
            wire->write(View(bytes).first(bytes.size() / part), moved);
        };
        // A datagram may be lost, or come before there is anybody to take it.
        do {
            put(FrameKind::hello, 0, "", 1);
            put(FrameKind::data, 1, "whole", 1);
            put(FrameKind::data, 2, "", 2);
            pollfd look{wire->reads(), POLLIN, 0};
            poll(&look, 1, GetParam().datagrams ? 5 : -1);
        } while (GetParam().datagrams);
        for (;;) pause();
    });
    until_text("whole");
    end_child();
    expect_lost();
    EXPECT_EQ(host->counts().frames_received, 1u);
}

class DeathBeforeHello : public Death {};
UMACH_FOR_KINDS(DeathBeforeHello, kinds_that_let_in_who_says_nothing());

TEST_P(DeathBeforeHello, OfAPeerIsTheEndOfTheLink) {
    host_of([](std::unique_ptr<Wire> wire) { static_cast<void>(wire.release()); });
    end_child();
    expect_lost();
}

TEST_P(Death, OfThisEndIsSeenByAPeerThatLivesOn) {
    int report[2];
    ASSERT_EQ(pipe(report), 0);
    host_of([&](std::unique_ptr<Wire> wire) {
        auto peer = over(std::move(wire), GetParam().options);
        peer->send(bytes_of("here"), soon());
        Bytes body;
        while (peer->receive(body, soon()) == Moved::done) {
        }
        const char seen = static_cast<char>('0' + static_cast<int>(peer->ending()));
        peer.reset();
        [[maybe_unused]] const auto written = write(report[1], &seen, 1);
    });
    until_text("here");
    host->close(Deadline::in(2s));
    host.reset();
    char seen = 0;
    EXPECT_EQ(read(report[0], &seen, 1), 1);
    close(report[0]);
    close(report[1]);
    EXPECT_EQ(seen, '0' + static_cast<int>(Ending::closed));
}

TEST_P(Death, IsNotSeenInAPeerThatIsOnlyStoppedUnlessSilenceIsTheSign) {
    Options options = GetParam().options;
    options.patience = 200ms;
    host_of(options, [&](std::unique_ptr<Wire> wire) {
        const bool silent_is_dead = wire->traits().beats;
        auto peer = over(std::move(wire), options);
        peer->send(bytes_of(silent_is_dead ? "beats" : "sure"), soon());
        Bytes body;
        peer->receive(body, Deadline::never());
    });
    Bytes body;
    ASSERT_EQ(host->receive(body, soon()), Moved::done);
    const bool silent_is_dead = text_of_bytes(body) == "beats";
    ASSERT_GT(child, 0);
    ASSERT_EQ(kill(child, SIGSTOP), 0);
    ASSERT_EQ(waitpid(child, nullptr, WUNTRACED), child);
    const Moved moved = host->receive(body, Deadline::in(silent_is_dead ? 10s : 500ms));
    EXPECT_EQ(moved, silent_is_dead ? Moved::gone : Moved::later) << host->reason();
}

std::string line_of(int pipe) {
    std::string line;
    for (char c = 0; read(pipe, &c, 1) == 1 && c != '\n';) line += c;
    return line;
}

void say_line(int pipe, const std::string& line) {
    EXPECT_EQ(write(pipe, (line + "\n").data(), line.size() + 1), static_cast<ssize_t>(line.size() + 1));
}

class Listening : public TransportOfKind {
protected:
    // The child does, until it is killed.
    // returns: its address, with what the system chose
    std::string listen_in_child() {
        int told[2];
        EXPECT_EQ(pipe(told), 0);
        std::string address = GetParam().address();
        child = fork_ours();
        if (child == 0) {
            auto door = listen(address, GetParam().options);
            say_line(told[1], door.ok() ? door.value().address() : "");
            for (;;) pause();
        }
        address = line_of(told[0]);
        for (const int end : told) close(end);
        return address;
    }
    static void until_there_is_only(const std::set<std::string>& expected) {
        const Deadline late = soon();
        while (what_is_there() != expected && !late.passed()) sched_yield();
        EXPECT_EQ(what_is_there(), expected);
    }
};
UMACH_FOR_KINDS(Listening, kinds_with_addresses());

TEST_P(Listening, ByAKilledProcessIsTakenOverByTheNextOne) {
    const std::string address = listen_in_child();
    ASSERT_NE(address, "");
    EXPECT_EQ(listen(address, GetParam().options).ok(), false);
    end_child();
    const auto next = listen(address, GetParam().options);
    EXPECT_TRUE(next.ok()) << next.fault().what;
}

class ListeningAtAName : public Listening {};
UMACH_FOR_KINDS(ListeningAtAName, kinds_whose_doors_outlive_a_process());

TEST_P(ListeningAtAName, ByAKilledProcessLeavesNothingThoughNobodyListensNext) {
    const std::set<std::string> before = what_is_there();
    ASSERT_NE(listen_in_child(), "");
    EXPECT_NE(what_is_there(), before);
    end_child();
    until_there_is_only(before);
}

// Stopped before they are killed, so that neither end hears of the other's.
TEST_P(Listening, ByAProcessThatIsKilledTogetherWithItsPeerLeavesNothingToWhoListensNext) {
    const std::set<std::string> before = what_is_there();
    int told[2];
    ASSERT_EQ(pipe(told), 0);
    const std::string address = GetParam().address();
    const pid_t host_process = fork_ours();
    if (host_process == 0) {
        auto door = listen(address, GetParam().options);
        say_line(told[1], door.value().address());
        std::unique_ptr<Transport> end;
        while (end == nullptr) end = door.value().accept().value();
        end->send(bytes_of("in"), soon());
        for (Bytes body; end->receive(body, Deadline::never()) != Moved::gone;) {
        }
        _exit(0);
    }
    const std::string place = line_of(told[0]);
    const pid_t guest_process = fork_ours();
    if (guest_process == 0) {
        auto end = connect(place, GetParam().options, soon()).value();
        Bytes body;
        if (end->receive(body, soon()) == Moved::done) say_line(told[1], text_of_bytes(body));
        while (end->receive(body, Deadline::never()) != Moved::gone) {
        }
        _exit(0);
    }
    EXPECT_EQ(line_of(told[0]), "in");
    for (const int signal : {SIGSTOP, SIGKILL})
        for (const pid_t one : {host_process, guest_process}) kill(one, signal);
    for (const pid_t one : {host_process, guest_process}) waitpid(one, nullptr, 0);
    for (const int end : told) close(end);
    static_cast<void>(listen(place, {}).ok());
    until_there_is_only(before);
}

}  // namespace
}  // namespace umach::transport::test
