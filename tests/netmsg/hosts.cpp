// SPDX-License-Identifier: BSL-1.0
#include "tests/netmsg/hosts.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "runtime/transport/loopback.hpp"
#include "runtime/transport/pipe.hpp"
#include "servers/netmsg/server.hpp"

namespace umach::netmsg::test {

using runtime::Deadline;
using transport::Options;
using transport::Transport;
using End = std::function<std::unique_ptr<Transport>()>;

namespace {

std::string own(const std::string& begin) {
    static int number = 0;
    return begin + "umach-netmsg-" + std::to_string(getpid()) + "-" + std::to_string(++number);
}

Options options_of_tests() {
    Options options;
    options.patience = std::chrono::seconds(2);
    options.insecure = true;
    return options;
}

// Listeners of links that are being tested: their names go when the test is over.
std::vector<std::shared_ptr<transport::Listener>> doors;

std::pair<End, End> at_address(const std::string& address) {
    auto door = std::make_shared<transport::Listener>(transport::listen(address, options_of_tests()).value());
    doors.push_back(door);
    const std::string place = door->address();
    const End host = [door] {
        for (;;) {
            pollfd look{door->descriptor(), POLLIN, 0};
            poll(&look, 1, -1);
            if (auto guest = door->accept().value()) return guest;
        }
    };
    const End guest = [place, door] {
        return transport::connect(place, options_of_tests(), Deadline::in(std::chrono::seconds(20))).value();
    };
    return {host, guest};
}

std::pair<End, End> by_loopback(const transport::Weather& weather) {
    auto made = transport::loopback_pair();
    auto pair = std::make_shared<transport::LoopbackPair>(std::move(made.value()));
    transport::Weather other = weather;
    other.seed += 1000;
    return {[=] {
                pair->second.reset();
                return over(transport::loopback_wire(std::move(pair->first), weather), options_of_tests());
            },
            [=] {
                pair->first.reset();
                return over(transport::loopback_wire(std::move(pair->second), other), options_of_tests());
            }};
}

std::pair<End, End> by_pipes() {
    auto made = transport::pipe_pair();
    auto pair = std::make_shared<transport::PipePair>(std::move(made.value()));
    return {[=] {
                pair->second = {};
                return over(transport::pipe_wire(std::move(pair->first), {}), options_of_tests());
            },
            [=] {
                pair->first = {};
                return over(transport::pipe_wire(std::move(pair->second), {}), options_of_tests());
            }};
}

transport::Weather storm() {
    transport::Weather weather;
    weather.seed = 3;
    weather.lost = weather.delayed = weather.doubled = 100;
    weather.truncated = 50;
    weather.delay = std::chrono::milliseconds(2);
    return weather;
}

// The server of a host, in the process that runs this: until its parent ends.
[[noreturn]] void serve(const std::string& name, const End& end, int joined) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);   // while it waits for the other side, nothing else ends it
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    const int stop = signalfd(-1, &ends, SFD_CLOEXEC);
    auto server = std::make_unique<Server>(name, [&](const std::string& what) {
        if (getenv("UMACH_TEST_LOG") != nullptr) std::fprintf(stderr, "%s: %s\n", name.c_str(), what.c_str());
        if (what.starts_with("joined")) [[maybe_unused]]
            const auto told = write(joined, "j", 1);
    });
    server->add(end());
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    server->run(stop);
    server.reset();
    _exit(0);
}

// A host: its task, whose part this is, and its server, which alone has an end of the link.
[[noreturn]] void be_host(const std::string& name, const std::string& peer, std::pair<End, End>& ends,
                          int other, const Part& part) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int joined[2];
    int status = 1;
    if (pipe(joined) == 0 && task_self() != PORT_NULL) {
        const pid_t server = fork();
        if (server < 0) _exit(1);
        if (server == 0) serve(name, name == "here" ? ends.first : ends.second, joined[1]);
        ends = {};
        close(joined[1]);
        char j = 0;
        EXPECT_EQ(read(joined[0], &j, 1), 1) << name << " was not joined";
        Side side(peer, other, server);
        if (j != 0) part(side);
        side.tell();
        side.hear();
        kill(server, SIGTERM);
        waitpid(server, nullptr, 0);
        status = testing::Test::HasFailure() ? 1 : 0;
    }
    _exit(status);
}

}  // namespace

void Side::tell() {
    EXPECT_EQ(write(other_, "t", 1), 1);
}

void Side::hear() {
    char t = 0;
    EXPECT_EQ(read(other_, &t, 1), 1) << "the other side has ended";
}

port_t Side::found_there(const char* name) {
    port_t link = PORT_NULL, found = PORT_NULL;
    EXPECT_EQ(netname_look_up(name_server_port, "", ("netmsg/" + peer_).c_str(), &link), NETNAME_SUCCESS);
    EXPECT_EQ(netname_look_up(link, "", name, &found), NETNAME_SUCCESS) << name;
    return found;
}

port_t Side::checked_in(const char* name) {
    port_t port = PORT_NULL;
    EXPECT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
    EXPECT_EQ(netname_check_in(name_server_port, name, PORT_NULL, port), NETNAME_SUCCESS);
    return port;
}

void Side::kill_server() {
    ASSERT_GT(server_, 0);
    kill(server_, SIGKILL);
}

const std::vector<LinkInTest>& links_in_test() {
    static const std::vector<LinkInTest> all{
        {"loopback", [] { return by_loopback({}); }},
        {"loopback_in_storm", [] { return by_loopback(storm()); }},
        {"unix", [] { return at_address("unix:" + own("@")); }},
        {"tcp", [] { return at_address("tcp:127.0.0.1:0"); }},
        {"udp", [] { return at_address("udp:127.0.0.1:0"); }},
        {"pipe", [] { return by_pipes(); }},
        {"fifo", [] { return at_address("fifo:" + own("/tmp/")); }},
        {"posix", [] { return at_address("posix:" + own("/")); }},
        {"sysv", [] { return at_address("sysv:" + std::to_string(0x20000000 + getpid())); }},
    };
    return all;
}

LinkInTest link_in_weather(const char* name, const transport::Weather& weather) {
    return {name, [weather] { return by_loopback(weather); }};
}

void on_two_hosts(const LinkInTest& link, const Part& here, const Part& there) {
    int between[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, between), 0);
    pid_t hosts[2];
    {
        auto ends = link.make();
        for (int i = 0; i < 2; ++i) {
            hosts[i] = fork();
            if (hosts[i] != 0) continue;
            close(between[1 - i]);
            if (i == 0) be_host("here", "there", ends, between[0], here);
            be_host("there", "here", ends, between[1], there);
        }
    }
    close(between[0]);
    close(between[1]);
    for (const pid_t host : hosts) {
        int status = 0;
        EXPECT_EQ(waitpid(host, &status, 0), host);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << (host == hosts[0] ? "here" : "there");
    }
    doors.clear();
}

port_t made() {
    port_t port = PORT_NULL;
    EXPECT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
    return port;
}

Letter next(port_t port) {
    Letter letter;
    EXPECT_EQ(letter.receive(port, RCV_TIMEOUT, patience), RCV_SUCCESS);
    return letter;
}

bool told(msg_id_t notification, port_t name, port_t at) {
    for (;;) {
        Letter letter;
        if (letter.receive(at == PORT_NULL ? task_notify() : at, RCV_TIMEOUT, patience) != RCV_SUCCESS)
            return false;
        if (letter->msg_id == notification && letter.name() == name) return true;
    }
}

}  // namespace umach::netmsg::test
