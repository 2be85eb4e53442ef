// SPDX-License-Identifier: BSL-1.0
// Each system call by which two ends come together, exchange a frame and part fails once: either the frames arrive all the
// same, or somebody is told why not, in words; nothing crashes, hangs, or stays behind.
#include "tests/runtime/failing_call.hpp"

#include "tests/transport/kinds.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>

#include <cstdio>
#include <cstdlib>

#if defined(__x86_64__)

namespace umach::transport::test {
namespace {

// Two ends, of which one is there once the other has come to its door.
struct Ends {
    Listener& door;
    std::unique_ptr<Transport> guest;
    std::unique_ptr<Transport> host{};

    // What either of them has to do; then until there may be more.
    // returns: why nothing more will come, or ""
    std::string go_on() {
        if (host == nullptr) {
            auto came = door.accept();
            if (!came) return came.fault().what;
            host = std::move(came).value();
        }
        hear(guest.get(), answered);
        hear(host.get(), heard);
        pollfd look[] = {{guest->descriptor(), POLLIN, 0}, {host != nullptr ? host->descriptor() : door.descriptor(), POLLIN, 0}};
        if (!answered) poll(look, 2, 20);
        return guest->ending() != Ending::open ? guest->reason() : host != nullptr ? host->reason() : "";
    }

    static void hear(Transport* end, bool& came) {
        Bytes body;
        if (end != nullptr && end->receive(body, Deadline::in(0ms)) == Moved::done) came = true;
    }

    bool heard = false, answered = false;
};

struct Exchanged {
    bool answered;
    std::string why = "";
};

Exchanged exchange(const std::string& address, const Options& options) {
    auto door = listen(address, options);
    if (!door) return {false, door.fault().what};
    auto guest = connect(door.value().address(), options, Deadline::in(2s));
    if (!guest) return {false, guest.fault().what};
    Ends ends{door.value(), std::move(guest).value()};
    bool asked = false, sent = false;
    for (const Deadline late = Deadline::in(10s); !late.passed() && !ends.answered;) {
        if (!asked) asked = ends.guest->send(bytes_of("a question"), Deadline::in(0ms)) == Moved::done;
        if (const std::string why = ends.go_on(); !why.empty() && !ends.answered) return {false, why};
        if (ends.heard && !sent) sent = ends.host->send(bytes_of("an answer"), Deadline::in(0ms)) == Moved::done;
    }
    return {ends.answered};
}

class FailingCall : public TransportOfKind {};
UMACH_FOR_KINDS(FailingCall, kinds_with_addresses());

TEST_P(FailingCall, OfTwoEndsThatExchangeAFrameIsOvercomeOrAClearErrorAndLeavesNothing) {
    if (!runtime::test::may_trace()) GTEST_SKIP() << "tracing is not permitted here";
    const auto before = what_is_there();
    const bool full = std::getenv("UMACH_FULL") != nullptr;
    const bool slow = GetParam().name == std::string("sysv");   // who goes waits for the other to take what is left
    const std::string address = GetParam().address();
    const auto look = [&] {
        for (const Deadline late = soon(); what_is_there() != before && !late.passed();) sched_yield();
        EXPECT_EQ(what_is_there(), before);
    };
    const auto body = [&] {
        const Exchanged outcome = exchange(address, GetParam().options);
        runtime::test::give_verdict(outcome.answered, outcome.why);
    };
    // The C library takes an error of a futex for a bug, and ends the process.
    const runtime::test::Extent extent{full ? 10u : slow ? 1u : 2u, {SYS_futex}, fork_ours};
    const auto failures = runtime::test::fail_every_call(extent, body, look);
    EXPECT_EQ(failures.trouble, "");
    EXPECT_GT(failures.runs, 10);
    std::printf("%d calls failed, %d times with a clear error\n", failures.runs, failures.errors);
}

}  // namespace
}  // namespace umach::transport::test

#endif
