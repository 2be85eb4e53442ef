// SPDX-License-Identifier: BSL-1.0
// The arithmetic of the window, with time by hand; and what weather does to a link.
#include <algorithm>
#include <random>
#include <thread>

#include "runtime/transport/loopback.hpp"
#include "runtime/transport/window.hpp"
#include "tests/transport/kinds.hpp"

namespace umach::transport::test {
namespace {

using runtime::Instant;

const Instant start{1h};

TEST(SendWindow, IsFullAfterSoManyFramesAndHasRoomOnceTheFirstIsAcknowledged) {
    SendWindow window(2, 500ms);
    window.add(FrameKind::data, {}, start);
    window.add(FrameKind::data, {}, start);
    EXPECT_TRUE(window.full());
    EXPECT_TRUE(window.acknowledge(0, 0b1, start));  // the second has come
    EXPECT_TRUE(window.full());
    EXPECT_TRUE(window.acknowledge(2, 0, start));
    EXPECT_TRUE(window.empty());
}

TEST(SendWindow, RefusesAnAnswerToWhatWasNeverSent) {
    SendWindow window(2, 500ms);
    window.add(FrameKind::data, {}, start);
    EXPECT_FALSE(window.acknowledge(2, 0, start));
    EXPECT_FALSE(window.empty());
}

TEST(SendWindow, SendsAgainWhenNoAnswerComesAndWaitsLongerEachTime) {
    SendWindow window(1, 500ms);
    window.add(FrameKind::data, {}, start);
    EXPECT_EQ(window.take_due(start + 99ms), nullptr);
    Instant now = start;
    for (const auto pause : {100ms, 200ms, 400ms, 500ms, 500ms}) {
        EXPECT_EQ(window.due().instant(), now + pause);
        now += pause;
        ASSERT_NE(window.take_due(now), nullptr);
        EXPECT_EQ(window.take_due(now), nullptr);
    }
}

TEST(SendWindow, SendsAFrameAgainAtOnceWhenThreeLaterOnesHaveArrived) {
    SendWindow window(8, 500ms);
    for (int i = 0; i < 4; ++i) window.add(FrameKind::data, {}, start);
    EXPECT_TRUE(window.acknowledge(0, 0b11, start + 1ms));
    EXPECT_EQ(window.take_due(start + 1ms), nullptr);
    EXPECT_TRUE(window.acknowledge(0, 0b111, start + 1ms));
    const auto* slot = window.take_due(start + 1ms);
    ASSERT_NE(slot, nullptr);
    EXPECT_EQ(slot->sequence, 0u);
    EXPECT_EQ(window.take_due(start + 1ms), nullptr);
}

TEST(ReceiveWindow, PutsInOrderWhatComesInAnyOrderAndTakesNothingTwice) {
    std::mt19937_64 dice(1);
    for (int times = 0; times < 200; ++times) {
        std::vector<std::uint64_t> order;
        for (std::uint64_t i = 0; i < 30; ++i) order.insert(order.end(), {i, i});
        std::shuffle(order.begin(), order.end(), dice);
        ReceiveWindow window;
        std::vector<std::size_t> lengths;
        for (const std::uint64_t sequence : order) {
            window.add(sequence, FrameKind::data, pattern(sequence, 1));
            while (auto frame = window.take()) lengths.push_back(frame->body.size());
        }
        ASSERT_EQ(lengths.size(), 30u);
        EXPECT_TRUE(std::is_sorted(lengths.begin(), lengths.end()));
        EXPECT_EQ(window.acknowledged(), 30u);
    }
}

TEST(ReceiveWindow, HoldsNoMoreThanItsRoomAndAnswersForNothingElse) {
    ReceiveWindow window;
    EXPECT_FALSE(window.add(64, FrameKind::data, {}));
    for (std::uint64_t i = 0; i < 64; ++i) EXPECT_TRUE(window.add(i, FrameKind::data, {}));
    EXPECT_FALSE(window.add(64, FrameKind::data, {}));
    EXPECT_EQ(window.acknowledged(), 64u);
    EXPECT_TRUE(window.take());
    EXPECT_TRUE(window.add(64, FrameKind::data, {}));
}

TEST(ReceiveWindow, SaysWhichLaterFramesHaveCome) {
    ReceiveWindow window;
    window.add(0, FrameKind::data, {});
    window.add(2, FrameKind::data, {});
    window.add(4, FrameKind::data, {});
    EXPECT_EQ(window.acknowledged(), 1u);
    EXPECT_EQ(window.selected(), 0b101u);
}

struct Link {
    std::unique_ptr<Transport> from, to;
};

Link link_in(const Weather& weather, const Options& options) {
    auto pair = loopback_pair().value();
    Weather back = weather;
    back.seed = ~weather.seed;
    return {over(loopback_wire(std::move(pair.first), weather), options),
            over(loopback_wire(std::move(pair.second), back), options)};
}

TEST(Weather, OfManyKindsAndSeedsNeverLosesDoublesOrReordersAFrame) {
    std::uint64_t again = 0, discarded = 0;
    for (unsigned seed = 1; seed <= 24; ++seed) {
        Weather weather;
        weather.seed = seed;
        weather.lost = seed * 13 % 301;
        weather.doubled = seed * 7 % 101;
        weather.truncated = seed * 3 % 51;
        weather.delayed = seed * 31 % 251;
        weather.delay = std::chrono::microseconds(200 * (seed % 4));
        Options options;
        options.window = seed % 3 == 0 ? 1 : 8;
        options.patience = 2s;
        Link link = link_in(weather, options);
        std::thread sender([&] {
            for (std::uint64_t i = 0; i < 60; ++i)
                EXPECT_EQ(link.from->send(pattern(i, seed), soon()), Moved::done);
            link.from->close(soon());
        });
        for (std::uint64_t i = 0; i < 60; ++i) {
            Bytes body;
            EXPECT_EQ(link.to->receive(body, soon()), Moved::done) << link.to->reason() << ", seed " << seed;
            EXPECT_TRUE(body == pattern(i, seed));
        }
        Bytes rest;
        while (link.to->receive(rest, soon()) == Moved::done) ADD_FAILURE() << "a frame too many";
        discarded += link.to->counts().discarded;
        // Its last answer may have been lost: that it is gone tells as much.
        link.to.reset();
        sender.join();
        again += link.from->counts().sent_again;
    }
    EXPECT_GT(again, 0u);
    EXPECT_GT(discarded, 0u);
}

TEST(Weather, ThatCutsTheLinkIsFoundBySilenceWithinThePatienceAndAThird) {
    Weather weather;
    weather.cut_after = 20;
    Options options;
    options.patience = 300ms;
    Link link = link_in(weather, options);
    Bytes body;
    while (link.to->receive(body, Deadline::in(1ms)) == Moved::done || !link.from->established())
        link.from->receive(body, Deadline::in(1ms));
    std::thread other([&] {
        Bytes in;
        EXPECT_EQ(link.to->receive(in, soon()), Moved::gone);
    });
    EXPECT_EQ(link.from->receive(body, soon()), Moved::gone);
    const auto first = runtime::MonotonicClock::now();
    other.join();
    EXPECT_LT(runtime::MonotonicClock::now() - first, options.patience * 4 / 3);
    EXPECT_EQ(link.to->reason(), "the peer is silent");
    EXPECT_EQ(link.to->ending(), Ending::lost);
}

}  // namespace
}  // namespace umach::transport::test
