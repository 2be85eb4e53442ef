// SPDX-License-Identifier: BSL-1.0
// Hostile peers over every kind of transport. Each kind plays each scenario against a server that has an
// honest link too: the hostile one is cut off with its reason, and the honest one and the host go on.
#include <sys/socket.h>
#include <umach_inspect.h>

#include <cstring>

#include "runtime/transport/pipe.hpp"
#include "tests/netmsg/attack.hpp"

namespace umach::netmsg::test {
namespace {

using transport::Options;

std::shared_ptr<const transport::Seal> own_seal() {
    const auto key = transport::Key::make().value();
    const auto is_own = [own = key.fingerprint()](const std::string& shown) { return shown == own; };
    return transport::Seal::make(key, is_own).value();
}

struct Kind {
    const char* name;
    std::string address;  // "" for a pair without one
    bool sealed = false;
};

std::vector<Kind> kinds() {
    const std::string own = "umach-netmsg-" + std::to_string(getpid()) + "-matrix";
    return {{"unix", "unix:@" + own},
            {"fifo", "fifo:/tmp/" + own},
            {"tcp", "tcp:127.0.0.1:0"},
            {"udp", "udp:127.0.0.1:0"},
            {"tls", "tcp:127.0.0.1:0", true},
            {"dtls", "udp:127.0.0.1:0", true},
            {"sysv", "sysv:" + std::to_string(0x28000000 + getpid())},
            {"posix", "posix:/" + own},
            {"pipe", ""},
            {"loopback", ""}};
}

// A server with a honest peer over loopback and a hostile one over some kind.
class Stage {
public:
    explicit Stage(const Kind& kind) : server_("good", [this](const std::string& what) { log_ += what + "\n"; }) {
        Quota quota;
        quota.messages = 4;
        quota.ports = 100;
        server_.set_quota(quota);
        server_.set_patience(std::chrono::milliseconds(500));
        EXPECT_EQ(port_allocate(task_self(), &target_), KERN_SUCCESS);
        EXPECT_EQ(netname_check_in(name_server_port, "target", PORT_NULL, target_), NETNAME_SUCCESS);
        honest_ = pair_over("loopback");
        put(*honest_, hello("honest"));
        honest_id_ = look_up_target(*honest_, 1);
        evil_ = kind.address.empty() ? pair_over(kind.name) : at_address(kind);
    }

    void put(Transport& from, const Bytes& frame) {
        const Deadline late = Deadline::in(std::chrono::seconds(10));
        while (from.send(frame, Deadline::in(std::chrono::seconds(0))) == Moved::later && !late.passed())
            turn();
        turn();
    }
    void put(const Bytes& frame) { put(*evil_, frame); }

    // Both work until the answer has come. returns: the id of the target
    std::uint32_t look_up_target(Transport& from, std::uint32_t call) {
        put(from, look_up(call, "target"));
        const Deadline late = Deadline::in(std::chrono::seconds(10));
        for (; !late.passed(); turn()) {
            for (const Bytes& frame : got_[&from])
                if (const auto id = found_in(frame, call)) return *id;
        }
        ADD_FAILURE() << "no answer: " << log_;
        return 0;
    }
    std::uint32_t look_up_target() { return look_up_target(*evil_, 1); }

    void turn() {
        server_.turn(1, -1);
        for (Transport* const one : {honest_.get(), evil_.get()}) {
            Bytes got;
            while (one != nullptr && one->receive(got, Deadline::in(std::chrono::seconds(0))) == Moved::done)
                got_[one].push_back(got);
        }
    }

    void expect_cut(const std::string& reason) {
        const Deadline late = Deadline::in(std::chrono::seconds(10));
        while (log_.find("parted from ") == std::string::npos && !late.passed()) turn();
        EXPECT_NE(log_.find(reason), std::string::npos) << log_;
        EXPECT_EQ(log_.find("parted from honest"), std::string::npos) << log_;
        EXPECT_EQ(server_.links(), 1u);
    }

