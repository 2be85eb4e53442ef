// SPDX-License-Identifier: BSL-1.0
#include "runtime/fault.hpp"

#include <cerrno>
#include <system_error>

namespace umach::runtime {

Fault make_fault(int error, const std::string& what) {
    UMACH_ASSERT(error != 0);
    return Fault{error, what + ": " + std::generic_category().message(error)};
}

Fault last_fault(const std::string& what) {
    const int error = errno;
    return make_fault(error, what);
}

}  // namespace umach::runtime
