// SPDX-License-Identifier: BSL-1.0
#include "runtime/segment/segment.hpp"

#include <cerrno>
#include <cstdint>

#include <unistd.h>

#include "runtime/segment/mapping.hpp"

namespace umach::runtime {

namespace {

// returns: `bytes` in whole pages; 0 for 0 and for what no address space holds.
std::size_t whole_pages(std::size_t bytes) noexcept {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    if (bytes > PTRDIFF_MAX - page) return 0;
    return (bytes + page - 1) / page * page;
}

Fault no_such_size(std::size_t bytes) {
    return make_fault(EINVAL, "a segment of " + std::to_string(bytes) + " bytes");
}

Fault no_such_kind(SegmentKind kind) {
    return make_fault(EINVAL, "a segment of kind " + std::to_string(static_cast<std::uint32_t>(kind)));
}

}  // namespace

Segment::Segment(SegmentKind kind, Descriptor descriptor, int sysv_id,
                 std::unique_ptr<SegmentMapping> mapping) noexcept
    : kind_(kind), sysv_id_(sysv_id), descriptor_(std::move(descriptor)), mapping_(std::move(mapping)) {}

Segment::Segment(Segment&&) noexcept = default;
Segment& Segment::operator=(Segment&&) noexcept = default;
Segment::~Segment() = default;

void* Segment::base() const noexcept { return mapping_->base(); }
std::size_t Segment::bytes() const noexcept { return mapping_->bytes(); }

Outcome<Segment> Segment::create(SegmentKind kind, std::size_t bytes) {
    const std::size_t rounded = whole_pages(bytes);
    if (rounded == 0) return no_such_size(bytes);
    switch (kind) {
        case SegmentKind::anonymous: return SegmentMaker::create_anonymous(rounded);
        case SegmentKind::posix: return SegmentMaker::create_posix(rounded);
        case SegmentKind::sysv: return SegmentMaker::create_sysv(rounded);
    }
    return no_such_kind(kind);
}

Outcome<Segment> Segment::attach(SegmentKind kind, Descriptor descriptor, std::size_t bytes) {
    const std::size_t rounded = whole_pages(bytes);
    if (rounded == 0) return no_such_size(bytes);
    switch (kind) {
        case SegmentKind::anonymous: return SegmentMaker::attach_anonymous(std::move(descriptor), rounded);
        case SegmentKind::posix: return SegmentMaker::attach_posix(std::move(descriptor), rounded);
        case SegmentKind::sysv: break;
    }
    return no_such_kind(kind);
}

Outcome<Segment> Segment::attach(SegmentKind kind, int sysv_id, std::size_t bytes) {
    const std::size_t rounded = whole_pages(bytes);
    if (rounded == 0) return no_such_size(bytes);
    if (kind != SegmentKind::sysv) return no_such_kind(kind);
    return SegmentMaker::attach_sysv(sysv_id, rounded);
}

}  // namespace umach::runtime