    // The honest peer's message arrives, and the host's records are as they have to be.
    void expect_others_well() {
        for (Letter left; left.receive(target_) == RCV_SUCCESS;) turn();
        Parcel parcel;
        parcel.id = 4711;
        Bytes bytes;
        encode_parcel(parcel, bytes);
        put(*honest_, part(honest_id_, bytes));
        Letter got;
        EXPECT_EQ(got.receive(target_, RCV_TIMEOUT, patience), RCV_SUCCESS) << log_;
        EXPECT_EQ(got->msg_id, 4711);
        umach_audit_seen_t seen{};
        const auto broken = [](const char* what, void*) { ADD_FAILURE() << what; };
        EXPECT_EQ(umach_inspect_audit(broken, nullptr, &seen), KERN_SUCCESS);
    }

    static Bytes hello(const char* name) {
        return packet(Op::hello, [&](Writer& w) {
            w.u8(protocol_version);
            w.text(name);
        });
    }

private:
    std::unique_ptr<Transport> pair_over(const std::string& kind) {
        if (kind == "pipe") {
            auto made = transport::pipe_pair();
            server_.add(over(transport::pipe_wire(std::move(made.value().second), {}), {}));
            return over(transport::pipe_wire(std::move(made.value().first), {}), {});
        }
        auto made = transport::loopback_pair();
        server_.add(over(transport::loopback_wire(std::move(made.value().second), {}), {}));
        return over(transport::loopback_wire(std::move(made.value().first), {}), {});
    }
    std::unique_ptr<Transport> at_address(const Kind& kind) {
        Options options;
        options.insecure = !kind.sealed;
        if (kind.sealed) options.seal = own_seal();
        auto door = transport::listen(kind.address, options).value();
        const std::string place = door.address();
        server_.add(std::move(door));
        return transport::connect(place, options, Deadline::in(std::chrono::seconds(10))).value();
    }

