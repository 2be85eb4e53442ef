// SPDX-License-Identifier: BSL-1.0
// The words of shared memory. Everything that two processes share is made of 64-bit words: a word is read by a plain
// load and written through a Step, which notes the old value first. Shared memory holds indices and generations,
// never an address.
#pragma once

#include <atomic>
#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace umach::runtime {

template <class T>
concept WordSized = std::is_trivially_copyable_v<T> && sizeof(T) == sizeof(std::uint64_t);

// A word that a lock guards. Whoever reads one without the lock must read it again under the lock before acting on it:
// a step that is under way writes in place, and may yet be taken back.
template <WordSized T>
class Field {
public:
    T get() const { return std::bit_cast<T>(word_.load(std::memory_order_acquire)); }
    operator T() const { return get(); }

    // For two who each say something first and then look what the other has said, so that one at least sees the other:
    // who has said it in an atomic word (a sequentially consistent store or change) looks here; who has said it here, in
    // a step, looks there behind a sequentially consistent fence. An acquire would not do: it may come before the store.
    T look() const { return std::bit_cast<T>(word_.load()); }

    // For words that nobody else can see yet, or that belong to the writing carrier alone.
    void put(T value) { word_.store(std::bit_cast<std::uint64_t>(value), std::memory_order_release); }
    std::atomic<std::uint64_t>& word() { return word_; }

private:
    std::atomic<std::uint64_t> word_;
};

using Count = Field<std::uint64_t>;

// Names a record of a zone. Index 0 is no record; a record that was freed and used again has another generation.
template <class Record>
struct Ref {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;

    explicit operator bool() const { return index != 0; }
    bool operator==(const Ref&) const = default;
};

// Two ends of a list, or the two links of one of its members: indices into a zone, 0 is none.
struct Pair {
    std::uint32_t first = 0;    // head, or previous
    std::uint32_t second = 0;   // tail, or next

    bool operator==(const Pair&) const = default;
};

}  // namespace umach::runtime
