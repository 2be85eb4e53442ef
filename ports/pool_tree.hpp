// SPDX-License-Identifier: BSL-1.0
// Which addresses of the pool are free: a buddy allocator as one binary tree. Its leaves are the blocks; the byte of each
// node says how large a run of free blocks lies below it: 1 + the run's order, 0 for none. A run of 2^n blocks begins at a
// multiple of 2^n, so two free neighbours under one node are one run, and no list is needed to find that out. A change is
// one path from a node to the root: at most 22 words of a step. The host's lock guards it.
#pragma once

#include "ports/kernel.hpp"

#include <optional>

namespace umach::ports {

class PoolTree {
public:
    explicit PoolTree(Kernel& k) : k_(k), blocks_(static_cast<std::uint32_t>(k.pool().bytes() >> block_bits)) {}

    // Bytes of the tree, and of the map behind it, for a pool of that size.
    static std::uint64_t bytes_for(std::uint64_t pool_bytes) { return (pool_bytes >> block_bits) * (2 + sizeof(std::uint32_t)); }

    std::uint32_t blocks() const { return blocks_; }

    // Makes everything free, in a host that nobody else knows yet.
    void clear();

    // returns: the first block of a free run of 2^order blocks, which is free no more; nothing when there is none
    std::optional<std::uint32_t> allocate(KernelStep& s, std::uint32_t order);
    void free(KernelStep& s, std::uint32_t block, std::uint32_t order);

    // The order of the largest free run; nothing when all is taken.
    std::optional<std::uint32_t> largest() const;

    // How many blocks below a node are free, as its leaves say: for the audit.
    std::uint32_t free_blocks() const { return free_below(1, order_of_root()); }
    // Whether every node says what its children say.
    bool is_consistent() const { return is_consistent_below(1, order_of_root()); }
    bool is_free(std::uint32_t block, std::uint32_t order = 0) const;

    // The region whose addresses begin at a block: a hint, to be confirmed by the region's record.
    std::atomic<std::uint32_t>& region_at(std::uint32_t block) const { return map()[block]; }

private:
    std::uint32_t order_of_root() const { return static_cast<std::uint32_t>(std::bit_width(blocks_) - 1); }
    Count* words() const { return reinterpret_cast<Count*>(k_.machine().base() + k_.header().pool_tree.get()); }
    std::atomic<std::uint32_t>* map() const {
        return reinterpret_cast<std::atomic<std::uint32_t>*>(reinterpret_cast<std::byte*>(words()) + 2 * std::uint64_t{blocks_});
    }
    std::uint8_t at(std::uint32_t node) const { return static_cast<std::uint8_t>(words()[node / 8].get() >> node % 8 * 8); }
    void set(KernelStep& s, std::uint32_t node, std::uint8_t value);
    void update_above(KernelStep& s, std::uint32_t node, std::uint32_t order);
    std::uint8_t joined(std::uint32_t node, std::uint32_t order) const;
    std::uint32_t free_below(std::uint32_t node, std::uint32_t order) const;
    bool is_consistent_below(std::uint32_t node, std::uint32_t order) const;

    Kernel& k_;
    std::uint32_t blocks_;
};

}  // namespace umach::ports
