// SPDX-License-Identifier: BSL-1.0
// Who gives up waiting and who is about to serve it: a sender in line (ports/send_wait.cpp, ports/queue.cpp) and a
// receiver to whom a message is handed (ports/receive.cpp, ports/transfer.cpp); and both when nobody gives up.
#include "tests/orders/checked.hpp"

#include "tests/orders/host.hpp"

#include "ports/queue.hpp"
#include "ports/receive.hpp"
#include "ports/send.hpp"
#include "ports/sending.hpp"
#include "ports/space.hpp"
#include "ports/thread.hpp"
#include "ports/transfer.hpp"
#include "ports/wait.hpp"
#include "tests/ports/letter.hpp"

namespace umach::orders {
namespace {

using ports::Letter;

// ---- a sender

class WaitForRoom : public testing::Test {
protected:
    WaitForRoom() { message().identity.put({1, ports::MessageState::waiting, 0, 0, 0}); }

    ports::MessageRecord& message() { return host_.kernel().message(1); }
    void give_up() { left_.write(ports::leave_behind(host_[0].thread(), 1, message()) ? 1 : 0); }
    void admit() {
        const bool admitted = host_[1].caller->k.step(*host_[1].carrier, [&](ports::KernelStep& s) {
            return ports::begin_admission(s, message(), host_[0].thread()) ? s.keep(true) : s.undo(false);
        });
        admitted_.write(admitted ? 1 : 0);
    }
    Scene scene() {
        return {{[this] { give_up(); }, [this] { admit(); }},
                [this] { host_[0].thread().wait.put({1, ports::WaitKind::send, ports::WaitState::waiting, 0}); },
                [this] { return left_.read() + admitted_.read() <= 1; }};
    }

    Host host_{2};
    Plain left_, admitted_;
};

constexpr Bounds of_words{all, 1'000'000};

TEST_F(WaitForRoom, IsGivenUpOrTheMessageAdmitted) { expect_sound(scene(), of_words); }

TEST_F(WaitForRoom, IsBothWhenTheSenderLooksAtItsMessageByAnAcquire) {
    expect_unsound(scene(), of_words, {"look", std::memory_order_seq_cst, std::memory_order_acquire});
}

TEST_F(WaitForRoom, IsBothWhenTheSenderOnlyReleasesItsMark) {
    expect_unsound(scene(), of_words, {"give_up_waiting", std::memory_order_seq_cst, std::memory_order_release});
}

TEST_F(WaitForRoom, IsBothWhenTheMarkIsReadWithoutAFence) {
    expect_unsound(scene(), of_words, {"has_given_up_meanwhile", std::memory_order_seq_cst, std::memory_order_acq_rel});
}

// ---- a receiver

class WaitForMessage : public testing::Test {
protected:
    WaitForMessage() {
        ports::Kernel& k = host_.kernel();
        port_ = ports::entry(k, k.task(receiver().task().index), ports::name_index(name())).port;
        receiver().caller->step([&](ports::KernelStep& s) {
            s.lock(receiver().task());
            receiver().thread().takes.put(ports::takes_word(Letter::most_bytes, name()));
            epoch_ = ports::begin_wait(s, receiver().index(), ports::WaitKind::receive, port_);
            s.append(k.port(port_.index).receivers, receiver().index(), k.wait_links());
            const std::uint32_t index = k.zone(ports::zone_messages).allocate(s.step(), k.host_lock());
            message_ = ports::Kernel::message_of(0, index);
            return s.keep(0);
        });
        k.message(message_).identity.put({1, ports::MessageState::prep, 0, 0, 0});
        k.message(message_).size = sizeof(msg_header_t);
    }

    Member& receiver() { return host_[0]; }
    std::uint32_t name() { return static_cast<std::uint32_t>(receiver().own); }
    // At the beginning of its next call.
    void give_up() {
        ports::give_up_waiting(receiver().thread(), epoch_);
        ports::end_earlier_call(receiver(), runtime::Deadline::never());
    }
    void hand_over() {
        host_[1].caller->k.step(*host_[1].carrier, [&](ports::KernelStep& s) {
            s.lock_live(port_);
            return ports::transfer(s, port_, message_) == ports::Transfer::done ? s.keep(0) : s.undo(0);
        });
    }
    Scene scene() {
        return {{[this] { give_up(); }, [this] { hand_over(); }},
                {},
                [this] { return receiver().thread().message.get() == 0; }};
    }

    Host host_{2};
    ports::PortRef port_;
    std::uint32_t epoch_ = 0, message_ = 0;
};

constexpr Bounds of_calls{1, 100'000};

TEST_F(WaitForMessage, ThatIsGivenUpLeavesNothingWithTheThread) { expect_sound(scene(), of_calls); }

TEST_F(WaitForMessage, ThatIsGivenUpLeavesAMessageWhenTheThreadLooksForOneByAnAcquire) {
    expect_unsound(scene(), of_calls, {"look", std::memory_order_seq_cst, std::memory_order_acquire});
}

TEST_F(WaitForMessage, ThatIsGivenUpLeavesAMessageWhenTheMarkIsReadWithoutAFence) {
    expect_unsound(scene(), of_calls, {"has_given_up_meanwhile", std::memory_order_seq_cst, std::memory_order_acq_rel});
}

// ---- nobody gives up

class SendAndReceive : public testing::Test {
protected:
    SendAndReceive() { host_.introduce(host_[0], host_[1], 100); }

    void receive() {
        Letter letter = Letter::from(host_[0].own);
        require(ports::receive(host_[0], letter.header(), MSG_OPTION_NONE, 0) == RCV_SUCCESS, "a message comes");
        require(letter.header()->msg_id == 7, "it is the one that was sent");
    }
    void send() {
        Letter letter(100);
        letter.header()->msg_id = 7;
        require(ports::send(host_[1], letter.header(), MSG_OPTION_NONE, 0) == SEND_SUCCESS, "it is sent");
    }
    Scene scene() { return {{[this] { receive(); }, [this] { send(); }}}; }

    Host host_{2};
};

TEST_F(SendAndReceive, BringsTheMessage) { expect_sound(scene(), of_calls); }

TEST_F(SendAndReceive, HangsWhenTheRingIsLookedForByAnAcquire) {
    expect_unsound(scene(), of_calls, {"is_rung", std::memory_order_seq_cst, std::memory_order_acquire});
}

}  // namespace
}  // namespace umach::orders
