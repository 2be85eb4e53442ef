// SPDX-License-Identifier: BSL-1.0
// What every transport promises, whatever carries its frames.
#include <poll.h>

#include <thread>

#include "tests/transport/kinds.hpp"

namespace umach::transport::test {
namespace {

class Conformance : public TransportOfKind {
protected:
    // Sends in a thread of its own, then says goodbye.
    std::thread sending(Transport& from, std::vector<Bytes> bodies) {
        return std::thread([&from, bodies = std::move(bodies)] {
            for (const Bytes& body : bodies) EXPECT_EQ(from.send(body, soon()), Moved::done) << from.reason();
            from.close(Deadline::in(2s));
        });
    }

    Bytes received(Transport& at) {
        Bytes body;
        EXPECT_EQ(at.receive(body, soon()), Moved::done) << at.reason();
        return body;
    }
};
UMACH_FOR_KINDS(Conformance, kinds_and_sealed_ones());

TEST_P(Conformance, FramesArriveOnceInTheOrderInWhichTheyWereSent) {
    join();
    std::vector<Bytes> bodies;
    for (std::uint64_t i = 0; i < 500; ++i) bodies.push_back(pattern(i * 37 % guest->largest(), i));
    auto thread = sending(*guest, bodies);
    for (const Bytes& body : bodies) ASSERT_TRUE(received(*host) == body);
    Bytes rest;
    EXPECT_EQ(host->receive(rest, soon()), Moved::gone);
    thread.join();
    EXPECT_EQ(host->counts().frames_received, 500u);
    EXPECT_EQ(guest->counts().frames_sent, 500u);
}

TEST_P(Conformance, AFrameArrivesWholeWhateverItsLength) {
    join();
    const std::size_t most = guest->largest();
    std::vector<Bytes> bodies;
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, frame_head_bytes, most - 1, most})
        bodies.push_back(pattern(length, length));
    auto thread = sending(*guest, bodies);
    for (const Bytes& body : bodies) EXPECT_TRUE(received(*host) == body);
    Bytes rest;
    EXPECT_EQ(host->receive(rest, soon()), Moved::gone);
    thread.join();
}

// The parts grow from nothing to most of the frame, so that a stream takes a piece of any of them at once.
TEST_P(Conformance, AFrameThatStandsInPartsArrivesWholeHoweverMuchOfItIsTakenAtOnce) {
    join();
    const Bytes body = pattern(guest->largest(), 5);
    std::vector<View> parts;
    View rest = body;
    for (std::size_t i = 0; i + 1 < most_parts; ++i) {
        parts.push_back(rest.first(i * body.size() / 40));
        rest = rest.subspan(parts.back().size());
    }
    parts.push_back(rest);
    std::thread thread([&] {
        for (int i = 0; i < 200; ++i) EXPECT_EQ(guest->send(Parts(parts), soon()), Moved::done) << guest->reason();
        guest->close(Deadline::in(2s));
    });
    View got;
    for (int i = 0; i < 200; ++i) {
        ASSERT_EQ(host->receive(got, soon()), Moved::done) << host->reason();
        ASSERT_TRUE(Bytes(got.begin(), got.end()) == body) << i;
    }
    thread.join();
    EXPECT_EQ(guest->counts().bytes_sent, 200 * body.size());
}

TEST_P(Conformance, BothSidesSendAtOnceAndEverythingArrives) {
    join();
    const Bytes body = pattern(guest->largest(), 3);
    int sent[2] = {0, 0}, got[2] = {0, 0};
    Transport* ends[2] = {guest.get(), host.get()};
    const Deadline late = soon();
    while ((got[0] < 200 || got[1] < 200) && !late.passed()) {
        for (int i = 0; i < 2; ++i) {
            Bytes in;
            if (sent[i] < 200 && ends[i]->send(body, Deadline::in(0ms)) == Moved::done) ++sent[i];
            if (ends[i]->receive(in, Deadline::in(0ms)) == Moved::done) {
                ++got[i];
                EXPECT_TRUE(in == body);
            }
        }
    }
    EXPECT_EQ(got[0], 200) << guest->reason();
    EXPECT_EQ(got[1], 200) << host->reason();
}

