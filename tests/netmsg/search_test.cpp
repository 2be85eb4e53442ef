// SPDX-License-Identifier: BSL-1.0
// Who looks for a name at "*" hears from anybody.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <servers/netname.h>
#include <sys/socket.h>

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

// A socket at which there is no room for another connection: who connects waits.
class Crowded {
public:
    Crowded() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t bytes = sizeof name;
        auto* const address = reinterpret_cast<sockaddr*>(&name);
        EXPECT_EQ(bind(listener_.get(), address, bytes), 0);
        EXPECT_EQ(listen(listener_.get(), 0), 0);
        EXPECT_EQ(getsockname(listener_.get(), address, &bytes), 0);
        for (int i = 0; i < 4; ++i) {
            crowd_.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            connect(crowd_.back().get(), address, bytes);
        }
        address_ = "tcp:127.0.0.1:" + std::to_string(ntohs(name.sin_port));
    }
    const std::string& address() const { return address_; }

private:
    runtime::Descriptor listener_;
    std::vector<runtime::Descriptor> crowd_;
    std::string address_;
};

TEST(Search, ThatIsLedToWhereNobodyLetsItInHoldsUpNoLink) {
    in_a_host_of_its_own([] {
        const std::string place = "multicast:239.255.77.23:" + std::to_string(20'000 + getpid() % 20'000);
        transport::Options plain;
        plain.insecure = true;
        const Crowded nowhere;
        const auto late = transport::Deadline::in(std::chrono::milliseconds(100));
        ASSERT_FALSE(transport::connect(nowhere.address(), plain, late).ok());
        ASSERT_TRUE(late.passed()) << "who connects there waits";
        Server server("asks", [](const std::string&) {});
        server.seek(Crier::open(place).value(), plain);
        const Crier liar = Crier::open(place).value();
        std::atomic<bool> over = false;
        std::thread asks([&] {
            port_t port = PORT_NULL;
            EXPECT_EQ(netname_look_up(name_server_port, "*", "clock", &port), NETNAME_NOT_CHECKED_IN);
            over = true;
        });
        int led = 0, turns = 0;
        for (; !over; ++turns) {
            server.turn(10, -1);
            Bytes question;
            for (InternetAddress from; liar.hear_question(question, from); ++led)
                liar.answer(from, answer_to(question, [&](Writer& w) {
                                w.text("liar");
                                w.text(nowhere.address());
                            }));
        }
        asks.join();
        EXPECT_GT(led, 0);
        EXPECT_GT(turns, 16) << "in a second; to be let in is waited for 500 ms";
    });
}

}  // namespace
}  // namespace umach::netmsg::test
