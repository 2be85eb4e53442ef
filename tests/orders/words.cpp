// SPDX-License-Identifier: BSL-1.0
#include "tests/orders/words.hpp"

#include "runtime/wait.hpp"

#include <cxxabi.h>
#include <linux/futex.h>

#include <cstring>

namespace umach::orders {

Tables tables;
bool executes = false;
const Weakening* weakening = nullptr;
std::uint64_t weakened = 0;
Seen (*seen)() = nullptr;

namespace {

struct Fate {
    unsigned accesses_left = 0;
    std::checked_atomic<std::uint32_t>* life = nullptr;
    bool dead = false;
};
std::array<Fate, 4> fates;

// A sequentially consistent load sees what happened before any sequentially consistent fence that stands before it in
// their one order (C++20, [atomics.order] 4.2); relacy says so of fences among each other only. Here a first, relaxed
// load knows what is behind the fences, and the second can see nothing older than it did. It has learnt nothing else.
std::uint64_t load_in_the_one_order(Tracked& word) {
    const Seen mine = seen();
    const auto self = static_cast<int>(rl::ctx().threadx_->index_);
    std::array<rl::timestamp_t, 4> order{}, fenced{};
    for (int i = 0; i < mine.threads; ++i) {
        order[static_cast<std::size_t>(i)] = mine.order[i];
        fenced[static_cast<std::size_t>(i)] = mine.behind_a_fence[i];
        if (i != self) mine.order[i] = std::max(mine.order[i], rl::ctx().seq_cst_fence_order_[i]);
    }
    word.load(rl::mo_relaxed, RL_INFO);
    for (int i = 0; i < mine.threads; ++i) {
        if (i != self) mine.order[i] = order[static_cast<std::size_t>(i)];
        mine.behind_a_fence[i] = fenced[static_cast<std::size_t>(i)];
    }
    return word.load(rl::mo_seq_cst, RL_INFO).value;
}

// ---- accesses -----------------------------------------------------------------------------------------------------

rl::memory_order order_of(std::memory_order order) {
    switch (order) {
    case std::memory_order_relaxed: return rl::mo_relaxed;
    case std::memory_order_consume: return rl::mo_consume;
    case std::memory_order_acquire: return rl::mo_acquire;
    case std::memory_order_release: return rl::mo_release;
    case std::memory_order_acq_rel: return rl::mo_acq_rel;
    default: return rl::mo_seq_cst;
    }
}

// Compilers say with what arguments a template was called, or not.
bool is_in(Access access, const char* function) {
    const std::size_t length = std::strlen(function);
    if (std::strncmp(access.function, function, length) != 0) return false;
    return access.function[length] == 0 || access.function[length] == '<';
}

rl::memory_order order_of(Access access) {
    const bool weak = weakening != nullptr && access.order == weakening->right && is_in(access, weakening->function);
    if (!weak) return order_of(access.order);
    ++weakened;
    return order_of(weakening->wrong);
}

// Half of what both acquires and releases.
rl::memory_order order_of_load(Access access) {
    const rl::memory_order order = order_of(access);
    return order == rl::mo_acq_rel ? rl::mo_acquire : order == rl::mo_release ? rl::mo_relaxed : order;
}
rl::memory_order order_of_store(Access access) {
    const rl::memory_order order = order_of(access);
    return order == rl::mo_acq_rel ? rl::mo_release : order == rl::mo_acquire ? rl::mo_relaxed : order;
}

rl::debug_info place_of(Access access) { return {access.function}; }

History known(History& word) {
    if (word == 0) {
        word = static_cast<History>(tables.words.size());
        tables.words.emplace_back();
    }
    return word;
}

Kept& kept(History& word) { return tables.words[known(word)]; }

Tracked& begin_history(Kept& one) {
    one.tracked.emplace();
    one.tracked->store(one.outside, rl::mo_relaxed, RL_INFO);
    return *one.tracked;
}

Tracked& tracked(History& word) {
    Kept& one = kept(word);
    if (one.tracked) return *one.tracked;
    tables.touched.push_back(word);
    tables.incomplete = true;
    const rl::preemption_disabler at_once(rl::ctx());
    return begin_history(one);
}

Fate& fate() { return fates[static_cast<std::size_t>(rl::ctx().threadx_->index_)]; }

// Each thread's own exceptions: relacy switches between them at accesses, in handlers too.
class OwnExceptions {
public:
    OwnExceptions() { std::memcpy(&caught_, abi::__cxa_get_globals(), sizeof caught_); }
    ~OwnExceptions() { std::memcpy(static_cast<void*>(abi::__cxa_get_globals()), &caught_, sizeof caught_); }
    OwnExceptions(const OwnExceptions&) = delete;
    OwnExceptions& operator=(const OwnExceptions&) = delete;

private:
    std::array<void*, 2> caught_;
};

// returns: false when the thread is dead
bool lives_on() {
    Fate& mine = fate();
    if (mine.dead) return false;
    if (mine.life == nullptr || mine.accesses_left-- != 0) return true;
    auto& life = *mine.life;
    mine.life = nullptr;
    life.store(FUTEX_OWNER_DIED | FUTEX_WAITERS, std::memory_order_release);
    mine.dead = true;
    return false;
}

std::uint64_t changed(Change how, std::uint64_t value, std::uint64_t by) {
    switch (how) {
    case Change::exchange: return by;
    case Change::add: return value + by;
    case Change::subtract: return value - by;
    case Change::bits_or: return value | by;
    default: return value & by;
    }
}

}  // namespace

std::uint64_t load(History& word, Access access) noexcept {
    if (!executes) return kept(word).outside;
    const OwnExceptions own;
    if (!lives_on()) return 0;
    const rl::memory_order order = order_of_load(access);
    if (order != rl::mo_seq_cst) return tracked(word).load(order, place_of(access)).value;
    rl::ctx().sched();
    const rl::preemption_disabler at_once(rl::ctx());
    return load_in_the_one_order(tracked(word));
}

void store(History& word, std::uint64_t value, Access access) noexcept {
    if (!executes) {
        kept(word).outside = value;
        return;
    }
    const OwnExceptions own;
    if (lives_on()) tracked(word).store(value, order_of_store(access), place_of(access));
}

std::uint64_t change(History& word, Change how, std::uint64_t by, Access access) noexcept {
    if (!executes) {
        const std::uint64_t before = kept(word).outside;
        kept(word).outside = changed(how, before, by);
        return before;
    }
    const OwnExceptions own;
    if (!lives_on()) return 0;
    const rl::memory_order order = order_of(access);
    const rl::debug_info at = place_of(access);
    switch (how) {
    case Change::exchange: return tracked(word).exchange(by, order, at).value;
    case Change::add: return tracked(word).fetch_add(by, order, at).value;
    case Change::subtract: return tracked(word).fetch_sub(by, order, at).value;
    case Change::bits_or: return tracked(word).fetch_or(by, order, at).value;
    default: return tracked(word).fetch_and(by, order, at).value;
    }
}

bool compare_exchange(History& word, std::uint64_t& expected, std::uint64_t wanted, bool weak, Access access) noexcept {
    if (!executes) {
        const std::uint64_t before = kept(word).outside;
        if (before == expected) kept(word).outside = wanted;
        return std::exchange(expected, before) == before;
    }
    const OwnExceptions own;
    if (!lives_on()) return true;
    Word value = expected;
    const rl::memory_order order = order_of(access);
    Tracked& known_word = tracked(word);
    const bool done = weak ? known_word.compare_exchange_weak(value, wanted, order, place_of(access))
                           : known_word.compare_exchange_strong(value, wanted, order, place_of(access));
    expected = value.value;
    return done;
}

void fence(Access access) noexcept {
    if (!executes) return;
    const OwnExceptions own;
    if (!lives_on()) return;
    rl::ctx().sched();
    const rl::memory_order order = order_of(access);
    if (order != rl::mo_relaxed) fence_of_relacy(order, place_of(access));
}

// ---- for the threads of a scene -----------------------------------------------------------------------------------

void require(bool condition, const char* what) {
    if (!condition && !fate().dead) rl::ctx().fail_test(what, rl::test_result_user_assert_failed, RL_INFO);
}

unsigned choose(unsigned choices) { return rl::rand(choices); }

namespace {

rl::var<int>& plain(History& index) {
    if (index == 0) {
        tables.plain.emplace_back();
        index = static_cast<History>(tables.plain.size());
    }
    auto& place = tables.plain[index - 1];
    if (!place) place.emplace();
    return *place;
}

}  // namespace

void Plain::write(int value) { plain(history_)(RL_INFO) = value; }
int Plain::read() const { return plain(history_)(RL_INFO); }

void die_before(unsigned access, std::checked_atomic<std::uint32_t>& life) { fate() = {access, &life, false}; }

// ---- histories ----------------------------------------------------------------------------------------------------

void begin_histories() {
    fates.fill({});
    executes = true;
    for (const History word : tables.touched) begin_history(tables.words[word]);
}

void end_histories() {
    executes = false;
    for (const History word : tables.touched) tables.words[word].tracked.reset();
    for (auto& one : tables.plain) one.reset();
}

void drop_histories() {
    executes = false;
    for (const History word : tables.touched) new (&tables.words[word].tracked) std::optional<Tracked>();
    for (auto& one : tables.plain) new (&one) std::optional<rl::var<int>>();
}

}  // namespace umach::orders

