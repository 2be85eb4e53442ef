// SPDX-License-Identifier: BSL-1.0
// The net under the wake-ups: what a defect of ours would lose is found at the end of a slice, and counted.
#include "regression_fixture.hpp"

#include "ports/queue.hpp"
#include "ports/wait.hpp"

namespace umach::ports {
namespace {

class LostWakeUp : public RegressionFixture {
protected:
    std::uint64_t rescued() { return k_->machine().header().rescued_wakeups.load(); }

    // Changes records under the task's lock without paying what is owed for it.
    void change(const std::function<void(KernelStep&)>& body) {
        k_->step(*carrier_, [&](KernelStep& s) {
            s.lock(caller_->task);
            body(s);
            return s.keep(0);
        });
        for (auto& debt : carrier_->record().owed_rings) debt.whom.put(0);
        carrier_->record().owed_admission.put(0);
    }
};

TEST_F(LostWakeUp, ARingThatNobodyPaysIsFoundAndCounted) {
    const port_name_t port = new_port();
    Receiver receiver(*caller_, port);
    change([&](KernelStep& s) {
        Field<Pair>& receivers = k_->port(port_of(port).index).receivers;
        const std::uint32_t thread = receivers.get().first;
        s.unlink(receivers, thread, k_->wait_links());
        end_wait(s, thread, RCV_INVALID_PORT);
    });
    EXPECT_EQ(receiver.result(), RCV_INVALID_PORT);
    EXPECT_EQ(rescued(), 1u);
}

// As on a machine with so much to do that who owes it does not run for long.
TEST_F(LostWakeUp, ARingThatIsOnlySlowToComeIsNotWaitedForAndNotCounted) {
    const port_name_t port = new_port();
    Receiver receiver(*caller_, port);
    k_->step(*carrier_, [&](KernelStep& s) {
        s.lock(caller_->task);
        Field<Pair>& receivers = k_->port(port_of(port).index).receivers;
        const std::uint32_t thread = receivers.get().first;
        s.unlink(receivers, thread, k_->wait_links());
        end_wait(s, thread, RCV_INVALID_PORT);
        return s.keep(0);
    });
    EXPECT_EQ(receiver.result(), RCV_INVALID_PORT);
    EXPECT_EQ(rescued(), 0u);
    k_->settle(*carrier_);
}

TEST_F(LostWakeUp, AMessageOfWhichNobodyWasToldIsFoundAndCounted) {
    const port_name_t port = new_port();
    Receiver receiver(*caller_, port);
    Field<Pair>& receivers = k_->port(port_of(port).index).receivers;
    const std::uint32_t thread = receivers.get().first;
    change([&](KernelStep& s) { s.unlink(receivers, thread, k_->wait_links()); });
    EXPECT_EQ(post(Letter(port)), SEND_SUCCESS);
    change([&](KernelStep& s) { s.append(receivers, thread, k_->wait_links()); });
    EXPECT_EQ(receiver.result(), RCV_SUCCESS);
    EXPECT_EQ(rescued(), 1u);
}

TEST_F(LostWakeUp, RoomThatNobodyGaveToTheLineIsFoundAndCounted) {
    const port_name_t port = new_port();
    EXPECT_EQ(set_backlog(*caller_, caller_->task, port, 1), KERN_SUCCESS);
    EXPECT_EQ(post(Letter(port)), SEND_SUCCESS);
    Letter second = Letter(port);
    Blocked sender(*caller_, [&](Caller& self) { return send(self, second.header(), MSG_OPTION_NONE, 0); });
    change([&](KernelStep& s) {
        PortRecord& record = k_->port(port_of(port).index);
        PortCounts counts = record.counts;
        counts.backlog = 2;
        s.set(record.counts, counts);
    });
    EXPECT_EQ(sender.result(), SEND_SUCCESS);
    EXPECT_EQ(rescued(), 1u);
}

}  // namespace
}  // namespace umach::ports
