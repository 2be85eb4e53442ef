// SPDX-License-Identifier: BSL-1.0
// Inside runtime/segment: the two ways to an empty file of /dev/shm that has no name.
#pragma once

#include "runtime/descriptor.hpp"

namespace umach::runtime {

// By O_TMPFILE: the file never has a name, so there is no instant at which a killed maker leaves one behind.
// returns: a fault (EOPNOTSUPP, EISDIR, ENOENT) where /dev/shm is a file system that cannot do it.
Outcome<Descriptor> nameless_file();

// By shm_open under a name of 128 random bits that is unlinked at once.
// limits: a maker killed by SIGKILL between the two calls leaves an empty file of its name. Only used where
// the other way is not offered; tmpfs, which /dev/shm is on every Linux that we know, offers it.
Outcome<Descriptor> unlinked_file();

}  // namespace umach::runtime
