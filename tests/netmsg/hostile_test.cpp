// SPDX-License-Identifier: BSL-1.0
// A peer that breaks the protocol of a link: it is cut off with a reason, and the host goes on.
#include <algorithm>
#include <cstring>
#include <random>

#include "tests/netmsg/attack.hpp"

namespace umach::netmsg::test {
namespace {

void expect_cut(const std::vector<Bytes>& frames, const std::string& reason) {
    in_a_host_of_its_own([&] {
        Attack attack;
        for (const Bytes& frame : frames) attack.put(frame);
        EXPECT_TRUE(attack.cut_off()) << reason;
        EXPECT_NE(attack.log().find(reason), std::string::npos) << attack.log();
    });
}

TEST(HostileLink, WithoutAHelloOrWithTwoIsCutOff) {
    expect_cut({look_up(1, "x")}, "the peer did not begin with one hello");
    expect_cut({hello(), hello()}, "the peer did not begin with one hello");
}

TEST(HostileLink, OfAnotherVersionOrWithoutANameIsCutOff) {
    expect_cut({packet(Op::hello,
                       [](Writer& w) {
                           w.u8(9);
                           w.text("x");
                       })},
               "the peer speaks another version");
    expect_cut({packet(Op::hello,
                       [](Writer& w) {
                           w.u8(protocol_version);
                           w.text("");
                       })},
               "the peer says no name");
}

TEST(HostileLink, ThatSendsAnUnknownPacketOrOneOfAWrongLengthIsCutOff) {
    expect_cut({hello(), Bytes{std::byte{99}}}, "the peer sent an unknown packet");
    expect_cut({hello(), Bytes{}}, "the peer sent an unknown packet");
    expect_cut({hello(), packet(Op::credit, [](Writer& w) { w.u8(1); })}, "a packet of a wrong length");
    expect_cut({hello(), packet(Op::dead,
                                [](Writer& w) {
                                    w.u32(1);
                                    w.u8(0);
                                })},
               "the peer sent an unknown packet");
}

TEST(HostileLink, ThatSendsToAPortItHasNoRightToIsCutOff) {
    expect_cut({hello(), part(1, Bytes(40))}, "the peer sent to a port that it has no right to");
}

TEST(HostileLink, ThatGivesBackWhatItDoesNotHaveIsCutOff) {
    const auto release = [](std::uint32_t id, std::uint32_t count) {
        return packet(Op::release, [=](Writer& w) {
            w.u32(id);
            w.u32(count);
        });
    };
    expect_cut({hello(), release(1, 1)}, "gave back what it does not have");
    in_a_host_of_its_own([&] {
        Attack attack;
        attack.put(hello());
        port_t port = PORT_NULL;
        attack.put(release(attack.found(&port), 2));
        EXPECT_TRUE(attack.cut_off());
    });
}

TEST(HostileLink, ThatAnswersWhatWasNotAskedIsCutOff) {
    expect_cut({hello(), packet(Op::found,
                                [](Writer& w) {
                                    w.u32(1);
                                    w.u32(0);
                                    w.right({RightKind::mine, 1, 0});
                                })},
               "answered what was not asked");
}

TEST(HostileLink, WithRightsThatItCannotHaveIsCutOffAndItsPartsReachNobody) {
    const WireRight impossible[] = {{RightKind::yours, 77, 0},
                                    {RightKind::mine, 0, 0},
                                    {RightKind::mine, chosen_by_other + 1, 0},
                                    {RightKind::once, 0, 0},
                                    {RightKind::receive, chosen_by_other + 1, 0},
                                    {RightKind::all, chosen_by_other + 1, 0}};
    for (const WireRight& right : impossible) {
        in_a_host_of_its_own([&] {
            Attack attack;
            attack.put(hello());
            port_t port = PORT_NULL;
            const std::uint32_t id = attack.found(&port);
            Parcel parcel;
            parcel.reply = right;
            Bytes bytes;
            encode_parcel(parcel, bytes);
            attack.put(part(id, bytes));
            EXPECT_TRUE(attack.cut_off());
            Letter none;
            EXPECT_EQ(none.receive(port), RCV_TIMED_OUT);
        });
    }
}

TEST(HostileLink, ThatSendsWithoutACreditIsCutOffAfterNineMessages) {
    in_a_host_of_its_own([&] {
        Attack attack;
        attack.put(hello());
        port_t port = PORT_NULL;
        const std::uint32_t id = attack.found(&port);
        Bytes bytes;
        encode_parcel(Parcel{}, bytes);
        int sent = 0;
        for (; sent < 20 && !attack.cut_off(); ++sent) attack.put(part(id, bytes));
        EXPECT_EQ(sent, 10);
        EXPECT_NE(attack.log().find("without a credit"), std::string::npos) << attack.log();
    });
}

TEST(HostileLink, WithMemoryThatNoMessageHasAPlaceForIsCutOff) {
    const auto expect = [](const std::function<std::vector<Bytes>(std::uint32_t)>& frames, const char* reason) {
        in_a_host_of_its_own([&] {
            Attack attack;
            attack.put(hello());
            port_t port = PORT_NULL;
            for (const Bytes& frame : frames(attack.found(&port))) attack.put(frame);
            EXPECT_TRUE(attack.cut_off()) << reason;
            EXPECT_NE(attack.log().find(reason), std::string::npos) << attack.log();
        });
    };
    Bytes empty;
    encode_parcel(Parcel{}, empty);
    using Frames = std::vector<Bytes>;
    expect([](std::uint32_t) { return Frames{memory(77, 8, 0, 8)}; }, "that it has no right to");
    expect([](std::uint32_t id) { return Frames{memory(id, 8, 0, 9)}; }, "memory that does not fit");
    expect([](std::uint32_t id) { return Frames{memory(id, 8, 0, 4), memory(id, 8, 0, 4)}; }, "does not fit");
    expect([](std::uint32_t id) { return Frames{memory(id, 0, 0, 0)}; }, "does not fit");
    expect([](std::uint32_t id) { return Frames{memory(id, (256u << 20) + 1, 0, 8)}; },
           "past its quota of 268435456 bytes out of line");
    expect([&](std::uint32_t id) { return Frames{memory(id, 8, 0, 4), part(id, empty)}; }, "does not fit");
    expect([&](std::uint32_t id) { return Frames{memory(id, 8, 0, 8), part(id, empty)}; }, "no place for");
}

TEST(HostileQuota, OfMemoryCutsOffWhoSendsMoreThanItWasTold) {
    in_a_host_of_its_own([&] {
        Quota quota;
        quota.memory = 1000;
        Attack attack(quota);
        attack.put(hello());
        port_t port = PORT_NULL;
        const std::uint32_t id = attack.found(&port);
        attack.put(memory(id, 1000, 0, 8));
        EXPECT_FALSE(attack.cut_off());
        attack.put(memory(attack.found(&port, "other"), 1, 0, 1));
        EXPECT_NE(attack.log().find("past its quota of 1000 bytes out of line"), std::string::npos) << attack.log();
    });
}

TEST(HostileLink, WithMorePortsThanALinkMayHaveIsCutOffAndItsPortsAreGone) {
    in_a_host_of_its_own([&] {
        Attack attack;
        attack.put(hello());
        port_t port = PORT_NULL;
        const std::uint32_t id = attack.found(&port);
        for (std::uint32_t first = 1; first < 6000 && !attack.cut_off(); first += MSG_RIGHTS_MAX) {
            Parcel parcel;
            parcel.simple = false;
            const msg_type_t type{MSG_TYPE_PORT, 32, MSG_RIGHTS_MAX, 1, 0, 0, 0};
            parcel.body.resize(sizeof type + 4 * MSG_RIGHTS_MAX);
            std::memcpy(parcel.body.data(), &type, sizeof type);
            for (std::uint32_t i = 0; i < MSG_RIGHTS_MAX; ++i)
                parcel.rights.push_back({RightKind::mine, first + i, 0});
            Bytes bytes;
            encode_parcel(parcel, bytes);
            for (std::size_t at = 0; at < bytes.size() && !attack.cut_off(); at += 1000) {
                const View some = View(bytes).subspan(at, std::min<std::size_t>(1000, bytes.size() - at));
                attack.put(packet(Op::part, [&](Writer& w) {
                    w.u32(id);
                    w.u32(static_cast<std::uint32_t>(bytes.size()));
                    w.u32(static_cast<std::uint32_t>(at));
                    w.bytes(some);
                }));
            }
            // The names stay: each is a right of ours.
            Letter got;
            got.receive(port);
        }
        EXPECT_TRUE(attack.cut_off());
        EXPECT_NE(attack.log().find("past its quota of 4096 ports"), std::string::npos) << attack.log();
    });
}

// Whatever comes, the server lives, and another link works afterwards.
TEST(HostileLink, OfRandomPacketsNeverHarmsTheServer) {
    in_a_host_of_its_own([&] {
        std::mt19937_64 dice(21);
        Attack attack;
        port_t port = PORT_NULL;
        EXPECT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
        EXPECT_EQ(netname_check_in(name_server_port, "target", PORT_NULL, port), NETNAME_SUCCESS);
        int cut = 0;
        for (int times = 0; times < 300; ++times) {
            if (attack.cut_off()) {
                ++cut;
                attack.join();
                attack.put(hello());
                attack.put(look_up(1, "target"));
            }
            Bytes frame(dice() % 60);
            for (std::byte& byte : frame)
                byte = static_cast<std::byte>(dice() % 4 == 0 ? dice() : dice() % 3);
            if (!frame.empty()) frame[0] = static_cast<std::byte>(1 + dice() % 9);
            attack.put(frame);
        }
        EXPECT_GT(cut, 20);
        while (!attack.cut_off()) attack.put(Bytes{});
        attack.join();
        attack.put(hello());
        attack.found(&port);
        EXPECT_FALSE(attack.cut_off());
    });
}

}  // namespace
}  // namespace umach::netmsg::test
