// SPDX-License-Identifier: BSL-1.0
// Three hosts, each in a network namespace of its own, on one Ethernet: look-ups, rights that go round the
// triangle, a cut of two seconds, a cut in one direction, and a host that is killed and comes back. Needs root
// and ip; skipped without.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "servers/netmsg/keyring.hpp"
#include "tests/netmsg/folder.hpp"
#include "tests/netmsg/hosts.hpp"

namespace umach::netmsg::test {
namespace {

constexpr const char* letters = "abc";

// A namespace for each host, and one with the bridge; they go when this does.
class Ethernet {
public:
    Ethernet() : own_("umach" + std::to_string(getpid() % 10'000)) {
        works_ = geteuid() == 0 && run("ip netns add " + space('w')) &&
                 run("ip -n " + space('w') + " link add name hub type bridge") &&
                 run("ip -n " + space('w') + " link set hub up");
        for (int i = 0; works_ && i < 3; ++i) works_ = add(letters[i], i + 1);
    }
    Ethernet(const Ethernet&) = delete;
    Ethernet& operator=(const Ethernet&) = delete;
    ~Ethernet() {
        for (const char which : {'w', 'a', 'b', 'c'}) run("ip netns del " + space(which));
    }

    bool works() const { return works_; }
    std::string space(char which) const { return own_ + which; }
    static std::string address(char which) { return "10.86.77." + std::to_string(which - 'a' + 1); }

    void cut(char which) const { run("ip -n " + space('w') + " link set port" + which + " down"); }
    void mend(char which) const { run("ip -n " + space('w') + " link set port" + which + " up"); }
    // What `from` sends to `to` goes nowhere; the other way it is as before.
    void cut_one_way(char from, char to) const {
        run("ip -n " + space(from) + " route add blackhole " + address(to) + "/32");
    }

    static bool run(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }

private:
    bool add(char which, int number) {
        const std::string here = space(which), middle = space('w'), port = std::string("port") + which;
        return run("ip netns add " + here) &&
               run("ip -n " + middle + " link add " + port + " type veth peer name eth netns " + here) &&
               run("ip -n " + middle + " link set " + port + " master hub") &&
               run("ip -n " + middle + " link set " + port + " up") && run("ip -n " + here + " link set lo up") &&
               run("ip -n " + here + " addr add 10.86.77." + std::to_string(number) + "/24 dev eth") &&
               run("ip -n " + here + " link set eth up");
    }

    std::string own_;
    bool works_ = false;
};

// A process in a host's namespace.
class Inside {
public:
    Inside(const Ethernet& net, char where, const std::function<void()>& work) {
        process_ = fork();
        if (process_ != 0) return;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int space = open(("/run/netns/" + net.space(where)).c_str(), O_RDONLY | O_CLOEXEC);
        if (space < 0 || setns(space, CLONE_NEWNET) != 0) _exit(9);
        work();
        _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    Inside(Inside&& other) noexcept : process_(std::exchange(other.process_, -1)) {}
    Inside& operator=(Inside&&) = delete;
    ~Inside() { end(SIGKILL); }

    void end(int signal) {
        if (process_ <= 0) return;
        kill(process_, signal);
        waitpid(process_, nullptr, 0);
        process_ = -1;
    }
    void expect_well() {
        int status = 0;
        EXPECT_EQ(waitpid(process_, &status, 0), process_);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
        process_ = -1;
    }

private:
    pid_t process_ = -1;
};

class Triangle : public testing::Test {
protected:
    void SetUp() override {
        if (!net_.works()) GTEST_SKIP() << "network namespaces need root and ip";
        const Keyring ring(keys_.at("keys"));   // all three are of one user, who believes his own key
        ASSERT_TRUE(ring.pin({ring.make_key().value().fingerprint(), "own"}).ok());
        for (int i = 0; i < 3; ++i) hosts_.push_back(host(letters[i]));
    }
    void TearDown() override {
        links_.clear();
        hosts_.clear();
    }

    std::string name(char which) const { return own_ + which; }