// ---- what the kernel asks of the system in order to wait ----------------------------------------------------------

using umach::orders::executes;

// Whoever finds a lock busy calls these.
extern "C" int sched_yield() noexcept {
    if (!executes) return 0;
    const umach::orders::OwnExceptions own;
    rl::ctx().yield(1, RL_INFO);
    return 0;
}
extern "C" int (nanosleep)(const timespec*, timespec*) { return sched_yield(); }

// In the place of runtime/wait.cpp. No sleep ends by itself here: who is not woken sleeps for ever, and relacy notices.
namespace umach::runtime {

constinit thread_local std::atomic<std::uint32_t> quiet_interruptions [[gnu::tls_model("initial-exec")]] {0};

unsigned longest_spin() noexcept { return 0; }

namespace {

orders::Tracked& history_of(const std::atomic<std::uint32_t>& word) {
    return orders::tracked(*reinterpret_cast<orders::History*>(const_cast<std::atomic<std::uint32_t>*>(&word)));
}

}  // namespace

// The system compares the word as it is in memory, and none of the sleeper's looks is ordered by that.
WaitEnd futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline) noexcept {
    const orders::OwnExceptions own;
    orders::Tracked& bell = history_of(word);
    if (bell.fetch_or(0, rl::mo_relaxed, RL_INFO).value == expected) bell.wait(rl::ctx(), false, false, RL_INFO);
    return WaitEnd::rung;
}

int futex_wake(const std::atomic<std::uint32_t>& word, int count) noexcept {
    const orders::OwnExceptions own;
    orders::Tracked& bell = history_of(word);
    return bell.wake(rl::ctx(), count, RL_INFO);
}

}  // namespace umach::runtime
