// SPDX-License-Identifier: BSL-1.0
// That the checker knows what C++'s memory model allows and what it does not, on the smallest programs that show it.
#include "tests/orders/checked.hpp"

namespace umach::orders {
namespace {

constexpr Bounds bounds{all, 100'000};

class Litmus : public testing::Test {
protected:
    // What is looked for: executions in which both saw 0.
    void saw(Plain& who, std::uint64_t value) { who.write(static_cast<int>(value)); }
    std::function<bool()> one_saw_the_other() {
        return [this] { return first_.read() + second_.read() > 0; };
    }

    std::atomic<std::uint64_t> x_{0}, y_{0};
    Plain first_, second_, data_;
};

// ---- I say something, then look at what you have said

class BothSayAndLook : public Litmus {
protected:
    void in_one_order() {
        x_.store(1);
        saw(first_, y_.load());
    }
    void behind_a_fence() {
        x_.store(1, std::memory_order_release);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        saw(first_, y_.load());
    }
    void answer_in_one_order() {
        y_.store(1);
        saw(second_, x_.load());
    }
    Scene ordered() {
        return {{[this] { in_one_order(); }, [this] { answer_in_one_order(); }}, {}, one_saw_the_other()};
    }
    Scene fenced() {
        return {{[this] { behind_a_fence(); }, [this] { answer_in_one_order(); }}, {}, one_saw_the_other()};
    }
};

TEST_F(BothSayAndLook, OneSeesTheOtherInTheOneOrderOfAll) { expect_sound(ordered(), bounds); }
TEST_F(BothSayAndLook, OneSeesTheOtherWhenOneHasAFence) { expect_sound(fenced(), bounds); }

TEST_F(BothSayAndLook, NeitherSeesTheOtherByReleaseAndAcquire) {
    expect_unsound(ordered(), bounds, {"in_one_order", std::memory_order_seq_cst, std::memory_order_acq_rel});
}
TEST_F(BothSayAndLook, NeitherSeesTheOtherWhenTheFenceIsNone) {
    expect_unsound(fenced(), bounds, {"behind_a_fence", std::memory_order_seq_cst, std::memory_order_acq_rel});
}
TEST_F(BothSayAndLook, NeitherSeesTheOtherWhenWhoHasNoFenceAcquires) {
    expect_unsound(fenced(), bounds, {"answer_in_one_order", std::memory_order_seq_cst, std::memory_order_acq_rel});
}

// ---- data, then a flag

class DataThenFlag : public Litmus {
protected:
    void publish() {
        data_.write(1);
        x_.store(1, std::memory_order_release);
    }
    // The fence behind it gives the store a place in the one order of all, and who loads it there nothing else.
    void publish_before_a_fence() {
        data_.write(1);
        x_.store(1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    void read() {
        if (x_.load() != 0) saw(first_, static_cast<std::uint64_t>(data_.read()));
    }
    Scene released() { return {{[this] { publish(); }, [this] { read(); }}}; }
    Scene fenced_too_late() { return {{[this] { publish_before_a_fence(); }, [this] { read(); }}}; }
};

TEST_F(DataThenFlag, IsThereForWhoSeesTheFlag) { expect_sound(released(), bounds); }

TEST_F(DataThenFlag, IsNotThereWhenTheFlagIsRelaxed) {
    expect_unsound(released(), bounds, {"publish", std::memory_order_release, std::memory_order_relaxed});
}

TEST_F(DataThenFlag, IsNotThereWhenTheFenceComesAfterTheFlag) {
    Scene scene = fenced_too_late();
    EXPECT_EQ(search(scene, bounds).failure, "DATA RACE");
}

}  // namespace
}  // namespace umach::orders
