// SPDX-License-Identifier: BSL-1.0
#include "tests/explore/memory.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace umach::explore {
namespace {

// Eight words at a time, so that no product waits for the one before.
std::uint64_t digest_of(const std::byte* begin, std::size_t bytes, std::uint64_t seed) {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    std::array<std::uint64_t, 8> sums{seed};
    for (std::size_t at = 0; at < bytes; at += sizeof sums) {
        std::array<std::uint64_t, 8> words{};
        std::memcpy(words.data(), begin + at, std::min(sizeof words, bytes - at));
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = (std::rotl(sums[i], 29) ^ words[i]) * odd;
    }
    std::uint64_t all = 0;
    for (const std::uint64_t sum : sums) all = (std::rotl(all, 29) ^ sum ^ sum >> 32) * odd;
    return all;
}

}  // namespace

Memory::Memory(Range shared, Range copied)
    : shared_(shared), first_(shared.begin, shared.begin + shared.bytes), changed_(shared.bytes / page_bytes + 1, 1),
      copied_(changed_.size(), 0) {
    for (std::size_t at = 0; at < copied.bytes; ++at) copied_[page_of(copied.begin + at)] = 1;
}

std::size_t Memory::length(std::size_t page) const { return std::min(page_bytes, shared_.bytes - page * page_bytes); }

// returns: whether it had been changed
bool Memory::restore_page(std::size_t page) {
    const std::size_t begin = page * page_bytes;
    changed_[page] = 0;
    if (std::memcmp(shared_.begin + begin, first_.data() + begin, length(page)) == 0) return false;
    std::memcpy(shared_.begin + begin, first_.data() + begin, length(page));
    return true;
}

std::optional<std::size_t> Memory::restore(bool looks_at_all) {
    std::optional<std::size_t> unexpected;
    for (std::size_t page = 0; page * page_bytes < shared_.bytes; ++page) {
        const bool expected = (changed_[page] | copied_[page]) != 0;
        if ((expected || looks_at_all) && restore_page(page) && !expected) unexpected = page;
    }
    return unexpected;
}

// A page that was changed and is as it was may have been seen as changed, or not: it counts in neither case.
std::uint64_t Memory::digest(const std::string& told) const {
    std::uint64_t sum = std::hash<std::string>()(told);
    for (std::size_t page = 0; page * page_bytes < shared_.bytes; ++page) {
        const std::size_t begin = page * page_bytes;
        const bool expected = (changed_[page] | copied_[page]) != 0;
        if (!expected || std::memcmp(shared_.begin + begin, first_.data() + begin, length(page)) == 0) continue;
        sum = digest_of(shared_.begin + begin, length(page), sum + page);
    }
    return sum;
}

}  // namespace umach::explore
