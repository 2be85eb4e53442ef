// SPDX-License-Identifier: BSL-1.0
// Peers that send what is no frame, or not the right one. A kind that keeps order cuts them off with a
// reason; one of datagrams, where anybody may send, discards it.
#include <random>

#include "runtime/transport/loopback.hpp"
#include "tests/transport/kinds.hpp"

namespace umach::transport::test {
namespace {

constexpr std::uint64_t own = 77;

Bytes frame(FrameKind kind, std::uint64_t sequence, const std::string& body,
            std::uint64_t incarnation = own) {
    Bytes bytes;
    encode_frame({kind, 0, incarnation, sequence, 0, 0}, bytes_of(body), bytes);
    return bytes;
}

class Hostile : public TransportOfKind {
protected:
    // A guest that is a bare wire, from which `bytes` come after a hello.
    void come_in(bool hello = true) {
        host.reset();
        const auto meeting = GetParam().meet();
        wire_ = meeting->guest();
        // Kinds where only who says hello is let in hear it before.
        if (hello || GetParam().datagrams || GetParam().name == std::string("fifo"))
            put(frame(FrameKind::hello, 0, ""));
        host = over(meeting->host(), GetParam().options);
        if (GetParam().datagrams) put(frame(FrameKind::hello, 0, ""));
    }
    void put(const Bytes& bytes) {
        std::size_t moved = 0;
        for (int times = GetParam().datagrams ? 30 : 1; times > 0; --times) wire_->write(bytes, moved);
    }

    void expect_refused(const std::string& reason) {
        Bytes body;
        if (!GetParam().datagrams) {
            EXPECT_EQ(host->receive(body, soon()), Moved::gone) << reason;
            EXPECT_EQ(host->ending(), Ending::broken);
            if (!reason.empty()) {
                EXPECT_EQ(host->reason(), reason);
            }
            EXPECT_FALSE(host->reason().empty());
            return;
        }
        const Deadline late = soon();
        while (host->counts().discarded == 0 && !late.passed()) {
            std::size_t moved = 0;
            wire_->write({}, moved);
            EXPECT_EQ(host->receive(body, Deadline::in(1ms)), Moved::later);
        }
        EXPECT_EQ(host->ending(), Ending::open);
    }

    std::unique_ptr<Wire> wire_;
};
UMACH_FOR_ALL_KINDS(Hostile);

TEST_P(Hostile, BytesThatAreNoFrameEndTheLinkOrAreDiscarded) {
    come_in();
    put(bytes_of("GET / HTTP/1.1\r\n\r\n"));
    expect_refused("the peer sent bytes that are no frame");
    wire_.reset();
}

TEST_P(Hostile, AFrameOfAnotherVersionEndsTheLinkOrIsDiscarded) {
    come_in();
    Bytes bytes = frame(FrameKind::data, 1, "x");
    bytes[2] = std::byte{9};
    put(bytes);
    expect_refused("the peer sent a frame of another version");
    wire_.reset();
}

TEST_P(Hostile, AWrongChecksumEndsTheLinkOrIsDiscarded) {
    come_in();
    Bytes bytes = frame(FrameKind::data, 1, "sum");
    bytes.back() ^= std::byte{1};
    put(bytes);
    expect_refused("the peer sent a frame with a wrong checksum");
    wire_.reset();
}

TEST_P(Hostile, ALengthBeyondTheLargestEndsTheLinkBeforeAnythingIsWaitedFor) {
    come_in();
    Bytes bytes = frame(FrameKind::data, 1, "");
    bytes[7] = std::byte{0x7F};
    put(bytes);
    expect_refused("the peer sent a frame that is too long");
    wire_.reset();
}

TEST_P(Hostile, AFrameOfAnotherIncarnationEndsTheLinkOrIsDiscarded) {
    come_in();
    put(frame(FrameKind::data, 1, "old", own + 1));
    expect_refused("a frame of another incarnation");
    wire_.reset();
}

class HostileBeforeHello : public Hostile {};
UMACH_FOR_KINDS(HostileBeforeHello, kinds_that_let_in_who_says_nothing());

TEST_P(HostileBeforeHello, WhoSendsDataEndsTheLink) {
    come_in(false);
    put(frame(FrameKind::data, 0, "early"));
    expect_refused("the peer did not say hello");
    wire_.reset();
}

TEST_P(Hostile, ASequenceThatJumpsIsNeverDelivered) {
    come_in();
    put(frame(FrameKind::data, GetParam().datagrams ? 1000 : 2, "jump"));
    expect_refused("a frame out of its order");
    wire_.reset();
}

TEST_P(Hostile, AFrameThatIsReplayedIsDeliveredOnce) {
    come_in();
    put(frame(FrameKind::data, 1, "once"));
    put(frame(FrameKind::data, 1, "once"));
    Bytes body;
    ASSERT_EQ(host->receive(body, soon()), Moved::done);
    EXPECT_EQ(text_of_bytes(body), "once");
    expect_refused("a frame out of its order");
    wire_.reset();
}

TEST_P(Hostile, ASecondHelloEndsTheLinkOrIsNoFrameForAnybody) {
    come_in();
    put(frame(FrameKind::hello, 1, ""));
    Bytes body;
    if (GetParam().datagrams)
        EXPECT_EQ(host->receive(body, Deadline::in(20ms)), Moved::later);
    else
        expect_refused("a second hello");
    wire_.reset();
}

TEST_P(Hostile, AnAnswerToWhatWasNeverSentChangesNothing) {
    come_in();
    Bytes bytes;
    encode_frame({FrameKind::acknowledge, 0, own, 0, 1'000'000, ~0u}, {}, bytes);
    put(bytes);
    expect_refused(GetParam().datagrams ? "" : "a frame out of its order");
    wire_.reset();
}

TEST_P(HostileBeforeHello, WhoSaysNothingInTimeIsLost) {
    const auto meeting = GetParam().meet();
    wire_ = meeting->guest();
    Options options = GetParam().options;
    options.patience = 50ms;
    host = over(meeting->host(), options);
    Bytes body;
    EXPECT_EQ(host->receive(body, soon()), Moved::gone);
    EXPECT_EQ(host->reason(), "the peer did not say hello in time");
    wire_.reset();
}

// Of a good link's bytes some are changed. What is delivered was sent.
TEST_P(Hostile, MutatedFramesDeliverNothingThatWasNotSent) {
    std::mt19937_64 dice(11);
    for (int times = 0; times < 60; ++times) {
        come_in();
        for (std::uint64_t i = 1; i < 6; ++i) {
            Bytes bytes = frame(FrameKind::data, i, "body " + std::to_string(i));
            for (std::uint64_t changes = dice() % 3; changes > 0; --changes)
                bytes[dice() % bytes.size()] ^= static_cast<std::byte>(1 + dice() % 255);
            if (dice() % 8 == 0) bytes.resize(dice() % bytes.size() + 1);
            std::size_t moved = 0;
            wire_->write(bytes, moved);
        }
        Bytes body;
        for (std::uint64_t i = 1; host->receive(body, Deadline::in(0ms)) == Moved::done; ++i)
            EXPECT_EQ(text_of_bytes(body), "body " + std::to_string(i));
        wire_.reset();
    }
}

}  // namespace
}  // namespace umach::transport::test
