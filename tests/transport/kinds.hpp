// SPDX-License-Identifier: BSL-1.0
// The kinds of transport as the suites see them: a place where two ends meet, in one process or in two, and
// what the system holds that a kind could leave behind.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "runtime/transport/transport.hpp"
#include "runtime/transport/wire.hpp"

namespace umach::transport::test {

using namespace std::chrono_literals;
using runtime::Deadline;

inline Deadline soon() {
    return Deadline::in(20s);
}  // for what has to happen

// Where one link comes about. Made before a fork, if there is one.
class Meeting {
public:
    virtual ~Meeting() = default;
    virtual std::unique_ptr<Wire> guest() = 0;  // who comes; first
    virtual std::unique_ptr<Wire> host() = 0;   // who is there
    virtual void leave_guest_alone() {}         // in the guest's process: lets go of the host's side
    virtual void leave_host_alone() {}          // in the host's process: lets go of the guest's side
    std::function<void()> meanwhile{};  // what the guest does until the host is there: for sealed datagrams
};

struct KindInTest {
    const char* name;
    std::function<std::unique_ptr<Meeting>()> meet;
    bool datagrams = false;
    Options options{};
    // For kinds with addresses, else "": an address that nobody else uses.
    std::function<std::string()> address = [] { return std::string(); };
};

inline void PrintTo(const KindInTest& kind, std::ostream* out) {
    *out << kind.name;
}

const std::vector<KindInTest>& kinds();
// The same over a seal, for suites in which both ends are at work.
std::vector<KindInTest> kinds_and_sealed_ones();
std::vector<KindInTest> kinds_with_addresses();
std::vector<KindInTest> kinds_whose_doors_outlive_a_process();  // but for their wardens
std::vector<KindInTest> kinds_that_keep_order();
std::vector<KindInTest> kinds_that_let_in_who_says_nothing();
std::string name_of_kind(const testing::TestParamInfo<KindInTest>& info);

// A fork whose child's queues what_is_there() counts as ours.
pid_t fork_ours();

bool is_posix_queue(const std::string& name);

// All message queues of our processes, and what this suite's addresses put into /tmp.
std::set<std::string> what_is_there();

// One key for both sides, which trusts itself.
std::shared_ptr<const Seal> seal_of_tests();

Bytes bytes_of(const std::string& text);
std::string text_of_bytes(const Bytes& bytes);
// A body of that length in which no two places look alike.
Bytes pattern(std::size_t length, std::uint64_t seed);

class TransportOfKind : public testing::TestWithParam<KindInTest> {
protected:
    TransportOfKind() : before_(what_is_there()) {}
    void TearDown() override;

    // Two ends in this process.
    void join();
    void join(const Options& options);
    // The host here; the guest is a child that runs `guest` with its wire and then waits to be killed.
    pid_t host_of(const std::function<void(std::unique_ptr<Wire>)>& guest);
    pid_t host_of(const Options& options, const std::function<void(std::unique_ptr<Wire>)>& guest);
    void end_child();

    std::unique_ptr<Transport> guest, host;
    pid_t child = -1;

private:
    std::set<std::string> before_;
};

#define UMACH_FOR_KINDS(suite, which) \
    INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(which), name_of_kind)
#define UMACH_FOR_ALL_KINDS(suite) UMACH_FOR_KINDS(suite, kinds())

}  // namespace umach::transport::test
