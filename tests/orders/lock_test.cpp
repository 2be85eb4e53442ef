// SPDX-License-Identifier: BSL-1.0
// Locks, steps and what becomes of those of the dead: runtime/lock.hpp, runtime/step.hpp, runtime/mend.cpp.
#include "tests/orders/checked.hpp"

#include "tests/orders/host.hpp"

#include "runtime/mend.hpp"

namespace umach::orders {
namespace {

constexpr Bounds bounds{2, 100'000};

class Lock : public testing::Test {
protected:
    // Data that the lock guards.
    void count_up(Member& by) {
        by.caller->k.step(*by.carrier, [&](ports::KernelStep& s) {
            s.lock(host_[0].task());
            guarded_.write(guarded_.read() + 1);
            return s.keep(0);
        });
    }

    // Two words that are equal between steps.
    runtime::Count& word(std::size_t number) { return host_[0].thread().registers[number]; }
    void change_both(Member& by) {
        by.caller->k.step(*by.carrier, [&](ports::KernelStep& s) {
            s.lock(host_[0].task());
            const std::uint64_t before = word(0);
            require(word(1).get() == before, "the words are equal");
            s.set(word(0), before + 1);
            s.set(word(1), before + 1);
            return s.keep(0);
        });
    }

    Host host_{3};
    Plain guarded_;
};

// ---- one holder at a time

class LockOfTwo : public Lock {
protected:
    Scene scene() {
        return {{[this] { count_up(host_[0]); }, [this] { count_up(host_[1]); }},
                [this] { guarded_.write(0); },
                [this] { return guarded_.read() == 2; }};
    }
};

TEST_F(LockOfTwo, ShowsEachWhatTheOtherHasWritten) { expect_sound(scene(), bounds); }

TEST_F(LockOfTwo, HidesItWhenItIsLetGoWithoutARelease) {
    expect_unsound(scene(), bounds, {"release", std::memory_order_release, std::memory_order_relaxed});
}

TEST_F(LockOfTwo, HidesItWhenItIsTakenWithoutAnAcquire) {
    expect_unsound(scene(), bounds, {"try_take", std::memory_order_acq_rel, std::memory_order_release});
}

// ---- a newcomer

class LockOfANewcomer : public Lock {
protected:
    // The slot is free; its hand is here already.
    LockOfANewcomer() { newcomer().carrier->record().life.store(0); }

    Member& newcomer() { return host_[1]; }
    void come_and_count_up() {
        require(host_.kernel().machine().claim_carrier() == newcomer().carrier->name().slot, "there is one slot");
        count_up(newcomer());
    }
    Scene scene() {
        return {{[this] { come_and_count_up(); }, [this] { count_up(host_[0]); }}, [this] { guarded_.write(0); }};
    }
};

TEST_F(LockOfANewcomer, IsNotTakenFromIt) { expect_sound(scene(), bounds); }

TEST_F(LockOfANewcomer, IsTakenFromItWhenItsNameShowsNothingElseOfIt) {
    expect_unsound(scene(), bounds, {"try_take", std::memory_order_acq_rel, std::memory_order_acquire});
}

// ---- one that dies

class LockOfTheDead : public Lock {
protected:
    // One dies before its access of some number; a second and a third find that out.
    void change_and_die(unsigned number) {
        die_before(number, host_[0].carrier->record().life);
        change_both(host_[0]);
    }
    void go_on(std::size_t member) { change_both(host_[member]); }
    bool is_whole() { return word(0).get() == word(1).get(); }
    Scene two() {
        return {{[this] { change_and_die(choose(24)); }, [this] { go_on(1); }}, {}, [this] { return is_whole(); }};
    }
    Scene three() {
        return {{[this] { change_and_die(between_the_words); }, [this] { go_on(1); }, [this] { go_on(2); }},
                {},
                [this] { return is_whole(); }};
    }
    static constexpr unsigned between_the_words = 15;
};

TEST_F(LockOfTheDead, IsHadByASecondWhoFindsTheStepTakenBack) { expect_sound(two(), {1, 40'000}); }

TEST_F(LockOfTheDead, IsHadByASecondAndAThirdWhoFindTheStepTakenBack) { expect_sound(three(), {0, 10'000}); }

TEST_F(LockOfTheDead, LeavesHalfAStepWhenItIsFreedWithoutARelease) {
    expect_unsound(three(), {1, 10'000}, {"free_from", std::memory_order_acq_rel, std::memory_order_acquire});
}

TEST_F(LockOfTheDead, LeavesHalfOfANewStepWhenWhoHasMendedOnlyRelaxes) {
    expect_unsound(three(), {1, 10'000}, {"mend", std::memory_order_seq_cst, std::memory_order_relaxed});
}

}  // namespace
}  // namespace umach::orders
