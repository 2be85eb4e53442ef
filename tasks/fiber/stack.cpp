// SPDX-License-Identifier: BSL-1.0
#include "tasks/fiber/stack.hpp"

#include "runtime/bug.hpp"

#include <sys/mman.h>
#include <array>
#include <atomic>
#include <cstring>
#include <utility>

namespace umach::tasks {
namespace {

constexpr std::size_t page_bytes = 4096;
// The guard's page in between also makes the distance no power of two: or the tops of all stacks would share
// a few sets of the cache.
constexpr std::size_t stride = page_bytes + stack_bytes;
constexpr std::size_t stacks_a_slab = 64;
constexpr std::size_t slab_bytes = stacks_a_slab * stride;
constexpr int guard_install = 102;  // MADV_GUARD_INSTALL, which Debian 12's headers have not

using Canary = std::array<std::uint64_t, 8>;

// In the upper end of the guard's page, so that an overflow of less than a page breaks nothing else.
Canary* canary_of(const Stack& stack) noexcept {
    return reinterpret_cast<Canary*>(stack.low) - 1;
}

Canary pattern(const Stack& stack) noexcept {
    Canary words;
    words.fill(reinterpret_cast<std::uintptr_t>(stack.low) ^ 0x5afe'c0de'0dd5'7ac4u);
    return words;
}

std::atomic<std::size_t> ordinary_in_use{0};  // of the process, whose mappings are counted

void* map(std::size_t bytes) noexcept {
    void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    return at == MAP_FAILED ? nullptr : at;
}

bool kernel_has_light_guards() noexcept {
    static const bool has = [] {
        void* page = map(page_bytes);
        if (page == nullptr) return false;
        const bool installed = madvise(page, page_bytes, guard_install) == 0;
        munmap(page, page_bytes);
        return installed;
    }();
    return has;
}

// returns: false when the kind is used up, or the system refuses
bool guard_with_page(std::byte* at, std::size_t most) noexcept {
    if (ordinary_in_use.fetch_add(1) < most && mprotect(at, page_bytes, PROT_NONE) == 0) return true;
    ordinary_in_use.fetch_sub(1);
    return false;
}

}  // namespace

const char* name(Guard guard) noexcept {
    constexpr const char* names[] = {"light guard", "guard page", "canary"};
    return names[static_cast<std::size_t>(guard)];
}

void check_canary(const Stack& stack) noexcept {
    const bool below = static_cast<std::byte*>(__builtin_frame_address(0)) < stack.low;
    if (below || *canary_of(stack) != pattern(stack))
        runtime::bug(__FILE__, __LINE__, "a fiber's stack has overflowed: the canary below it is broken");
}

// Where stacks are cut from, the low end first; those that are free again are used first.
class Slab {
public:
    Slab(std::byte* at, std::size_t place) : position(place), at_(at) { free_.reserve(stacks_a_slab); }

    bool has_room() const noexcept { return cut_ < stacks_a_slab || !free_.empty(); }
    bool is_unused() const noexcept { return free_.size() == cut_; }

    Stack take(Guard best, std::size_t most_ordinary) noexcept {
        if (free_.empty()) return cut(best, most_ordinary);
        const Stack stack = free_.back();
        free_.pop_back();
        return stack;
    }
    void give(Stack stack) noexcept { free_.push_back(stack); }

    void unmap() const noexcept {
        munmap(at_, slab_bytes);
        ordinary_in_use.fetch_sub(ordinary_);
    }

    std::size_t position;  // among the pool's slabs
    Slab* next = nullptr;  // in the list of those with room
    Slab* previous = nullptr;

private:
    Stack cut(Guard best, std::size_t most_ordinary) noexcept {
        std::byte* page = at_ + stride * cut_++;
        Stack stack{page + page_bytes, this, Guard::canary};
        if (best == Guard::light && madvise(page, page_bytes, guard_install) == 0) {
            stack.guard = Guard::light;
        } else if (best != Guard::canary && guard_with_page(page, most_ordinary)) {
            stack.guard = Guard::page;
            ++ordinary_;
        }
        return stack;
    }

    std::byte* at_;
    std::size_t cut_ = 0;
    std::size_t ordinary_ = 0;
    std::vector<Stack> free_;
};

StackPool::StackPool(Guard best, std::size_t most_ordinary)
    : best_(best == Guard::light && !kernel_has_light_guards() ? Guard::page : best),
      most_ordinary_(most_ordinary) {
    warm_.reserve(warm_stacks);
}

StackPool::~StackPool() {
    for (const auto& slab : slabs_)
        if (!abandoned_) slab->unmap();
}

Guard StackPool::guard() const noexcept {
    return best_ == Guard::page && ordinary_in_use.load() >= most_ordinary_ ? Guard::canary : best_;
}

std::optional<Stack> StackPool::take() {
    Stack stack;
    if (!warm_.empty()) {
        stack = warm_.back();
        warm_.pop_back();
    } else {
        Slab* slab = with_room_ != nullptr ? with_room_ : new_slab();
        if (slab == nullptr) return std::nullopt;
        stack = slab->take(best_, most_ordinary_);
        if (!slab->has_room()) leave_list(slab);
    }
    if (stack.guard == Guard::canary) *canary_of(stack) = pattern(stack);
    return stack;
}

void StackPool::give(Stack stack) noexcept {
    if (warm_.size() < warm_stacks) return warm_.push_back(stack);
    std::byte* from = stack.guard == Guard::canary ? stack.low - page_bytes : stack.low;
    madvise(from, static_cast<std::size_t>(stack.top() - from), MADV_DONTNEED);
    Slab* slab = stack.slab;
    if (!slab->has_room()) enter_list(slab);
    slab->give(stack);
    const bool alone = slab->next == nullptr && slab->previous == nullptr;
    if (slab->is_unused() && !alone) unmap(slab);
}

Slab* StackPool::new_slab() {
    void* at = map(slab_bytes);
    if (at == nullptr) return nullptr;
    // Where huge pages are given unasked, every stack would be resident as soon as one of its slab is used.
    madvise(at, slab_bytes, MADV_NOHUGEPAGE);
    slabs_.push_back(std::make_unique<Slab>(static_cast<std::byte*>(at), slabs_.size()));
    enter_list(slabs_.back().get());
    return slabs_.back().get();
}

void StackPool::unmap(Slab* slab) noexcept {
    leave_list(slab);
    slab->unmap();
    const std::size_t position = slab->position;
    std::swap(slabs_[position], slabs_.back());
    slabs_[position]->position = position;
    slabs_.pop_back();
}

void StackPool::enter_list(Slab* slab) noexcept {
    slab->previous = nullptr;
    slab->next = with_room_;
    if (with_room_ != nullptr) with_room_->previous = slab;
    with_room_ = slab;
}

void StackPool::leave_list(Slab* slab) noexcept {
    (slab->previous != nullptr ? slab->previous->next : with_room_) = slab->next;
    if (slab->next != nullptr) slab->next->previous = slab->previous;
    slab->next = slab->previous = nullptr;
}

}  // namespace umach::tasks
