// SPDX-License-Identifier: BSL-1.0
// What others do in the stead of a keeper that is stopped. It lives, so it keeps the role, and what it is in the
// middle of waits for it: no lock is taken from it, and nobody is let in. But the dead are found out and cleared up
// after, by the service thread of one member; what the keeper finds done when it goes on it leaves alone.
#pragma once

#include "tasks/host.hpp"

namespace umach::tasks {

// Clears up once, if the keeper is stopped and nobody else that runs is at it.
void stand_in_for_stopped_keeper(Host& host, runtime::Carrier& carrier);

}  // namespace umach::tasks