    Inside tool(char where, std::vector<std::string> words, const std::string& until) {
        int out[2];
        EXPECT_EQ(pipe(out), 0);
        Inside process(net_, where, [&] {
            dup2(out[1], 1);
            close(out[0]);
            std::vector<char*> arguments{const_cast<char*>("umach")};
            for (std::string& word : words) arguments.push_back(word.data());
            arguments.push_back(nullptr);
            execv(UMACH_TOOL, arguments.data());
            _exit(127);
        });
        close(out[1]);
        std::string said;
        for (char c = 0; said.find(until) == std::string::npos && read(out[0], &c, 1) == 1;) said += c;
        EXPECT_NE(said.find(until), std::string::npos) << said;
        outs_.push_back(out[0]);
        return process;
    }
    Inside host(char which) { return tool(which, {"host", name(which)}, "is ready"); }
    Inside link(char which, const char* how, const std::string& at, const std::string& patience, const char* until) {
        return tool(which, {"link", name(which), how, at, "--patience", patience, "--keys", keys_.at("keys")}, until);
    }
    Inside listening(char which, const std::string& kind, const std::string& patience) {
        const std::string at = kind + ":" + Ethernet::address(which) + ":7000";
        return link(which, "--listen", at, patience, "listening at");
    }
    Inside linked(char from, char to, const std::string& kind, const std::string& patience) {
        const std::string at = kind + ":" + Ethernet::address(to) + ":7000";
        return link(from, "--connect", at, patience, "joined with");
    }
    void join_all(const std::string& kind, const std::string& patience) {
        links_.push_back(listening('a', kind, patience));
        links_.push_back(listening('b', kind, patience));
        links_.push_back(linked('b', 'a', kind, patience));
        links_.push_back(linked('c', 'a', kind, patience));
        links_.push_back(linked('c', 'b', kind, patience));
    }

    Inside member(char which, const std::function<void()>& work) {
        return Inside(net_, which, [&] {
            setenv("UMACH_HOST", name(which).c_str(), 1);
            work();
        });
    }
    port_t looked_up(char where, const char* service) const {
        const auto late = runtime::Deadline::in(std::chrono::seconds(20));
        port_t found = PORT_NULL;
        while (netname_look_up(name_server_port, name(where).c_str(), service, &found) != NETNAME_SUCCESS &&
               !late.passed())
            sched_yield();
        EXPECT_NE(found, PORT_NULL) << service;
        return found;
    }
    static port_t service(const char* name) {
        port_t port = PORT_NULL;
        EXPECT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
        EXPECT_EQ(netname_check_in(name_server_port, name, PORT_NULL, port), NETNAME_SUCCESS);
        return port;
    }
    // Between processes of the test: one writes, the other waits for it.
    struct Word {
        int ends[2];
        Word() { EXPECT_EQ(pipe(ends), 0); }
        ~Word() {
            close(ends[0]);
            close(ends[1]);
        }
        void give() const { EXPECT_EQ(write(ends[1], "w", 1), 1); }
        void take() const {
            char w = 0;
            EXPECT_EQ(read(ends[0], &w, 1), 1);
        }
    };
    // For as long as a cut is to last.
    static void pass(std::chrono::milliseconds time) { poll(nullptr, 0, static_cast<int>(time.count())); }

    void send_through_a_cut(const std::string& kind);

