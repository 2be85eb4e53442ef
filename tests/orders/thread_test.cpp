// SPDX-License-Identifier: BSL-1.0
// What a thread says of itself and what others say of it: that it is inside and is to end (ports/thread.hpp), that it
// stands still and is to go on (ports/thread_calls.hpp).
#include <sched.h>

#include "tests/orders/checked.hpp"

#include "tests/orders/host.hpp"

#include "ports/thread.hpp"
#include "ports/thread_calls.hpp"

namespace umach::orders {
namespace {

constexpr Bounds bounds{2, 100'000};

class ThreadOfOther : public testing::Test {
protected:
    Member& one() { return host_[0]; }
    Member& other() { return host_[1]; }
    ports::ThreadRef thread() { return one().caller->thread; }
    ports::Kernel& kernel() { return host_.kernel(); }

    Host host_{2};
};

// ---- termination

class Termination : public ThreadOfOther {
protected:
    // As a trap does.
    void call() {
        ports::come_inside(one().thread());
        if (!ports::is_terminated(kernel(), thread())) used_.write(1);
        ports::go_outside(one().thread());
    }
    void terminate() {
        ports::begin_termination(other(), thread());
        while (ports::may_be_inside(one().thread())) sched_yield();
        used_.write(2);
    }
    Scene scene() { return {{[this] { call(); }, [this] { terminate(); }}}; }

    Plain used_;   // by the thread while it is inside, then by who ends it
};

TEST_F(Termination, WaitsForAThreadThatIsInside) { expect_sound(scene(), bounds); }

TEST_F(Termination, MissesOneThatLooksByAnAcquireWhetherItIsToEnd) {
    expect_unsound(scene(), bounds, {"look", std::memory_order_seq_cst, std::memory_order_acquire});
}

TEST_F(Termination, MissesOneThatOnlyReleasesThatItIsInside) {
    expect_unsound(scene(), bounds, {"come_inside", std::memory_order_seq_cst, std::memory_order_release});
}

TEST_F(Termination, MissesOneWhenItLooksWithoutAFence) {
    expect_unsound(scene(), bounds, {"may_be_inside", std::memory_order_seq_cst, std::memory_order_acq_rel});
}

TEST_F(Termination, OvertakesOneThatGoesOutsideWithoutARelease) {
    expect_unsound(scene(), bounds, {"go_outside", std::memory_order_release, std::memory_order_relaxed});
}

// ---- suspension

class Suspension : public ThreadOfOther {
protected:
    Suspension() { ports::suspend(other(), thread()); }

    // Outside the kernel, as its signal handler does.
    void stand() {
        runtime::Doorbells& doorbells = kernel().machine().doorbells();
        runtime::DoorbellRecord& bell = one().carrier->record().doorbell;
        const std::uint32_t slot = one().carrier->name().slot;
        one().thread().stopped.store(ports::stands_still);
        doorbells.clear(bell, slot);
        while (ports::is_suspended(kernel(), thread())) doorbells.wait(bell, slot, runtime::Deadline::never());
    }
    void resume() {
        ports::resume(other(), thread());
        if (!ports::take_back_promise(kernel(), thread())) return;
        kernel().machine().doorbells().ring(one().carrier->record().doorbell, one().carrier->name().slot);
    }
    Scene standing() { return {{[this] { stand(); }, [this] { resume(); }}}; }
    Scene promising() {
        return {{[this] { ports::promise_to_stand(kernel(), thread()); }, [this] { resume(); }},
                {},
                [this] { return one().thread().stopped.load() == 0; }};
    }
};

TEST_F(Suspension, EndsForAThreadThatStandsStill) { expect_sound(standing(), bounds); }

TEST_F(Suspension, GoesOnWhenTheThreadLooksForItByAnAcquire) {
    expect_unsound(standing(), bounds, {"look", std::memory_order_seq_cst, std::memory_order_acquire});
}

TEST_F(Suspension, GoesOnWhenWhoResumesLooksAtTheThreadWithoutAFence) {
    expect_unsound(standing(), bounds, {"take_back_promise", std::memory_order_seq_cst, std::memory_order_acq_rel});
}

TEST_F(Suspension, LeavesNoPromiseBehind) { expect_sound(promising(), bounds); }

TEST_F(Suspension, LeavesAPromiseWhenTheThreadLooksForItByAnAcquire) {
    expect_unsound(promising(), bounds, {"look", std::memory_order_seq_cst, std::memory_order_acquire});
}

TEST_F(Suspension, LeavesAPromiseWhenWhoResumesLooksForItWithoutAFence) {
    expect_unsound(promising(), bounds, {"take_back_promise", std::memory_order_seq_cst, std::memory_order_acq_rel});
}

}  // namespace
}  // namespace umach::orders
