// SPDX-License-Identifier: BSL-1.0
// What the compiler calls in code that it was told to watch (-fsanitize=thread), and what that code calls of the system to
// wait. Each atomic access is made here, all with the same order, after the explorer was asked.
#include <cerrno>
#include <cstdint>
#include <ctime>

#include "runtime/wait.hpp"
#include "tests/explore/explorer.hpp"

using umach::explore::Access;

namespace {

constexpr int sequential = __ATOMIC_SEQ_CST;

inline void ask(const volatile void* address, Access access, bool orders) {
    if (access == Access::load && !umach::explore::loads_count) return;
    if (umach::explore::watched.has(address)) [[unlikely]] umach::explore::before(address, access, orders);
}

}  // namespace

// Accesses that are not atomic are a part's own, but for the copies of a message's bytes.
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_atomic_thread_fence(int) {}
void __tsan_atomic_signal_fence(int) {}
void __tsan_read_range(void*, std::size_t) {}
void __tsan_write_range(void* address, std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += 8) ask(static_cast<char*>(address) + at, Access::store, false);
}

#define PLAIN(size)                                                                                      \
    void __tsan_read##size(void*) {}                                                                     \
    void __tsan_unaligned_read##size(void*) {}                                                           \
    void __tsan_write##size(void* address) { ask(address, Access::store, false); }    \
    void __tsan_unaligned_write##size(void* address) { ask(address, Access::store, false); }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

#define ATOMIC(bits, type)                                                                               \
    type __tsan_atomic##bits##_load(const volatile type* at, int order) {                                \
        ask(at, Access::load, order == sequential);                                   \
        return __atomic_load_n(at, sequential);                                                          \
    }                                                                                                    \
    void __tsan_atomic##bits##_store(volatile type* at, type value, int order) {                         \
        ask(at, Access::store, order == sequential);                                  \
        __atomic_store_n(at, value, sequential);                                                         \
    }                                                                                                    \
    type __tsan_atomic##bits##_exchange(volatile type* at, type value, int) {                            \
        ask(at, Access::change, true);                                                \
        return __atomic_exchange_n(at, value, sequential);                                               \
    }                                                                                                    \
    type __tsan_atomic##bits##_fetch_add(volatile type* at, type value, int) {                           \
        ask(at, Access::change, true);                                                \
        return __atomic_fetch_add(at, value, sequential);                                                \
    }                                                                                                    \
    type __tsan_atomic##bits##_fetch_sub(volatile type* at, type value, int) {                           \
        ask(at, Access::change, true);                                                \
        return __atomic_fetch_sub(at, value, sequential);                                                \
    }                                                                                                    \
    type __tsan_atomic##bits##_fetch_and(volatile type* at, type value, int) {                           \
        ask(at, Access::change, true);                                                \
        return __atomic_fetch_and(at, value, sequential);                                                \
    }                                                                                                    \
    type __tsan_atomic##bits##_fetch_or(volatile type* at, type value, int) {                            \
        ask(at, Access::change, true);                                                \
        return __atomic_fetch_or(at, value, sequential);                                                 \
    }                                                                                                    \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type* at, type* expected, type value, int, int) {    \
        ask(at, Access::change, true);                                                \
        return __atomic_compare_exchange_n(at, expected, value, false, sequential, sequential) ? 1 : 0;  \
    }                                                                                                    \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile type* at, type* expected, type value, int, int) {      \
        ask(at, Access::change, true);                                                \
        return __atomic_compare_exchange_n(at, expected, value, false, sequential, sequential) ? 1 : 0;  \
    }
ATOMIC(8, std::uint8_t)
ATOMIC(16, std::uint16_t)
ATOMIC(32, std::uint32_t)
ATOMIC(64, std::uint64_t)

// Whoever finds a lock busy calls these.
int sched_yield() noexcept {
    umach::explore::make_way(0);
    return 0;
}
int (nanosleep)(const timespec* time, timespec*) {
    umach::explore::make_way(time->tv_nsec);
    return 0;
}
}

// In the place of runtime/wait.cpp. Somebody else may go on, or this one die, just before it looks at the word and sleeps,
// and just before it wakes who sleeps there.
namespace umach::runtime {

constinit thread_local std::atomic<std::uint32_t> quiet_interruptions [[gnu::tls_model("initial-exec")]] {0};

unsigned longest_spin() noexcept { return 0; }

WaitEnd futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) noexcept {
    const auto until = deadline.is_never() ? INT64_MAX : deadline.instant().time_since_epoch().count();
    const auto* const raw = reinterpret_cast<const volatile std::uint32_t*>(&word);
    ask(raw, Access::change, true);
    return explore::sleep_at(raw, expected, until) == ETIMEDOUT ? WaitEnd::deadline : WaitEnd::rung;
}

int futex_wake(const std::atomic<std::uint32_t>& word, int count) noexcept {
    const auto* const raw = reinterpret_cast<const volatile std::uint32_t*>(&word);
    ask(raw, Access::change, true);
    return explore::wake_at(raw, count);
}

}  // namespace umach::runtime
