// SPDX-License-Identifier: BSL-1.0
#include "tasks/fiber/timers.hpp"

namespace umach::tasks {

bool Timers::before(const Entry& a, const Entry& b) noexcept {
    return a.at != b.at ? a.at < b.at : a.sequence < b.sequence;
}

void Timers::put(std::size_t place, const Entry& entry) noexcept {
    heap_[place] = entry;
    entry.fiber->timer = place + 1;
}

void Timers::sift_up(std::size_t place, const Entry& entry) noexcept {
    for (std::size_t parent; place != 0 && before(entry, heap_[parent = (place - 1) / 2]); place = parent)
        put(place, heap_[parent]);
    put(place, entry);
}

void Timers::sift_down(std::size_t place, const Entry& entry) noexcept {
    for (std::size_t child; (child = 2 * place + 1) < heap_.size(); place = child) {
        if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
        if (!before(heap_[child], entry)) break;
        put(place, heap_[child]);
    }
    put(place, entry);
}

void Timers::add(Fiber& fiber, runtime::Instant at) noexcept {
    const Entry entry{at, added_++, &fiber};
    heap_.push_back(entry);
    sift_up(heap_.size() - 1, entry);
}

void Timers::remove(Fiber& fiber) noexcept {
    if (fiber.timer == 0) return;
    const std::size_t place = fiber.timer - 1;
    fiber.timer = 0;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (last.fiber == &fiber) return;
    if (place != 0 && before(last, heap_[(place - 1) / 2]))
        sift_up(place, last);
    else
        sift_down(place, last);
}

runtime::Deadline Timers::earliest() const noexcept {
    return heap_.empty() ? runtime::Deadline::never() : runtime::Deadline::at(heap_.front().at);
}

Fiber* Timers::pop(runtime::Instant now) noexcept {
    if (heap_.empty() || heap_.front().at > now) return nullptr;
    Fiber* fiber = heap_.front().fiber;
    remove(*fiber);
    return fiber;
}

void Timers::reserve(std::size_t fibers) {
    if (heap_.capacity() < fibers) heap_.reserve(2 * fibers);
}

}  // namespace umach::tasks
