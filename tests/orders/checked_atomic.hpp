// SPDX-License-Identifier: BSL-1.0
// What stands for std::atomic in a kernel that is compiled to be checked: words whose accesses are relacy's, so that a
// load may see any value that C++'s memory model lets it see. Included before all else; the kernel's text is as it is.
//
// A word has its size in the kernel and lies where it lies there. In place of its value it names its history; all bytes
// zero is a word that has none yet, and is 0.
#pragma once

// What of the standard library the kernel includes has to be read before its names change their meaning.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace umach::orders {

using History = std::uint32_t;
enum class Change { exchange, add, subtract, bits_or, bits_and };

// Where the kernel accesses a word, and with what order.
struct Access {
    std::memory_order order;
    const char* function;
};

std::uint64_t load(History& word, Access access) noexcept;
void store(History& word, std::uint64_t value, Access access) noexcept;
std::uint64_t change(History& word, Change how, std::uint64_t by, Access access) noexcept;
bool compare_exchange(History& word, std::uint64_t& expected, std::uint64_t wanted, bool weak, Access access) noexcept;
void fence(Access access) noexcept;

}  // namespace umach::orders

namespace std {

template <class T>
class checked_atomic {
public:
    constexpr checked_atomic() noexcept = default;
    constexpr checked_atomic(T value) noexcept {
        if (value != T{}) store(value, memory_order_relaxed);
    }
    checked_atomic(const checked_atomic&) = delete;
    checked_atomic& operator=(const checked_atomic&) = delete;

    T load(memory_order order = memory_order_seq_cst, const char* at = __builtin_FUNCTION()) const noexcept {
        return value_of(umach::orders::load(history_, {order, at}));
    }
    void store(T value, memory_order order = memory_order_seq_cst, const char* at = __builtin_FUNCTION()) noexcept {
        umach::orders::store(history_, word_of(value), {order, at});
    }
    T exchange(T value, memory_order order = memory_order_seq_cst, const char* at = __builtin_FUNCTION()) noexcept {
        return change(umach::orders::Change::exchange, value, {order, at});
    }
    T fetch_add(T value, memory_order order = memory_order_seq_cst, const char* at = __builtin_FUNCTION()) noexcept {
        return change(umach::orders::Change::add, value, {order, at});
    }
    T fetch_sub(T value, memory_order order = memory_order_seq_cst, const char* at = __builtin_FUNCTION()) noexcept {
        return change(umach::orders::Change::subtract, value, {order, at});
    }
    T fetch_or(T value, memory_order order = memory_order_seq_cst, const char* at = __builtin_FUNCTION()) noexcept {
        return change(umach::orders::Change::bits_or, value, {order, at});
    }
    T fetch_and(T value, memory_order order = memory_order_seq_cst, const char* at = __builtin_FUNCTION()) noexcept {
        return change(umach::orders::Change::bits_and, value, {order, at});
    }
    bool compare_exchange_strong(T& expected, T wanted, memory_order order = memory_order_seq_cst,
                                 const char* at = __builtin_FUNCTION()) noexcept {
        return compare_exchange(expected, wanted, false, {order, at});
    }
    bool compare_exchange_weak(T& expected, T wanted, memory_order order = memory_order_seq_cst,
                               const char* at = __builtin_FUNCTION()) noexcept {
        return compare_exchange(expected, wanted, true, {order, at});
    }

private:
    using Bits = conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
    static uint64_t word_of(T value) noexcept { return bit_cast<Bits>(value); }
    static T value_of(uint64_t word) noexcept { return bit_cast<T>(static_cast<Bits>(word)); }

    T change(umach::orders::Change how, T by, umach::orders::Access access) noexcept {
        return value_of(umach::orders::change(history_, how, word_of(by), access));
    }
    bool compare_exchange(T& expected, T wanted, bool weak, umach::orders::Access access) noexcept {
        uint64_t found = word_of(expected);
        const bool done = umach::orders::compare_exchange(history_, found, word_of(wanted), weak, access);
        expected = value_of(found);
        return done;
    }

    alignas(T) mutable umach::orders::History history_ = 0;
};

inline void checked_atomic_thread_fence(memory_order order, const char* at = __builtin_FUNCTION()) noexcept {
    umach::orders::fence({order, at});
}

}  // namespace std

#define atomic checked_atomic
#define atomic_thread_fence checked_atomic_thread_fence
