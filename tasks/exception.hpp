// SPDX-License-Identifier: BSL-1.0
// Exceptions: a thread whose own code faults asks its exception port whether it may go on; <mach/exception.h> has the
// messages.
#pragma once

namespace umach::tasks {

// To be called once in a process. From then on faults of its threads are exceptions where there is a port for them.
void prepare_exceptions();

}  // namespace umach::tasks
