// SPDX-License-Identifier: BSL-1.0
// How ports die. One step makes a port dying: from then on every use of it fails. What hangs on it (waiters, messages
// and the rights in them, names in other spaces) is dismantled from its root's list of dying ports, a bounded piece a
// step, by whoever made it die, by anybody who meets the list, or by the keeper.
#pragma once

#include "ports/rights.hpp"

namespace umach::ports {

// The receive right of the port is gone from where it was: it passes to its owner elsewhere, or to its backup port,
// or the port becomes dying. Called under the lock of the port's root, in the step that removes the right.
// root: the task whose list the dying port joins
// owner_too: the ownership was in the same place and is gone as well
void lose_receive(KernelStep& s, TaskRef root, PortRef port, bool owner_too);

// The ownership of the port is gone from where it was: it passes to the holder of the receive right.
// root: as above, for a port whose receive right had come to the ownership on its way
void lose_ownership(KernelStep& s, TaskRef root, PortRef port);

// Whether the message has the receive right as an item of its own; if not, and the port is received by the message, the
// receive right had come to the ownership on its way.
bool carries_receive(Kernel& k, std::uint32_t message, PortRef port);

// Puts a message that nobody will receive onto the task's list of doomed messages.
void doom(KernelStep& s, TaskRef root, std::uint32_t message);

// Notes that this carrier owes work on the task's lists.
void owe_work(KernelStep& s, TaskRef root);

// One piece of the work that the debtor owes; the debt is gone when the lists are empty.
void work_off_one(Kernel& k, runtime::Carrier& carrier, runtime::CarrierRecord& debtor);

// One piece of the work on a task's lists, within a step that holds its lock.
// returns: false when there is nothing left
bool dismantle(KernelStep& s, TaskRef root);

// Gives a message without rights back to the zone (by way of this carrier's stock).
void free_message(KernelStep& s, std::uint32_t message);

}  // namespace umach::ports