    const std::string own_ = "net-" + std::to_string(getpid()) + "-";  // also in the processes of the hosts
    Ethernet net_;
    Folder keys_;
    std::vector<Inside> hosts_, links_;
    std::vector<int> outs_;
};

TEST_F(Triangle, ARightGoesRoundItAndWorksAtEveryCorner) {
    join_all("tcp", "3");
    Word round;  // what c sent by way of b has come; its own way to a is shorter
    Inside keeper = member('a', [&] {
        const port_t home = service("home");
        for (int i = 1; i <= 2; ++i) EXPECT_EQ(next(home)->msg_id, i);
        round.give();
        EXPECT_EQ(next(home).name(), home) << "it came home";
    });
    Inside third = member('c', [&] {
        const port_t at = service("third");
        const port_t right = next(at).name();
        EXPECT_EQ(Letter(right, 2).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
        round.take();
        const port_t home = looked_up('a', "home");
        EXPECT_EQ(Letter(home, 3).item(MSG_TYPE_PORT, {home}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
        EXPECT_TRUE(told(NOTIFY_PORT_DELETED, home));
    });
    Inside second = member('b', [&] {
        const port_t right = looked_up('a', "home");
        EXPECT_EQ(Letter(right, 1).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
        EXPECT_EQ(Letter(looked_up('c', "third")).item(MSG_TYPE_PORT, {right}).send(SEND_TIMEOUT, patience),
                  SEND_SUCCESS);
        EXPECT_TRUE(told(NOTIFY_PORT_DELETED, right));
    });
    for (Inside* one : {&keeper, &third, &second}) one->expect_well();
}

void Triangle::send_through_a_cut(const std::string& kind) {
    links_.push_back(listening('a', kind, "20"));
    links_.push_back(linked('b', 'a', kind, "20"));
    constexpr int many = 300;
    Word begun;
    Inside receives = member('a', [&] {
        const port_t port = service("port");
        for (int i = 0; i < many; ++i) {
            Letter got;
            ASSERT_EQ(got.receive(port, RCV_TIMEOUT, 30'000), RCV_SUCCESS) << i;
            ASSERT_EQ(got->msg_id, i);
            if (i == 20) begun.give();
        }
    });
    Inside sends = member('b', [&] {
        const port_t port = looked_up('a', "port");
        for (int i = 0; i < many; ++i) {
            ASSERT_EQ(Letter(port, i).send(SEND_TIMEOUT, 30'000), SEND_SUCCESS) << i;
            pass(std::chrono::milliseconds(1));
        }
        EXPECT_TRUE(told(NOTIFY_PORT_DELETED, port));
    });
    begun.take();
    net_.cut('a');
    pass(std::chrono::seconds(2));
    net_.mend('a');
    receives.expect_well();
    sends.expect_well();
}

TEST_F(Triangle, ACutOfTwoSecondsLosesAndDoublesNothingOverUdp) {
    send_through_a_cut("udp");
}

TEST_F(Triangle, ACutOfTwoSecondsLosesAndDoublesNothingOverTcp) {
    send_through_a_cut("tcp");
}

// What c sends to a goes nowhere: both learn that the link is down, and the other two links stay.
TEST_F(Triangle, ACutInOneDirectionIsTheEndOfThatLinkForBothSidesAndOfNoOther) {
    for (const char* kind : {"udp", "tcp"}) {
        join_all(kind, "1");
        Word cut, ready;
        Inside keeps = member('a', [&] {
            const port_t here = service("here"), there = looked_up('c', "there");
            ready.give();
            EXPECT_TRUE(told(NOTIFY_PORT_DELETED, there));
            EXPECT_EQ(next(here)->msg_id, 5) << "from b";
        });
        Inside loses = member('c', [&] {
            service("there");
            const port_t here = looked_up('a', "here"), by_b = looked_up('b', "middle");
            ready.give();
            EXPECT_TRUE(told(NOTIFY_PORT_DELETED, here));
            EXPECT_EQ(Letter(by_b, 5).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
        });
        Inside between = member('b', [&] {
            const port_t middle = service("middle"), here = looked_up('a', "here");
            EXPECT_EQ(next(middle)->msg_id, 5);
            EXPECT_EQ(Letter(here, 5).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
            EXPECT_TRUE(told(NOTIFY_PORT_DELETED, here));
        });
        ready.take();
        ready.take();
        net_.cut_one_way('c', 'a');
        for (Inside* one : {&keeps, &loses, &between}) one->expect_well();
        Ethernet::run("ip -n " + net_.space('c') + " route del blackhole " + Ethernet::address('a') + "/32");
        links_.clear();
    }
}

TEST_F(Triangle, AHostThatIsKilledAndComesBackAtItsAddressHasNoneOfItsOldRights) {
    links_.push_back(listening('a', "tcp", "3"));
    links_.push_back(linked('b', 'a', "tcp", "3"));
    auto serves = std::make_unique<Inside>(member('a', [&] { next(service("port")); }));
    Word found, back;
    Inside uses = member('b', [&] {
        const port_t old = looked_up('a', "port");
        found.give();
        EXPECT_TRUE(told(NOTIFY_PORT_DELETED, old));
        back.take();
        const port_t now = looked_up('a', "port");
        EXPECT_NE(now, old);
        EXPECT_EQ(Letter(old).send(), SEND_INVALID_PORT);
        EXPECT_EQ(Letter(now, 6).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
        EXPECT_TRUE(told(NOTIFY_PORT_DELETED, now));
    });
    found.take();
    links_.clear();
    serves.reset();
    hosts_[0].end(SIGKILL);
    hosts_.push_back(host('a'));
    links_.push_back(listening('a', "tcp", "3"));
    links_.push_back(linked('b', 'a', "tcp", "3"));
    Inside again = member('a', [&] { EXPECT_EQ(next(service("port"))->msg_id, 6); });
    back.give();
    again.expect_well();
    uses.expect_well();
}

}  // namespace
}  // namespace umach::netmsg::test
