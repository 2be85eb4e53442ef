// SPDX-License-Identifier: BSL-1.0
// The pool: memory that members of a host hand to each other. It is one sparse memory file, as large as it may ever get,
// which every member maps whole; a page of it costs nothing until it is reserved. So what one member has written another
// can read without mapping anything, and both name it by its offset.
//
// Always a sealed memfd, whatever kind the segment is: nobody can shrink it under a reader. It is handed over by
// descriptor. Children of a fork do not have the mapping, and core dumps do not show it.
#pragma once

#include "runtime/descriptor.hpp"
#include "runtime/fault.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace umach::runtime {

class SegmentMapping;

class Pool {
public:
    // takes: how many bytes of addresses; a power of two
    // returns: fewer where RLIMIT_FSIZE allows no larger file; a fault when they cannot be mapped
    static Outcome<Pool> create(std::uint64_t bytes);

    // Maps a pool that another member handed over.
    // takes: the descriptor, in every case
    // returns: a fault if it is no sealed memory file of this user's and that size
    static Outcome<Pool> attach(Descriptor descriptor, std::uint64_t bytes);

    Pool(Pool&&) noexcept;
    Pool& operator=(Pool&&) noexcept;
    ~Pool();

    std::byte* base() const noexcept { return base_; }
    std::uint64_t bytes() const noexcept { return bytes_; }
    int descriptor() const noexcept { return descriptor_.get(); }

    // The offset of an address in the pool.
    // returns: bytes() or more for one that is not in it
    std::uint64_t offset_of(std::uint64_t address) const noexcept {
        return address - reinterpret_cast<std::uint64_t>(base_);
    }

    // Makes sure that there is memory behind so many bytes; what was there already stays as it is, the rest is zero.
    // waits: some 100 us a MiB
    // returns: false when there is not so much memory; some of it may have been taken
    bool reserve(std::uint64_t offset, std::uint64_t bytes) noexcept;

    // Copies to reserved pages that this process has not touched yet; a fault for each costs more than the copy.
    // returns: how many bytes; fewer when `from` cannot be read
    std::uint64_t write(std::uint64_t offset, const void* from, std::uint64_t bytes) noexcept;

    // Gives memory back to the system; what is read there afterwards is zero.
    void release(std::uint64_t offset, std::uint64_t bytes) noexcept;

    // Maps a part of it as the whole is mapped, in place of whatever this process has there.
    // returns: false when the system refuses
    bool map_again(std::uint64_t offset, std::uint64_t bytes) noexcept;

    // Maps a part of it once more, in another way; a child of a fork does not have that mapping either.
    // takes: address: 0 for anywhere, at a multiple of 2^alignment_bits
    // returns: its address; 0 when there is no room for it, or none at that address
    struct How {
        int protection = 0;     // PROT_...
        bool copies = false;    // what is written there stays this process's own
    };
    std::uint64_t map_view(std::uint64_t offset, std::uint64_t bytes, How how, std::uint64_t address, unsigned alignment_bits) noexcept;

private:
    Pool(Descriptor descriptor, std::uint64_t bytes, std::unique_ptr<SegmentMapping> mapping) noexcept;

    Descriptor descriptor_;
    std::uint64_t bytes_;
    std::unique_ptr<SegmentMapping> mapping_;
    std::byte* base_;
};

}  // namespace umach::runtime
