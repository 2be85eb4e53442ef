// SPDX-License-Identifier: BSL-1.0
// Inside runtime/segment: a mapping, and the parts that the kinds of segment have in common.
// Boost.Interprocess maps all three kinds; its mapped_region takes anything that has a mapping handle.
#pragma once

#include <boost/interprocess/mapped_region.hpp>

#include "runtime/segment/segment.hpp"

namespace umach::runtime {

class SegmentMapping {
public:
    explicit SegmentMapping(boost::interprocess::mapped_region region) : region_(std::move(region)) {}

    void* base() const noexcept { return region_.get_address(); }
    std::size_t bytes() const noexcept { return region_.get_size(); }

private:
    boost::interprocess::mapped_region region_;
};

// What makes segments: a static function a kind and way, called by `Segment`.
class SegmentMaker {
public:
    static Outcome<Segment> create_anonymous(std::size_t bytes);
    static Outcome<Segment> create_posix(std::size_t bytes);
    static Outcome<Segment> create_sysv(std::size_t bytes);
    static Outcome<Segment> attach_anonymous(Descriptor descriptor, std::size_t bytes);
    static Outcome<Segment> attach_posix(Descriptor descriptor, std::size_t bytes);
    static Outcome<Segment> attach_sysv(int id, std::size_t bytes);

private:
    static Outcome<Segment> map_file(SegmentKind kind, Descriptor descriptor, std::size_t bytes);
    static Outcome<Segment> map_sysv(int id, std::size_t bytes);
};

// Maps `bytes` of a descriptor, or of a System V id, and keeps them from forked children and core dumps.
Outcome<std::unique_ptr<SegmentMapping>> map_segment(int handle, bool sysv, std::size_t bytes);

// Whether the machine has that much memory to give now. Taking more ends in the OOM killer, not in an error:
// a segment without a limit of its own must not be tried. limits: a smaller cgroup limit is not seen.
Outcome<void> check_available(std::size_t bytes);

// Gives a new, empty file mode 0600 and `bytes` of memory that is really there.
// returns: a fault, EFBIG too where the process's RLIMIT_FSIZE would otherwise end it by SIGXFSZ.
Outcome<void> reserve_file(int descriptor, std::size_t bytes);

// Whether a file that was handed over is ours, has that size, and all of its memory.
Outcome<void> check_file(int descriptor, std::size_t bytes);

}  // namespace umach::runtime
