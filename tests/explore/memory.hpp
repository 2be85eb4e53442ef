// SPDX-License-Identifier: BSL-1.0
// The memory that every execution begins with as it was when the first one began.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/explore/explorer.hpp"

namespace umach::explore {

class Memory {
public:
    // copied: the part of it that is also written by who does not say so
    Memory(Range shared, Range copied);

    void note_change(const volatile void* address) { changed_[page_of(address)] = 1; }
    // All that was changed, or may have been copied, is as it was.
    // looks_at_all: whether anything else was changed, too
    // returns: a page that was, and is as it was again
    std::optional<std::size_t> restore(bool looks_at_all);
    // A number for all that is other than at first, and for what was told: whoever has the same one is alike.
    std::uint64_t digest(const std::string& told) const;

private:
    static constexpr std::size_t page_bytes = 4096;

    std::size_t page_of(const volatile void* address) const {
        return static_cast<std::size_t>(static_cast<const volatile std::byte*>(address) - shared_.begin) / page_bytes;
    }
    std::size_t length(std::size_t page) const;
    bool restore_page(std::size_t page);

    Range shared_;
    std::vector<std::byte> first_;
    std::vector<std::uint8_t> changed_, copied_;   // pages; whether
};

}  // namespace umach::explore