    std::string log_;
    Server server_;
    port_t target_ = PORT_NULL;
    std::unique_ptr<Transport> honest_, evil_;
    std::uint32_t honest_id_ = 0;
    std::map<Transport*, std::vector<Bytes>> got_;
};

Bytes with_two(Op op, std::uint32_t one, std::uint32_t other) {
    return packet(op, [=](Writer& w) {
        w.u32(one);
        w.u32(other);
    });
}

Bytes part_of(std::uint32_t id, std::uint32_t length, std::uint32_t offset, std::size_t bytes) {
    return packet(Op::part, [=](Writer& w) {
        w.u32(id);
        w.u32(length);
        w.u32(offset);
        w.bytes(Bytes(bytes));
    });
}

Bytes message(std::uint32_t id, const WireRight& reply = {}, std::vector<WireRight> rights = {}) {
    Parcel parcel;
    parcel.reply = reply;
    if (!rights.empty()) {
        parcel.simple = false;
        const msg_type_t type{MSG_TYPE_PORT, 32, static_cast<unsigned>(rights.size()) & 0xFFFu, 1, 0, 0, 0};
        parcel.body.resize(sizeof type + 4 * rights.size());
        std::memcpy(parcel.body.data(), &type, sizeof type);
        parcel.rights = std::move(rights);
    }
    Bytes bytes;
    encode_parcel(parcel, bytes);
    return part(id, bytes);
}

struct Scenario {
    const char* name;
    const char* reason;
    void (*play)(Stage& stage);
};

const char* const no_right = "the peer sent to a port that it has no right to";
const char* const no_fit = "the peer sent a part that does not fit";
const char* const impossible = "the peer sent a right that it cannot have";

const Scenario scenarios[] = {
    {"a peer that comes in and says nothing", "the peer did not say its name in time", [](Stage&) {}},
    {"a first packet that is no hello", "the peer did not begin with one hello",
     [](Stage& stage) { stage.put(look_up(1, "target")); }},
    {"a wrong version", "the peer speaks another version",
     [](Stage& stage) {
         stage.put(packet(Op::hello, [](Writer& w) {
             w.u8(protocol_version + 1);
             w.text("evil");
         }));
     }},
    {"a second hello, with the honest peer's name", "the peer did not begin with one hello",
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         stage.put(Stage::hello("honest"));
     }},
    {"a forged id of a port", no_right,
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         stage.put(message(stage.look_up_target() + 1));
     }},
    {"an id that was given back", no_right,
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         const std::uint32_t id = stage.look_up_target();
         stage.put(with_two(Op::release, id, 1));
         stage.put(message(id));
     }},
    {"a give-back that is replayed", "the peer gave back what it does not have",
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         const std::uint32_t id = stage.look_up_target();
         for (int i = 0; i < 2; ++i) stage.put(with_two(Op::release, id, 1));
     }},
    {"a length that lies about the whole", no_fit,
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         stage.put(part_of(stage.look_up_target(), 0xFFFF'FFFF, 0, 8));
     }},
    {"a part out of its order", no_fit,
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         const std::uint32_t id = stage.look_up_target();
         stage.put(part_of(id, 64, 0, 8));
         stage.put(part_of(id, 64, 16, 8));
     }},
    {"a packet that ends early", "the peer sent a packet of a wrong length",
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         stage.put(packet(Op::credit, [](Writer& w) { w.u8(1); }));
     }},
    {"a message that ends early", "the peer sent a message that is none",
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         stage.put(part(stage.look_up_target(), Bytes(7)));
     }},
    {"a flood without credit", "the peer sent without a credit",
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         const std::uint32_t id = stage.look_up_target();
         for (int i = 0; i < 12; ++i) stage.put(message(id));
     }},
    {"a flood of ports", "the peer is past its quota of 100 ports",
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         const std::uint32_t id = stage.look_up_target();
         for (std::uint32_t first = 1; first < 120; first += 30) {
             std::vector<WireRight> rights;
             for (std::uint32_t i = 0; i < 30; ++i) rights.push_back({RightKind::mine, first + i, 0});
             stage.put(message(id, {}, rights));
         }
     }},
    {"a right that it was not given", impossible,
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         stage.put(message(stage.look_up_target(), {RightKind::yours, 0x7FFF'FFFF, 0}));
     }},
    {"a receive right under an id of ours", impossible,
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         const std::uint32_t id = stage.look_up_target();
         stage.put(message(id, {RightKind::receive, id, 0}));
     }},
    {"an answer that was not asked for", "the peer answered what was not asked",
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         stage.put(packet(Op::found, [](Writer& w) {
             w.u32(1);
             w.u32(0);
             w.right({RightKind::mine, 1, 0});
         }));
     }},
    {"deaths and credits of ports that are none, and then an unknown packet",
     "the peer sent an unknown packet",
     [](Stage& stage) {
         stage.put(Stage::hello("evil"));
         for (const Op op : {Op::dead, Op::credit}) stage.put(packet(op, [](Writer& w) { w.u32(1); }));
         stage.put(Bytes{std::byte{0xFF}});
     }},
};

