// SPDX-License-Identifier: BSL-1.0
// A thread that parks and one that ends its wait: doze() in ports/wait.hpp, pay_ring() and ring_bell() in
// ports/kernel.cpp, the doorbell.
#include "tests/orders/checked.hpp"

#include "tests/orders/host.hpp"

#include "ports/wait.hpp"

namespace umach::orders {
namespace {

constexpr Bounds bounds{2, 100'000};

class Ring : public testing::Test {
protected:
    Ring() {
        epoch_ = sleeper().caller->step([&](ports::KernelStep& s) {
            s.lock(sleeper().task());
            return s.keep(ports::begin_wait(s, sleeper().index(), ports::WaitKind::park, {}));
        });
    }

    Member& sleeper() { return host_[0]; }

    void wait() {
        ports::park(sleeper(), epoch_, runtime::Deadline::never(), false);
        require(sent_.read() == 7, "what was written before the ring is there");
    }
    void ring() {
        sent_.write(7);
        host_[1].caller->step([&](ports::KernelStep& s) {
            s.lock(sleeper().task());
            ports::end_wait(s, sleeper().index(), 0);
            return s.keep(0);
        });
    }
    Scene scene() { return {{[this] { wait(); }, [this] { ring(); }}}; }

    Host host_{2};
    std::uint32_t epoch_ = 0;
    Plain sent_;
};

TEST_F(Ring, WakesTheSleeperWhoSeesWhatWasWrittenBefore) { expect_sound(scene(), bounds); }

TEST_F(Ring, IsLostWhenTheSleeperLooksForItByAnAcquire) {
    expect_unsound(scene(), bounds, {"is_rung", std::memory_order_seq_cst, std::memory_order_acquire});
}

TEST_F(Ring, IsLostWhenTheSleeperOnlyReleasesThatItIsAsleep) {
    expect_unsound(scene(), bounds, {"doze", std::memory_order_seq_cst, std::memory_order_release});
}

TEST_F(Ring, IsLostWhenTheRingerLooksForSleepersByAnAcquire) {
    expect_unsound(scene(), bounds, {"ring_bell", std::memory_order_seq_cst, std::memory_order_acquire});
}

TEST_F(Ring, IsLostWhenTheRingerOnlyReleasesTheRing) {
    expect_unsound(scene(), bounds, {"pay_ring", std::memory_order_seq_cst, std::memory_order_acq_rel});
}

TEST_F(Ring, ShowsNothingWhenItIsRelaxed) {
    expect_unsound(scene(), bounds, {"pay_ring", std::memory_order_seq_cst, std::memory_order_relaxed});
}

// As a carrier of several threads sleeps.
class RingForOneOfSeveral : public Ring {
protected:
    RingForOneOfSeveral() { carrier().sleepers.store(1); }

    runtime::CarrierRecord& carrier() { return sleeper().carrier->record(); }
    void wait_for_all() {
        const auto rung = [this] { return ports::is_any_rung(carrier()); };
        while (!rung()) ports::doze(sleeper(), runtime::Deadline::never(), rung);
        carrier().rung_classes.exchange(0);
        require(ports::is_rung(host_.kernel(), sleeper().index(), epoch_), "who was rung can be told");
    }
    Scene scene() { return {{[this] { wait_for_all(); }, [this] { ring(); }}}; }
};

TEST_F(RingForOneOfSeveral, WakesTheCarrierWhichFindsWhomItWasFor) { expect_sound(scene(), bounds); }

TEST_F(RingForOneOfSeveral, IsLostWhenTheCarrierLooksForItWithoutOrder) {
    expect_unsound(scene(), bounds, {"is_any_rung", std::memory_order_seq_cst, std::memory_order_relaxed});
}

}  // namespace
}  // namespace umach::orders