TEST_P(Conformance, AReceiveWithNothingToReceiveEndsAtItsDeadlineAndNotBefore) {
    join();
    Bytes body;
    const Deadline deadline = Deadline::in(30ms);
    EXPECT_EQ(host->receive(body, deadline), Moved::later);
    EXPECT_TRUE(deadline.passed());
    EXPECT_EQ(host->receive(body, Deadline::in(0ms)), Moved::later);
}

TEST_P(Conformance, ASendToAPeerThatDoesNotReceiveEndsAtItsDeadlineAndTakesNothing) {
    join();
    // Stop-and-wait has room for nothing until its hello was answered.
    Bytes none;
    while (!guest->established() || !host->established()) {
        EXPECT_EQ(host->receive(none, Deadline::in(1ms)), Moved::later);
        EXPECT_EQ(guest->receive(none, Deadline::in(1ms)), Moved::later);
    }
    host->receive(none, Deadline::in(0ms));
    guest->receive(none, Deadline::in(0ms));
    std::uint64_t taken = 0;
    const auto body = [&] { return pattern(guest->largest(), taken); };
    while (guest->send(body(), Deadline::in(20ms)) == Moved::done) ++taken;
    EXPECT_EQ(guest->ending(), Ending::open) << guest->reason();
    EXPECT_GT(taken, 0u);
    const std::uint64_t before = taken;
    auto thread = sending(*guest, {body()});
    for (std::uint64_t i = 0; i <= before; ++i)
        EXPECT_TRUE(received(*host) == pattern(host->largest(), i)) << i;
    Bytes more;
    EXPECT_EQ(host->receive(more, soon()), Moved::gone);
    EXPECT_EQ(host->ending(), Ending::closed) << host->reason();
    thread.join();
}

TEST_P(Conformance, APeerThatSaysGoodbyeIsClosedAfterItsLastFrame) {
    join();
    auto thread = sending(*guest, {bytes_of("one"), bytes_of("two")});
    EXPECT_EQ(text_of_bytes(received(*host)), "one");
    EXPECT_EQ(text_of_bytes(received(*host)), "two");
    Bytes body;
    EXPECT_EQ(host->receive(body, soon()), Moved::gone);
    EXPECT_EQ(host->ending(), Ending::closed);
    EXPECT_EQ(host->reason(), "the peer said goodbye");
    EXPECT_EQ(host->send(body, soon()), Moved::gone);
    thread.join();
    EXPECT_EQ(guest->ending(), Ending::closed);
}

