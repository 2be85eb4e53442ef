// SPDX-License-Identifier: BSL-1.0
#include "ports/pool_tree.hpp"

#include <algorithm>

namespace umach::ports {
namespace {

constexpr std::uint8_t wholly_free(std::uint32_t order) { return static_cast<std::uint8_t>(order + 1); }

}  // namespace

void PoolTree::set(KernelStep& s, std::uint32_t node, std::uint8_t value) {
    Count& word = words()[node / 8];
    const std::uint32_t shift = node % 8 * 8;
    s.set(word, (word.get() & ~(std::uint64_t{0xff} << shift)) | std::uint64_t{value} << shift);
}

// What a node of an order says when its children say what they say.
std::uint8_t PoolTree::joined(std::uint32_t node, std::uint32_t order) const {
    const std::uint8_t left = at(2 * node), right = at(2 * node + 1);
    if (left == wholly_free(order - 1) && right == wholly_free(order - 1)) return wholly_free(order);
    return std::max(left, right);
}

void PoolTree::update_above(KernelStep& s, std::uint32_t node, std::uint32_t order) {
    for (node /= 2, ++order; node != 0; node /= 2, ++order) {
        const std::uint8_t value = joined(node, order);
        if (value == at(node)) return;
        set(s, node, value);
    }
}

void PoolTree::clear() {
    std::uint32_t order = order_of_root();
    for (std::uint32_t node = 1; node < 2 * blocks_; ++node) {
        if (std::has_single_bit(node) && node != 1) --order;
        Count& word = words()[node / 8];
        word.put(word.get() | std::uint64_t{wholly_free(order)} << node % 8 * 8);
    }
}

std::optional<std::uint32_t> PoolTree::allocate(KernelStep& s, std::uint32_t order) {
    std::uint32_t node = 1, at_order = order_of_root();
    if (order > at_order || at(node) < wholly_free(order)) return std::nullopt;
    for (; at_order > order; --at_order) node = at(2 * node) >= wholly_free(order) ? 2 * node : 2 * node + 1;
    set(s, node, 0);
    update_above(s, node, order);
    return (node << order) - blocks_;
}

void PoolTree::free(KernelStep& s, std::uint32_t block, std::uint32_t order) {
    const std::uint32_t node = (blocks_ + block) >> order;
    set(s, node, wholly_free(order));
    update_above(s, node, order);
}

std::optional<std::uint32_t> PoolTree::largest() const {
    const std::uint8_t root = at(1);
    if (root == 0) return std::nullopt;
    return root - 1u;
}

// ---- for the audit -------------------------------------------------------------------------------------------------

std::uint32_t PoolTree::free_below(std::uint32_t node, std::uint32_t order) const {
    const std::uint8_t says = at(node);
    if (says == wholly_free(order)) return 1u << order;
    if (says == 0) return 0;
    return free_below(2 * node, order - 1) + free_below(2 * node + 1, order - 1);
}

// Below a run that is wholly free, or was given out as a whole, nobody looks.
bool PoolTree::is_consistent_below(std::uint32_t node, std::uint32_t order) const {
    const std::uint8_t says = at(node);
    if (order == 0 || says == wholly_free(order) || says == 0) return says <= wholly_free(order);
    return says == joined(node, order) && is_consistent_below(2 * node, order - 1) && is_consistent_below(2 * node + 1, order - 1);
}

// From the root down: what the nodes below a run say that is wholly free, or was given out as a whole, means nothing.
bool PoolTree::is_free(std::uint32_t block, std::uint32_t order) const {
    for (std::uint32_t above = order_of_root();; --above) {
        const std::uint8_t says = at((blocks_ + block) >> above);
        if (says == wholly_free(above)) return true;
        if (says == 0 || above == order) return false;
    }
}

}  // namespace umach::ports