class HostileOver : public testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(, HostileOver, testing::ValuesIn(kinds()),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(HostileOver, APeerIsCutOffWithItsReasonAndHarmsNobodyElseInEveryScenario) {
    for (const Scenario& scenario : scenarios) {
        SCOPED_TRACE(scenario.name);
        in_a_host_of_its_own([&] {
            SCOPED_TRACE(scenario.name);
            Stage stage(GetParam());
            scenario.play(stage);
            stage.expect_cut(scenario.reason);
            stage.expect_others_well();
        });
    }
}

TEST(HostileQuota, OfMessagesThatWaitCutsOffWhoFillsPortAfterPort) {
    in_a_host_of_its_own([] {
        Quota quota;
        quota.messages = 3;
        Attack attack(quota);
        attack.put(hello());
        for (int i = 0; i < 4 && !attack.cut_off(); ++i) {
            port_t port = PORT_NULL;
            const std::uint32_t id = attack.found(&port, "target" + std::to_string(i));
            for (int sent = 0; sent < 9; ++sent) attack.put(message(id));
        }
        EXPECT_TRUE(attack.cut_off());
        EXPECT_NE(attack.log().find("past its quota of 3 messages that wait for room"), std::string::npos) << attack.log();
    });
}

TEST(HostileQuota, OfBytesCutsOffWhoBeginsMessagesAndEndsNone) {
    in_a_host_of_its_own([] {
        Quota quota;
        quota.bytes = 4000;
        Attack attack(quota);
        attack.put(hello());
        for (int i = 0; i < 5 && !attack.cut_off(); ++i) {
            port_t port = PORT_NULL;
            attack.put(part_of(attack.found(&port, "target" + std::to_string(i)), 8000, 0, 1000));
        }
        EXPECT_TRUE(attack.cut_off());
        EXPECT_NE(attack.log().find("past its quota of 4000 bytes that wait"), std::string::npos) << attack.log();
    });
}

TEST(HostileQuota, OfRightsGivesNoMoreThanThat) {
    in_a_host_of_its_own([] {
        Quota quota;
        quota.rights = 3;
        Attack attack(quota);
        attack.put(hello());
        port_t port = PORT_NULL;
        for (int i = 0; i < 3; ++i) EXPECT_NE(attack.found(&port, "target" + std::to_string(i)), 0u);
        EXPECT_EQ(attack.found(&port, "target3"), 0u);
        EXPECT_FALSE(attack.cut_off());
    });
}

// Who asks and takes no answer fills the server with answers, but not beyond the quota.
TEST(HostileQuota, OfBytesCutsOffWhoAsksAndTakesNoAnswer) {
    in_a_host_of_its_own([] {
        std::string log;
        Server server("good", [&](const std::string& what) { log += what + "\n"; });
        Quota quota;
        quota.bytes = 2000;
        server.set_quota(quota);
        int ends[2];
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
        const transport::WireTraits traits{false, true, false, 65'536};
        auto peer = over(transport::socket_wire(runtime::Descriptor(ends[0]), traits, {}), {});
        server.add(over(transport::socket_wire(runtime::Descriptor(ends[1]), traits, {}), {}));
        const Deadline late = Deadline::in(std::chrono::seconds(20));
        const auto at_once = Deadline::in(std::chrono::seconds(0));
        EXPECT_EQ(peer->send(hello(), at_once), Moved::done);
        for (std::uint32_t call = 1; server.links() > 0 && !late.passed(); ++call) {
            peer->send(look_up(call, "nobody"), at_once);
            server.turn(1, -1);
        }
        EXPECT_NE(log.find("past its quota of 2000 bytes that wait"), std::string::npos) << log;
    });
}

TEST(HostileQuota, OfStrangersKeepsOutMoreOfThemAndNobodyWhoIsIn) {
    in_a_host_of_its_own([] {
        std::string log;
        Server server("good", [&](const std::string& what) { log += what + "\n"; });
        server.set_patience(std::chrono::seconds(60));
        auto door = transport::listen("unix:@umach-strangers-" + std::to_string(getpid()), {}).value();
        const std::string place = door.address();
        server.add(std::move(door));
        std::vector<std::unique_ptr<Transport>> strangers;
        const Deadline late = Deadline::in(std::chrono::seconds(20));
        while (log.find("refused a peer") == std::string::npos && !late.passed()) {
            strangers.push_back(transport::connect(place, {}, late).value());
            for (int i = 0; i < 3; ++i) server.turn(1, -1);
        }
        EXPECT_EQ(server.links(), 32u);
        EXPECT_NE(log.find("32 have not said who they are"), std::string::npos) << log;
    });
}

}  // namespace
}  // namespace umach::netmsg::test
