// SPDX-License-Identifier: BSL-1.0
// A segment: the one piece of memory that the members of a host share. Three kinds under one contract:
//
//   anonymous  memfd. Sealed: nobody can resize it. Handed over by descriptor, inherited by fork.
//   posix      a file of /dev/shm without a name (O_TMPFILE). Handed over by descriptor. Cannot be sealed: a
//              member that truncates it kills the others by SIGBUS; members are trusted not to.
//   sysv       shmget. Handed over by id. Neither sealed nor allocated ahead: every page is touched once
//              instead.
//
// A segment has no name, so nothing stale can exist: its last holder's end, however it comes, frees it. The
// memory is reserved when it is made: too little is a fault of `create` and never a SIGBUS later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime/descriptor.hpp"
#include "runtime/fault.hpp"

namespace umach::runtime {

enum class SegmentKind : std::uint32_t { anonymous, posix, sysv };

class SegmentMapping;

// A mapping of a segment, read and write, and what it takes to hand the segment on. The mapping is not
// inherited by fork (a child that touches it faults) and not part of a core dump. Unmapped when the object
// goes.
class Segment {
public:
    // Makes a segment of zeros, mode 0600, of `bytes` rounded up to whole pages, and maps it.
    // returns: a fault if memory or the system's tables are exhausted (ENOSPC, ENOMEM, EMFILE), if the
    // process may not make files that large (EFBIG), or if `bytes` is 0 (EINVAL). Nothing stays behind then,
    // nor when the maker is killed on the way.
    static Outcome<Segment> create(SegmentKind kind, std::size_t bytes);

    // Maps a segment that another member handed over: `anonymous` and `posix` by descriptor, `sysv` by id.
    // takes: the descriptor, in every case.
    // returns: a fault if the segment is of another kind or size (EINVAL), belongs to another user (EPERM),
    // can be resized although it is anonymous, or has gone.
    static Outcome<Segment> attach(SegmentKind kind, Descriptor descriptor, std::size_t bytes);
    static Outcome<Segment> attach(SegmentKind kind, int sysv_id, std::size_t bytes);

    Segment(Segment&&) noexcept;
    Segment& operator=(Segment&&) noexcept;
    ~Segment();

    void* base() const noexcept;
    std::size_t bytes() const noexcept;
    SegmentKind kind() const noexcept { return kind_; }

    // What to hand over. `descriptor` is -1 for `sysv`, `sysv_id` is -1 for the others. The descriptor stays
    // ours.
    int descriptor() const noexcept { return descriptor_.get(); }
    int sysv_id() const noexcept { return sysv_id_; }

private:
    friend class SegmentMaker;
    Segment(SegmentKind kind, Descriptor descriptor, int sysv_id,
            std::unique_ptr<SegmentMapping> mapping) noexcept;

    SegmentKind kind_;
    int sysv_id_;
    Descriptor descriptor_;
    std::unique_ptr<SegmentMapping> mapping_;
};

}  // namespace umach::runtime
