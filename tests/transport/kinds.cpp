// SPDX-License-Identifier: BSL-1.0
#include "tests/transport/kinds.hpp"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/transport/loopback.hpp"
#include "runtime/transport/pipe.hpp"
#include "runtime/transport/sealed.hpp"

namespace umach::transport::test {
namespace {

class Pipes final : public Meeting {
public:
    Pipes() : pair_(pipe_pair().value()) {}
    std::unique_ptr<Wire> guest() override { return pipe_wire(std::move(pair_.first), {}); }
    std::unique_ptr<Wire> host() override { return pipe_wire(std::move(pair_.second), {}); }
    void leave_guest_alone() override { pair_.second = {}; }
    void leave_host_alone() override { pair_.first = {}; }

private:
    PipePair pair_;
};

class Loopback final : public Meeting {
public:
    explicit Loopback(const Weather& weather) : pair_(loopback_pair().value()), weather_(weather) {}
    std::unique_ptr<Wire> guest() override { return loopback_wire(std::move(pair_.first), weather_); }
    std::unique_ptr<Wire> host() override {
        Weather other = weather_;
        other.seed += 1;
        return loopback_wire(std::move(pair_.second), other);
    }
    void leave_guest_alone() override { pair_.second.reset(); }
    void leave_host_alone() override { pair_.first.reset(); }

private:
    LoopbackPair pair_;
    Weather weather_;
};

// A kind with addresses: the guest connects, the host accepts.
class AtDoor final : public Meeting {
public:
    AtDoor(const std::string& address, const Options& options)
        : kind_(mechanism_of(address.substr(0, address.find(':')))), options_(options) {
        door_ = std::move(kind_->listen(address.substr(address.find(':') + 1), options_)).value();
        place_ = door_->place();
    }
    std::unique_ptr<Wire> guest() override {
        return std::move(kind_->connect(place_, options_, soon())).value();
    }
    std::unique_ptr<Wire> host() override {
        std::unique_ptr<Wire> wire;
        while (wire == nullptr) {
            pollfd look{door_->descriptor(), POLLIN, 0};
            if (meanwhile) meanwhile();
            EXPECT_TRUE(poll(&look, 1, meanwhile ? 1 : 20'000) == 1 || meanwhile);
            wire = std::move(door_->accept()).value();
        }
        return wire;
    }
    // The child's copy of the listener goes with the child, which is killed: it takes down nothing.
    void leave_guest_alone() override { static_cast<void>(door_.release()); }

private:
    const Mechanism* kind_;
    Options options_;
    std::unique_ptr<Door> door_;
    std::string place_;
};

KindInTest at_door(const char* name, std::function<std::string()> address, bool sealed = false) {
    Options options;
    options.insecure = !sealed;
    if (sealed) options.seal = seal_of_tests();
    const auto meet = [=] { return std::make_unique<AtDoor>(address(), options); };
    return {name, meet, false, options, address};
}

int own_names = 0;

std::string own_name(int number) {
    return "umach-transport-" + std::to_string(getpid()) + "-" + std::to_string(number);
}

std::string own(const std::string& begin) { return begin + own_name(++own_names); }

std::string own_key() {
    static int number = 0;
    return "sysv:" + std::to_string(0x10000000 + getpid() * 64 + ++number % 64);
}

Weather storm() {
    Weather weather;
    weather.seed = 7;
    weather.lost = weather.delayed = 200;
    weather.doubled = weather.truncated = 100;
    weather.delay = 3ms;
    return weather;
}

// A handshake is a few datagrams at once, and has the patience's time: not for a storm.
Weather rain() {
    Weather weather;
    weather.seed = 7;
    weather.lost = weather.doubled = weather.delayed = 50;
    weather.truncated = 20;
    weather.delay = 3ms;
    return weather;
}

class SealedLoopback final : public Meeting {
public:
    std::unique_ptr<Wire> guest() override { return sealed_wire(below_.guest(), seal_of_tests(), SealSide::connects); }
    std::unique_ptr<Wire> host() override { return sealed_wire(below_.host(), seal_of_tests(), SealSide::listens); }

private:
    Loopback below_{rain()};
};

std::vector<KindInTest> all_kinds() {
    std::vector<KindInTest> all;
    all.push_back({"pipe", [] { return std::make_unique<Pipes>(); }});
    all.push_back(at_door("fifo", [] { return "fifo:" + own("/tmp/"); }));
    all.push_back(at_door("unix_nameless", [] { return "unix:" + own("@"); }));
    all.push_back(at_door("unix_path", [] { return "unix:" + own("/tmp/"); }));
    all.push_back(at_door("tcp", [] { return std::string("tcp:127.0.0.1:0"); }));
    all.push_back(at_door("tcp6", [] { return std::string("tcp:[::1]:0"); }));
    all.push_back(at_door("sysv", own_key));
    all.push_back(at_door("posix", [] { return "posix:" + own("/"); }));
    for (const unsigned window : {32u, 1u}) {
        auto udp =
            at_door(window == 1 ? "udp_stop_and_wait" : "udp", [] { return std::string("udp:127.0.0.1:0"); });
        udp.datagrams = true;
        udp.options.window = window;
        all.push_back(udp);
    }
    all.push_back({"loopback", [] { return std::make_unique<Loopback>(Weather{}); }, true});
    all.push_back({"loopback_in_storm", [] { return std::make_unique<Loopback>(storm()); }, true});
    return all;
}

}  // namespace

std::shared_ptr<const Seal> seal_of_tests() {
    static const auto seal = [] {
        const Key key = Key::make().value();
        const std::string own = key.fingerprint();
        return Seal::make(key, [own](const std::string& shown) { return shown == own; }).value();
    }();
    return seal;
}

std::vector<KindInTest> kinds_and_sealed_ones() {
    std::vector<KindInTest> all = kinds();
    all.push_back(at_door("tls", [] { return std::string("tcp:127.0.0.1:0"); }, true));
    auto dtls = at_door("dtls", [] { return std::string("udp:127.0.0.1:0"); }, true);
    dtls.datagrams = true;
    all.push_back(dtls);
    all.push_back({"dtls_in_rain", [] { return std::make_unique<SealedLoopback>(); }, true});
    return all;
}

const std::vector<KindInTest>& kinds() {
    static const std::vector<KindInTest> all = all_kinds();
    return all;
}

namespace {

template <class Condition>
std::vector<KindInTest> kinds_where(Condition condition) {
    std::vector<KindInTest> some;
    for (const KindInTest& kind : kinds())
        if (condition(kind)) some.push_back(kind);
    return some;
}

}  // namespace

std::vector<KindInTest> kinds_with_addresses() {
    std::vector<KindInTest> some = kinds_and_sealed_ones();
    std::erase_if(some, [](const KindInTest& kind) { return kind.address().empty(); });
    return some;
}

std::vector<KindInTest> kinds_whose_doors_outlive_a_process() {
    const std::set<std::string> some{"fifo", "unix_path", "sysv", "posix"};
    return kinds_where([&](const KindInTest& kind) { return some.contains(kind.name); });
}

std::vector<KindInTest> kinds_that_keep_order() {
    return kinds_where([](const KindInTest& kind) { return !kind.datagrams; });
}

std::vector<KindInTest> kinds_that_let_in_who_says_nothing() {
    return kinds_where(
        [](const KindInTest& kind) { return !kind.datagrams && kind.name != std::string("fifo"); });
}

std::string name_of_kind(const testing::TestParamInfo<KindInTest>& info) {
    return info.param.name;
}

namespace {

std::set<pid_t> our_processes;

}  // namespace

bool is_posix_queue(const std::string& name) {
    const mqd_t queue = mq_open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (queue >= 0) mq_close(queue);
    return queue >= 0;
}

pid_t fork_ours() {
    our_processes.insert(getpid());
    const pid_t process = fork();
    if (process > 0) our_processes.insert(process);
    return process;
}

std::set<std::string> what_is_there() {
    our_processes.insert(getpid());
    std::set<std::string> found;
    const std::string ours = "umach-transport-" + std::to_string(getpid()) + "-";
    for (const auto& entry : std::filesystem::directory_iterator("/tmp"))
        if (entry.path().filename().string().starts_with(ours)) found.insert(entry.path());
    // The folder of POSIX queues need not be mounted: they are asked for.
    for (int number = 1; number <= own_names; ++number)
        if (const auto name = "/" + own_name(number); is_posix_queue(name)) found.insert("queue " + name);
    // Other programs have queues too: ours are those where one of our processes wrote or read last.
    std::ifstream queues("/proc/sysvipc/msg");
    std::string key, number, mode, bytes, messages, line;
    std::getline(queues, line);
    for (pid_t writer = 0, reader = 0;
         queues >> key >> number >> mode >> bytes >> messages >> writer >> reader;) {
        if (our_processes.contains(writer) || our_processes.contains(reader)) found.insert("queue " + number);
        std::getline(queues, line);
    }
    return found;
}

Bytes bytes_of(const std::string& text) {
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    return Bytes(begin, begin + text.size());
}

std::string text_of_bytes(const Bytes& bytes) {
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Bytes pattern(std::size_t length, std::uint64_t seed) {
    Bytes bytes(length);
    std::uint64_t state = seed * 2 + 1;
    for (std::byte& byte : bytes) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        byte = static_cast<std::byte>(state >> 56);
    }
    return bytes;
}

void TransportOfKind::TearDown() {
    guest.reset();
    host.reset();
    end_child();
    EXPECT_EQ(what_is_there(), before_);
}

void TransportOfKind::join() {
    join(GetParam().options);
}

void TransportOfKind::join(const Options& options) {
    const auto meeting = GetParam().meet();
    guest = over(meeting->guest(), options);
    if (options.seal != nullptr)
        meeting->meanwhile = [this] {
            Bytes none;
            EXPECT_EQ(guest->receive(none, Deadline::in(0ms)), Moved::later);
        };
    host = over(meeting->host(), options);
}

pid_t TransportOfKind::host_of(const std::function<void(std::unique_ptr<Wire>)>& run) {
    return host_of(GetParam().options, run);
}

pid_t TransportOfKind::host_of(const Options& options,
                               const std::function<void(std::unique_ptr<Wire>)>& run) {
    auto meeting = GetParam().meet();
    child = fork_ours();
    if (child == 0) {
        meeting->leave_guest_alone();
        run(meeting->guest());
        for (;;) pause();
    }
    meeting->leave_host_alone();
    host = over(meeting->host(), options);
    return child;
}

void TransportOfKind::end_child() {
    if (child <= 0) return;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    child = -1;
}

}  // namespace umach::transport::test