TEST_P(Conformance, TheDescriptorIsReadableWhenAFrameHasComeAndSilentBefore) {
    join();
    Bytes body;
    // Greetings and answers first, until both sides have nothing to say.
    while (!host->established() || !guest->established()) {
        host->receive(body, Deadline::in(1ms));
        guest->receive(body, Deadline::in(1ms));
    }
    pollfd look{host->descriptor(), POLLIN, 0};
    while (poll(&look, 1, 0) == 1) ASSERT_EQ(host->receive(body, Deadline::in(0ms)), Moved::later);
    auto thread = sending(*guest, {bytes_of("now")});
    Moved moved = Moved::later;
    const Deadline late = soon();
    while (moved == Moved::later && !late.passed()) {
        ASSERT_EQ(poll(&look, 1, 20'000), 1);
        moved = host->receive(body, Deadline::in(0ms));
    }
    EXPECT_EQ(moved, Moved::done);
    EXPECT_EQ(text_of_bytes(body), "now");
    while (host->receive(body, soon()) == Moved::done) {
    }
    thread.join();
}

TEST_P(Conformance, ASenderThatWasToldLaterHearsOfRoomAtItsDescriptor) {
    join();
    const Bytes body = pattern(guest->largest(), 1);
    while (guest->send(body, Deadline::in(0ms)) == Moved::done) {
    }
    std::thread thread([&] {
        Bytes taken;
        while (host->receive(taken, soon()) == Moved::done && taken.size() > 1) {
        }
        EXPECT_EQ(taken.size(), 1u);
        EXPECT_EQ(host->receive(taken, soon()), Moved::gone);
    });
    const Deadline late = soon();
    Bytes in;
    while (guest->send(pattern(1, 1), Deadline::in(0ms)) == Moved::later && !late.passed()) {
        pollfd look{guest->descriptor(), POLLIN, 0};
        ASSERT_EQ(poll(&look, 1, 20'000), 1);
        EXPECT_EQ(guest->receive(in, Deadline::in(0ms)), Moved::later);
    }
    guest->close(Deadline::in(2s));
    thread.join();
}

TEST_P(Conformance, EndsKnowEachOtherByTheirIncarnations) {
    join();
    auto thread = sending(*guest, {bytes_of("x")});
    received(*host);
    EXPECT_EQ(host->peer_incarnation(), guest->incarnation());
    EXPECT_NE(host->incarnation(), guest->incarnation());
    Bytes body;
    EXPECT_EQ(host->receive(body, soon()), Moved::gone);
    thread.join();
}

class Addresses : public TransportOfKind {};
UMACH_FOR_KINDS(Addresses, kinds_with_addresses());

TEST_P(Addresses, OneListenerTakesSeveralPeersOneAfterAnother) {
    auto door = listen(GetParam().address(), GetParam().options).value();
    std::vector<std::unique_ptr<Transport>> guests, hosts;
    for (int i = 0; i < 3; ++i) {
        guests.push_back(connect(door.address(), GetParam().options, soon()).value());
        pollfd look{door.descriptor(), POLLIN, 0};
        Bytes none;
        // Over sealed datagrams a guest has to show first that it reads where it writes.
        for (const Deadline late = soon(); hosts.size() < guests.size() && !late.passed();) {
            guests.back()->receive(none, Deadline::in(1ms));
            if (poll(&look, 1, 1) != 1) continue;
            if (auto next = door.accept().value()) hosts.push_back(std::move(next));
        }
        ASSERT_EQ(hosts.size(), guests.size());
        for (const Deadline late = soon(); !guests.back()->established() && !late.passed();) {
            hosts.back()->receive(none, Deadline::in(1ms));
            guests.back()->receive(none, Deadline::in(1ms));
        }
        while (guests.back()->send(bytes_of(std::to_string(i)), Deadline::in(0ms)) == Moved::later)
            ASSERT_EQ(hosts.back()->receive(none, Deadline::in(1ms)), Moved::later);
    }
    for (int i = 0; i < 3; ++i) {
        Bytes body;
        EXPECT_EQ(hosts[static_cast<std::size_t>(i)]->receive(body, soon()), Moved::done);
        EXPECT_EQ(text_of_bytes(body), std::to_string(i));
    }
}

TEST_P(Addresses, ASecondListenerIsToldThatTheAddressIsInUse) {
    auto first = listen(GetParam().address(), GetParam().options).value();
    const auto second = listen(first.address(), GetParam().options);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.fault().error, EADDRINUSE) << second.fault().what;
}

TEST_P(Addresses, WhoConnectsWhereNobodyListensIsRefusedOrLost) {
    const std::string address = [&] {
        return listen(GetParam().address(), GetParam().options).value().address();
    }();
    Options options = GetParam().options;
    options.patience = 100ms;
    auto guest_alone = connect(address, options, soon());
    if (!guest_alone.ok()) {
        EXPECT_EQ(guest_alone.fault().error, ECONNREFUSED) << guest_alone.fault().what;
        return;
    }
    Bytes body;
    EXPECT_EQ(guest_alone.value()->receive(body, soon()), Moved::gone);
    EXPECT_EQ(guest_alone.value()->ending(), Ending::lost);
}

TEST(Address, OfAnUnknownKindOrShapeIsRefusedWithWords) {
    for (const char* wrong : {"", "tcp", "smoke:/tmp/x", "tcp:nowhere", "pipe:1", "pipe:a,b", "sysv:0",
                              "sysv:x", "posix:x", "posix:/a/b", "unix:", "unix:@"}) {
        const auto made = listen(wrong, {});
        const auto joined = connect(wrong, {}, soon());
        ASSERT_FALSE(made.ok()) << wrong;
        ASSERT_FALSE(joined.ok()) << wrong;
        EXPECT_FALSE(made.fault().what.empty());
    }
}

}  // namespace
}  // namespace umach::transport::test
