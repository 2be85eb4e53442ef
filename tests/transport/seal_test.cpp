// SPDX-License-Identifier: BSL-1.0
// Who comes in by a seal, who does not and why, and what the way between sees.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <thread>

#include "runtime/transport/sealed.hpp"
#include "tests/transport/kinds.hpp"

namespace umach::transport::test {
namespace {

std::shared_ptr<const Seal> seal_that_trusts(const Key& own, std::set<std::string> pinned) {
    return Seal::make(own, [=](const std::string& shown) { return pinned.contains(shown); }).value();
}

Options with(std::shared_ptr<const Seal> seal) {
    Options options;
    options.seal = std::move(seal);
    return options;
}

// Two ends over a network of this machine, both at work until each is established or has ended.
class Sealed : public testing::TestWithParam<const char*> {
protected:
    void meet(const Options& guests, const Options& hosts) {
        auto door = listen(GetParam(), hosts).value();
        guest = connect(door.address(), guests, soon()).value();
        const Deadline late = soon();
        Bytes none;
        const auto busy = [](const std::unique_ptr<Transport>& end) {
            return end == nullptr || (end->ending() == Ending::open && !end->established());
        };
        while ((busy(guest) || busy(host)) && !late.passed()) {
            if (busy(guest)) guest->receive(none, Deadline::in(1ms));
            pollfd look{door.descriptor(), POLLIN, 0};
            if (host == nullptr && poll(&look, 1, 1) == 1) host = door.accept().value();
            if (host != nullptr && busy(host)) host->receive(none, Deadline::in(1ms));
        }
        ASSERT_NE(host, nullptr);
    }
    std::unique_ptr<Transport> guest, host;
    const Key ours = Key::make().value(), theirs = Key::make().value();
};
INSTANTIATE_TEST_SUITE_P(, Sealed, testing::Values("tcp:127.0.0.1:0", "udp:127.0.0.1:0"),
                         [](const auto& one) { return std::string(one.param).substr(0, 3); });

TEST_P(Sealed, TwoThatHavePinnedEachOtherMeetAndKnowWhoIsThere) {
    meet(with(seal_that_trusts(theirs, {ours.fingerprint()})),
         with(seal_that_trusts(ours, {theirs.fingerprint()})));
    EXPECT_TRUE(host->established()) << host->reason();
    EXPECT_TRUE(guest->established()) << guest->reason();
    EXPECT_EQ(host->peer().key, theirs.fingerprint());
    EXPECT_EQ(guest->peer().key, ours.fingerprint());
}

TEST_P(Sealed, AGuestWhoseKeyIsNotPinnedIsRefusedByName) {
    meet(with(seal_that_trusts(theirs, {ours.fingerprint()})), with(seal_that_trusts(ours, {})));
    EXPECT_FALSE(host->established());
    EXPECT_EQ(host->ending(), Ending::broken);
    EXPECT_EQ(host->reason(), "the peer's key " + theirs.fingerprint() + " is not pinned");
}

TEST_P(Sealed, AHostWhoseKeyIsNotPinnedIsRefusedByTheGuestAndToldSo) {
    meet(with(seal_that_trusts(theirs, {})), with(seal_that_trusts(ours, {theirs.fingerprint()})));
    EXPECT_FALSE(guest->established());
    EXPECT_EQ(guest->reason(), "the peer's key " + ours.fingerprint() + " is not pinned");
    EXPECT_FALSE(host->established());
    EXPECT_EQ(host->reason(), "the peer refuses our key, or our version of TLS");
}

TEST_P(Sealed, APlainPeerIsLostOrRefusedAndNeverEstablished) {
    Options plain, hosts = with(seal_that_trusts(ours, {theirs.fingerprint()}));
    plain.insecure = true;
    plain.patience = hosts.patience = 300ms;
    auto door = listen(GetParam(), hosts).value();
    auto stranger = connect(door.address(), plain, soon()).value();
    Bytes none;
    for (const Deadline late = soon(); stranger->ending() == Ending::open && !late.passed();) {
        stranger->receive(none, Deadline::in(1ms));
        if (host == nullptr) host = door.accept().value();
        if (host != nullptr) host->receive(none, Deadline::in(1ms));
    }
    EXPECT_NE(stranger->ending(), Ending::open);
    EXPECT_FALSE(stranger->established());
    EXPECT_TRUE(host == nullptr || !host->established());
}

TEST_P(Sealed, APinThatIsTakenBackCountsFromTheNextHandshakeOn) {
    bool pinned = true;
    const auto seal = Seal::make(ours, [&](const std::string&) { return pinned; }).value();
    const Options guests = with(seal_that_trusts(theirs, {ours.fingerprint()}));
    meet(guests, with(seal));
    EXPECT_TRUE(host->established());
    pinned = false;
    guest.reset();
    host.reset();
    meet(guests, with(seal));
    EXPECT_FALSE(host->established());
}

TEST_P(Sealed, NothingPlainIsMadeUnlessItIsAskedForAndNothingPlainLeavesTheMachine) {
    const auto made = listen(GetParam(), {});
    ASSERT_FALSE(made.ok());
    EXPECT_NE(made.fault().what.find("needs a key"), std::string::npos) << made.fault().what;
    Options plain;
    plain.insecure = true;
    for (const char* place : {"0.0.0.0:0", "[::]:0", "192.0.2.1:7000"}) {
        const std::string address = std::string(GetParam()).substr(0, 4) + place;
        for (const bool listens : {true, false}) {
            const auto text = listens ? listen(address, plain).fault().what
                                      : connect(address, plain, Deadline::in(0ms)).fault().what;
            EXPECT_NE(text.find("is no loopback address"), std::string::npos) << address << ": " << text;
        }
    }
}

// Between the two ends of a sealed wire: keeps what passes, and can change, drop and repeat it.
struct Way {
    std::vector<Bytes> seen;
    std::function<std::vector<Bytes>(const Bytes&)> change = [](const Bytes& bytes) {
        return std::vector<Bytes>{bytes};
    };
};
class Watched final : public Wire {
public:
    Watched(std::unique_ptr<Wire> wire, Way& way) : wire_(std::move(wire)), way_(way) {}
    WireTraits traits() const noexcept override { return wire_->traits(); }
    int reads() const noexcept override { return wire_->reads(); }
    int writes() const noexcept override { return wire_->writes(); }
    Moved read(std::span<std::byte> into, std::size_t& moved) noexcept override {
        return wire_->read(into, moved);
    }
    Moved write(View bytes, std::size_t& moved) noexcept override {
        moved = bytes.size();
        if (bytes.empty()) return Moved::done;
        way_.seen.emplace_back(bytes.begin(), bytes.end());
        for (const Bytes& some : way_.change(way_.seen.back())) {
            std::size_t part = 0;
            if (wire_->write(some, part) == Moved::gone) return Moved::gone;
        }
        return Moved::done;
    }

private:
    std::unique_ptr<Wire> wire_;
    Way& way_;
};

class OnTheWay : public testing::TestWithParam<bool> {
protected:
    // A guest and a host that are established, with `way` from the guest to the host.
    void meet() {
        int ends[2];
        ASSERT_EQ(socketpair(AF_UNIX, (GetParam() ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_NONBLOCK, 0, ends),
                  0);
        const WireTraits traits{GetParam(), GetParam(), true, GetParam() ? 1452u : 65536u};
        const auto end = [&](int socket) { return socket_wire(runtime::Descriptor(socket), traits, {}); };
        guest = over(
            sealed_wire(std::make_unique<Watched>(end(ends[0]), way), seal_of_tests(), SealSide::connects),
            {});
        host = over(sealed_wire(end(ends[1]), seal_of_tests(), SealSide::listens), {});
        Bytes none;
        for (const Deadline late = soon();
             !(guest->established() && host->established()) && !late.passed();) {
            guest->receive(none, Deadline::in(1ms));
            host->receive(none, Deadline::in(1ms));
        }
        ASSERT_TRUE(guest->established() && host->established()) << guest->reason() << host->reason();
    }
    Way way;
    std::unique_ptr<Transport> guest, host;
};
INSTANTIATE_TEST_SUITE_P(, OnTheWay, testing::Bool(),
                         [](const auto& one) { return one.param ? "Datagrams" : "Stream"; });

TEST_P(OnTheWay, WhatIsSaidIsNotSeen) {
    meet();
    const Bytes secret = bytes_of("the tree is hollow");
    ASSERT_EQ(guest->send(secret, soon()), Moved::done);
    Bytes got;
    ASSERT_EQ(host->receive(got, soon()), Moved::done);
    EXPECT_TRUE(got == secret);
    for (const Bytes& seen : way.seen)
        EXPECT_EQ(std::search(seen.begin(), seen.end(), secret.begin(), secret.end()), seen.end());
}

TEST_P(OnTheWay, WhatIsRepeatedIsNotHeardTwiceAndWhatIsChangedIsNotHeardAtAll) {
    meet();
    const auto changes = std::make_shared<bool>(false);   // the ends say goodbye after the test
    way.change = [changes](const Bytes& bytes) {
        Bytes other = bytes;
        if (*changes) other[other.size() / 2] ^= std::byte{1};
        return std::vector<Bytes>{other, other};
    };
    ASSERT_EQ(guest->send(bytes_of("once"), soon()), Moved::done);
    Bytes got;
    ASSERT_EQ(host->receive(got, soon()), Moved::done);
    EXPECT_EQ(text_of_bytes(got), "once");
    *changes = true;
    guest->send(bytes_of("changed"), Deadline::in(0ms));
    EXPECT_EQ(host->receive(got, Deadline::in(50ms)), GetParam() ? Moved::later : Moved::gone);
    if (!GetParam()) {
        EXPECT_EQ(host->ending(), Ending::broken) << host->reason();
        return;
    }
    // Of datagrams, what came damaged is lost, and sent again.
    way.change = [](const Bytes& bytes) { return std::vector<Bytes>{bytes}; };
    for (const Deadline late = soon();
         host->receive(got, Deadline::in(1ms)) == Moved::later && !late.passed();) {
        Bytes none;
        guest->receive(none, Deadline::in(1ms));
    }
    EXPECT_EQ(text_of_bytes(got), "changed");
}

// A recorded conversation, played to a door again, opens nothing.
TEST(SealedDoor, ThatHearsARecordedConversationAgainLetsNobodyIn) {
    Way way;
    const Options options = with(seal_of_tests());
    auto door = listen("udp:127.0.0.1:0", options).value();
    const std::string place = door.address().substr(4);
    runtime::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(place.substr(place.find(':') + 1))));
    ASSERT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    auto guest = over(sealed_wire(std::make_unique<Watched>(
                                      socket_wire(std::move(socket), {true, true, true, 1452}, {}), way),
                                  seal_of_tests(), SealSide::connects),
                      options);
    std::unique_ptr<Transport> host;
    Bytes none;
    for (const Deadline late = soon(); (host == nullptr || !host->established()) && !late.passed();) {
        guest->receive(none, Deadline::in(1ms));
        if (host == nullptr) host = door.accept().value();
        if (host != nullptr) host->receive(none, Deadline::in(1ms));
    }
    ASSERT_TRUE(host != nullptr && host->established());
    guest->send(bytes_of("pay"), soon());
    ASSERT_EQ(host->receive(none, soon()), Moved::done);
    runtime::Descriptor again(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    ASSERT_EQ(::connect(again.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    std::size_t accepted = 0;
    for (const Bytes& bytes : way.seen) {
        ASSERT_EQ(send(again.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
        accepted += door.accept().value() != nullptr ? 1u : 0u;
    }
    EXPECT_GT(way.seen.size(), 4u);
    EXPECT_EQ(accepted, 0u);
}

TEST(SealKey, ComesOutOfItsTextAsItWentInAndOtherTextIsNone) {
    const Key key = Key::make().value();
    EXPECT_TRUE(is_fingerprint(key.fingerprint()));
    EXPECT_EQ(Key::from_pem(key.pem()).value().fingerprint(), key.fingerprint());
    EXPECT_NE(Key::make().value().fingerprint(), key.fingerprint());
    EXPECT_FALSE(Key::from_pem("").ok());
    EXPECT_FALSE(Key::from_pem(key.pem().substr(0, 90)).ok());
    EXPECT_FALSE(is_fingerprint(std::string(63, 'a')));
    EXPECT_FALSE(is_fingerprint(std::string(64, 'G')));
}

}  // namespace
}  // namespace umach::transport::test
