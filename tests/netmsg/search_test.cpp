// SPDX-License-Identifier: BSL-1.0
// Who looks for a name at "*" hears from anybody.
#include <servers/netname.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "tests/netmsg/attack.hpp"

namespace umach::netmsg::test {
namespace {

using transport::Crier;
using transport::InternetAddress;

Bytes answer_to(const Bytes& question, const std::function<void(Writer&)>& rest) {
    Bytes bytes(question.begin(), question.begin() + 7);  // "uM?" and the number of the search
    bytes[2] = static_cast<std::byte>('!');
    Writer writer(bytes);
    rest(writer);
    return bytes;
}

std::vector<Bytes> lies_about(const Bytes& question) {
    const auto at = [&](const std::string& address) {
        return answer_to(question, [&](Writer& w) {
            w.text("liar");
            w.text(address);
        });
    };
    const Bytes bare = answer_to(question, [](Writer&) {});
    return {Bytes(bare.begin(), bare.begin() + 3), bare, at(""), at("nowhere"), at("unix:@x"), at("tcp:"), at("tcp:0")};
}

TEST(Search, ThatHearsLiesFindsNothingAndItsServerGoesOn) {
    in_a_host_of_its_own([] {
        const std::string place = "multicast:239.255.77.21:" + std::to_string(20'000 + getpid() % 20'000);
        std::string log;
        Server server("asks", [&](const std::string& what) { log += what + "\n"; });
        server.seek(Crier::open(place).value(), {});
        const Crier liar = Crier::open(place).value();
        std::atomic<bool> over = false;
        std::thread asks([&] {
            port_t port = PORT_NULL;
            EXPECT_EQ(netname_look_up(name_server_port, "*", "clock", &port), NETNAME_NOT_CHECKED_IN);
            over = true;
        });
        int heard = 0;
        while (!over) {
            server.turn(10, -1);
            Bytes question;
            for (InternetAddress from; liar.hear_question(question, from); ++heard)
                for (const Bytes& lie : lies_about(question)) liar.answer(from, lie);
        }
        asks.join();
        EXPECT_GT(heard, 0);
        EXPECT_EQ(server.links(), 0u) << log;
    });
}

// Both hear of the host before it has said its name over the link.
TEST(Search, ForTwoNamesOfOneHostLinksItOnce) {
    in_a_host_of_its_own([] {
        const std::string place = "multicast:239.255.77.22:" + std::to_string(20'000 + getpid() % 20'000);
        transport::Options plain;
        plain.insecure = true;
        auto door = transport::listen("tcp:127.0.0.1:0", plain).value();
        Server server("asks", [](const std::string&) {});
        server.seek(Crier::open(place).value(), plain);
        const Crier twin = Crier::open(place).value();
        std::atomic<int> over = 0;
        const auto ask = [&](const char* name) {
            port_t port = PORT_NULL;
            EXPECT_EQ(netname_look_up(name_server_port, "*", name, &port), NETNAME_NOT_CHECKED_IN);
            ++over;
        };
        std::thread clock(ask, "clock"), printer(ask, "printer");
        std::size_t most = 0;
        std::set<Bytes> heard;
        while (over < 2) {
            server.turn(10, -1);
            most = std::max(most, server.links());
            Bytes question;
            for (InternetAddress from; twin.hear_question(question, from);) {
                heard.insert(question);
                twin.answer(from, answer_to(question, [&](Writer& w) {
                                w.text("twin");
                                w.text(door.address());
                            }));
            }
        }
        clock.join();
        printer.join();
        EXPECT_GE(heard.size(), 2u);
        EXPECT_EQ(most, 1u);
    });
}

}  // namespace
}  // namespace umach::netmsg::test
