// SPDX-License-Identifier: BSL-1.0
// What is done for the dead, by a process that is killed at it in turn: a mender's work, and a keeper's.
#include "operations.hpp"

#include "runtime/mend.hpp"

#include <linux/futex.h>

namespace umach::torture {
namespace {

int mend_them(Scene& scene) {
    runtime::mend_all(scene.caller.k.machine(), scene.caller.carrier.name());
    return KERN_SUCCESS;
}

// Takes the dead one's locks, as anybody does who wants something of its task.
int want_its_locks(Scene& scene) {
    PortStatus found{};
    const Member& dead = scene.dead.front();
    status(scene.caller, dead.task, dead.own_port, &found);
    Letter letter(scene.there);
    return send(scene.caller, letter.header(), SEND_TIMEOUT, 0);
}

int end_its_carrier(Scene& scene) {
    Kernel& k = scene.caller.k;
    for (std::uint32_t slot = 1; slot < k.machine().carriers(); ++slot)
        if (k.machine().carrier(slot).process.get() == scene.dead.back().process)
            end_carrier(k, scene.caller.carrier, slot);
    return KERN_SUCCESS;
}

int clear_away(Scene& scene) {
    Kernel& k = scene.caller.k;
    const std::uint32_t process = scene.dead.back().process;
    for (std::uint32_t slot = 1; slot < k.machine().carriers(); ++slot)
        if (runtime::CarrierRecord& record = k.machine().carrier(slot); record.process.get() == process)
            record.life.store(FUTEX_OWNER_DIED | FUTEX_WAITERS);
    end_process(k, scene.caller.carrier, process);
    return KERN_SUCCESS;
}

Setting killed_in(const char* operation, std::uint64_t store) {
    return [=](Stage& stage) { stage.leave_dead(operation_called(operation), {When::after_store, store}); };
}
Setting killed_after(const char* operation) {
    return [=](Stage& stage) { stage.leave_dead(operation_called(operation), {}); };
}
// And who mended it was killed as well.
Setting killed_twice(const char* operation, std::uint64_t store, std::uint64_t store_of_mender) {
    return [=](Stage& stage) {
        stage.expect_dead(2);
        stage.leave_dead(operation_called(operation), {When::after_store, store});
        stage.leave_dead({"Mend", mend_them}, {When::after_store, store_of_mender});
    };
}

}  // namespace

std::vector<Operation> repairs() {
    return {{"MendASend", mend_them, killed_in("SendAReceiveRight", 200)},
            {"MendAReceive", mend_them, killed_in("ReceiveRights", 120)},
            {"MendWhatAMenderLeft", mend_them, killed_twice("SendAReceiveRight", 240, 12)},
            {"WantTheLocksOfTheDead", want_its_locks, killed_in("SendAReceiveRight", 200)},
            {"EndTheCarrierOfASender", end_its_carrier, killed_in("SendAReceiveRight", 200)},
            {"EndACarrierThatOwesAnAdmission", end_its_carrier,
             killed_in("RaiseTheBacklogOfAnotherTaskAndAdmit", 11)},
            {"EndACarrierThatOwesWork", end_its_carrier, killed_in("DeallocateAPortOfAnotherTask", 80)},
            {"ClearAwayASender", clear_away, killed_in("SendAReceiveRight", 200)},
            {"ClearAwayASenderThatWaits", clear_away, killed_in("SendThatWaitsInVain", 120)},
            {"ClearAwayASenderOfAKeptMessage", clear_away, killed_after("SendThatIsKept")},
            {"ClearAwayAReceiver", clear_away, killed_in("ReceiveAndAdmitABlockedSender", 150)},
            {"ClearAwayAReceiverWithRights", clear_away, killed_after("ReceiveRights")},
            {"ClearAwayAServer", clear_away, killed_in("ReceiveAndAnswerACall", 160)},
            {"ClearAwayALineOfSenders", clear_away, killed_in("DeallocateAPortWithALineOfSenders", 300)},
            {"ClearAwayANest", clear_away, killed_after("SendAPortWithAPortInItsQueue")},
            {"ClearAwayASet", clear_away, killed_in("PutIntoASetAndOut", 120)},
            {"ClearAwayAHalfMadeTask", clear_away, killed_in("MakeATask", 200)},
            {"ClearAwayAfterAMender", clear_away, killed_twice("ReceiveRights", 120, 30)}};
}

}  // namespace umach::torture
