// SPDX-License-Identifier: BSL-1.0
// A port that dies while a right for it arrives: name_rights() in ports/message_rights.cpp, dead_name_one() in
// ports/death.cpp.
#include "tests/orders/checked.hpp"

#include "tests/orders/host.hpp"

#include "ports/calls.hpp"
#include "ports/death.hpp"
#include "ports/rights.hpp"
#include "ports/send.hpp"
#include "ports/space.hpp"
#include "tests/ports/letter.hpp"

namespace umach::orders {
namespace {

using ports::Letter;

constexpr Bounds bounds{1, 100'000};

class RightThatArrives : public testing::Test {
protected:
    RightThatArrives() {
        host_.introduce(receiver(), owner(), 100);
        Letter letter(100);
        letter.with(MSG_TYPE_PORT, owner().own);
        ports::send(owner(), letter.header(), MSG_OPTION_NONE, 0);
        port_ = entry_of(owner(), owner().own).port;
        message_ = kernel().port(entry_of(receiver(), receiver().own).port.get().index).queue.get().first;
    }

    ports::Kernel& kernel() { return host_.kernel(); }
    Member& receiver() { return host_[0]; }
    Member& owner() { return host_[1]; }
    ports::EntryRecord& entry_of(Member& member, port_name_t name) {
        return ports::entry(kernel(), kernel().task(member.task().index), ports::name_index(static_cast<std::uint32_t>(name)));
    }

    // The part of a receive that names what came.
    void name_it() {
        receiver().caller->k.step(*receiver().carrier, [&](ports::KernelStep& s) {
            s.lock(receiver().task());
            return s.keep(ports::name_rights(s, receiver().task(), message_));
        });
    }
    // And the beginning of the look for names.
    void die() {
        owner().caller->k.step(*owner().carrier, [&](ports::KernelStep& s) {
            ports::lose_receive(s, owner().task(), port_, true);
            return s.keep(0);
        });
        const std::uint64_t holders = ports::possible_holders(kernel().port(port_.index));
        found_.write((holders >> receiver().task().index % 64 & 1) != 0 ? 1 : 0);
    }
    // It has no name, or that will be found and made a dead one.
    bool is_settled() { return kernel().right(message_, 0).info.get().name == 0 || found_.read() != 0; }
    Scene scene() { return {{[this] { die(); }, [this] { name_it(); }}, {}, [this] { return is_settled(); }}; }
    // Somebody else notes the same bit: a task whose index is the same modulo 64.
    Scene scene_of_three() {
        Scene all = scene();
        all.threads.emplace_back([this] { ports::note_holder(kernel().port(port_.index), receiver().task()); });
        return all;
    }

    Host host_{2};
    ports::PortRef port_;
    std::uint32_t message_ = 0;
    Plain found_;
};

TEST_F(RightThatArrives, IsFoundByTheDeathOfItsPortOrFindsThatDead) { expect_sound(scene(), bounds); }

TEST_F(RightThatArrives, StaysWhenThePortIsLookedAtByAnAcquire) {
    expect_unsound(scene(), bounds, {"look", std::memory_order_seq_cst, std::memory_order_acquire});
}

TEST_F(RightThatArrives, StaysWhenItsHolderIsNotedByARelease) {
    expect_unsound(scene(), bounds, {"note_holder", std::memory_order_seq_cst, std::memory_order_release});
}

TEST_F(RightThatArrives, WhoseHolderSomebodyElseNotedIsFoundToo) { expect_sound(scene_of_three(), {1, 30'000}); }

TEST_F(RightThatArrives, StaysWhenHoldersAreLookedForWithoutAFence) {
    expect_unsound(scene(), bounds, {"possible_holders", std::memory_order_seq_cst, std::memory_order_acq_rel});
}

}  // namespace
}  // namespace umach::orders
