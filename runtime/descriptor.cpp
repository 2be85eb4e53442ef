// SPDX-License-Identifier: BSL-1.0
#include "runtime/descriptor.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace umach::runtime {

void Descriptor::reset(int number) noexcept {
    const int kept = errno;
    // Linux frees the number whatever close() says, so an error here is nobody's to handle.
    if (number_ >= 0) ::close(number_);
    number_ = number;
    errno = kept;
}

Outcome<Descriptor> Descriptor::duplicate() const {
    Descriptor copy(::fcntl(number_, F_DUPFD_CLOEXEC, 0));
    if (!copy) return last_fault("duplicating descriptor " + std::to_string(number_));
    return copy;
}

}  // namespace umach::runtime
