// SPDX-License-Identifier: BSL-1.0
#include "tasks/fiber/ready.hpp"

namespace umach::tasks {
namespace {

// splitmix64, by Sebastiano Vigna (public domain).
std::uint64_t next_random(std::uint64_t& state) noexcept {
    std::uint64_t z = state += 0x9e37'79b9'7f4a'7c15u;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9u;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11ebu;
    return z ^ (z >> 31);
}

void unlink(Link& link) noexcept {
    link.previous->next = link.next;
    link.next->previous = link.previous;
}

}  // namespace

void ReadyQueue::insert(Ring& ring, Fiber& fiber) noexcept {
    if (seeded_) {
        fiber.place = mixed_.size();
        return mixed_.push_back(&fiber);
    }
    Link& after = &ring == &first_ ? static_cast<Link&>(ring) : *ring.previous;
    fiber.previous = &after;
    fiber.next = after.next;
    after.next = after.next->previous = &fiber;
}

void ReadyQueue::remove(Fiber& fiber) noexcept {
    if (!seeded_) return unlink(fiber);
    mixed_.back()->place = fiber.place;
    mixed_[fiber.place] = mixed_.back();
    mixed_.pop_back();
}

Fiber* ReadyQueue::pick() noexcept {
    if (seeded_) return pick_at_random();
    Ring& ring = first_.is_empty() || !may_jump() ? last_ : first_;
    if (ring.is_empty()) return nullptr;
    if (&ring == &last_) jumps_ = 0;
    Fiber& fiber = static_cast<Fiber&>(*ring.next);
    unlink(fiber);
    return &fiber;
}

Fiber* ReadyQueue::pick_at_random() noexcept {
    jumps_ = 0;
    if (mixed_.empty()) return nullptr;
    const std::uint64_t high = next_random(random_) >> 32;
    Fiber& fiber = *mixed_[high * mixed_.size() >> 32];
    remove(fiber);
    return &fiber;
}

bool ReadyQueue::may_jump() noexcept {
    const bool somebody_waits = seeded_ ? !mixed_.empty() : !last_.is_empty();
    if (somebody_waits && jumps_ >= most_jumps) return false;
    ++jumps_;
    return true;
}

void ReadyQueue::clear() noexcept {
    first_.clear();
    last_.clear();
    mixed_.clear();
}

void ReadyQueue::seed(std::uint64_t seed, std::size_t fibers) {
    std::vector<Fiber*> all;
    all.reserve(fibers);
    if (seeded_) all.swap(mixed_);
    while (Fiber* fiber = seeded_ ? nullptr : pick()) all.push_back(fiber);
    random_ = seed;
    seeded_ = seed != 0;
    jumps_ = 0;
    reserve(fibers);
    for (Fiber* fiber : all) push_last(*fiber);
}

void ReadyQueue::reserve(std::size_t fibers) {
    if (seeded_ && mixed_.capacity() < fibers) mixed_.reserve(2 * fibers);
}

}  // namespace umach::tasks
