// SPDX-License-Identifier: BSL-1.0
// Mending: what a dead carrier's unfinished step had written is taken back, newest word first, and its log emptied.
// Until then the dead carrier's locks still name it, so nobody else is inside. Mending may be begun again by any
// number of menders that die on the way: taking back twice is the same as taking back once.
#pragma once

#include "runtime/machine.hpp"

namespace umach::runtime {

// Whether the carrier of that name is dead, or its slot was given up or given out again since.
bool has_ended(const CarrierRecord& record, CarrierName name);

// Mends the dead carrier unless somebody has already.
// waits: for another mender that lives; a dead one is replaced at once
void mend(Machine& machine, CarrierName self, CarrierName dead);

// Gives the slot of a carrier that was mended, and of which nothing is left, to whoever comes next.
void retire(Machine& machine, CarrierName self, CarrierName dead);

// Mends every carrier that is known to be dead and has a step to be taken back.
void mend_all(Machine& machine, CarrierName self);

// Takes the name of a dead carrier, mended itself, out of the records that it was mending when it died.
void forget_mender(Machine& machine, CarrierName dead);

// Undoes the log of a carrier; used by menders and by the carrier itself when it takes a step back.
void take_back(Machine& machine, CarrierRecord& record);

}  // namespace umach::runtime
