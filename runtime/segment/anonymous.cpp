// SPDX-License-Identifier: BSL-1.0
// The anonymous segment: a sealed memfd. Plain calls: Boost.Interprocess has no memfd; it maps it all the
// same.
#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>

#include "runtime/segment/mapping.hpp"

namespace umach::runtime {

namespace {

constexpr int resizing = F_SEAL_SHRINK | F_SEAL_GROW;

}  // namespace

Outcome<Segment> SegmentMaker::create_anonymous(std::size_t bytes) {
    Descriptor file(memfd_create("umach", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) return last_fault("memfd_create");
    if (auto reserved = reserve_file(file.get(), bytes); !reserved) return std::move(reserved).fault();
    if (fcntl(file.get(), F_ADD_SEALS, resizing | F_SEAL_SEAL) != 0) return last_fault("sealing a memfd");
    return map_file(SegmentKind::anonymous, std::move(file), bytes);
}

Outcome<Segment> SegmentMaker::attach_anonymous(Descriptor descriptor, std::size_t bytes) {
    if (auto checked = check_file(descriptor.get(), bytes); !checked) return std::move(checked).fault();
    const int seals = fcntl(descriptor.get(), F_GET_SEALS);
    if (seals < 0) return last_fault("F_GET_SEALS of an anonymous segment");
    if ((seals & resizing) != resizing) return make_fault(EINVAL, "an anonymous segment that is not sealed");
    return map_file(SegmentKind::anonymous, std::move(descriptor), bytes);
}

}  // namespace umach::runtime
