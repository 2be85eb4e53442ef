// SPDX-License-Identifier: BSL-1.0
// A log-linear histogram of tick counts, precise to 1/128, that needs no allocation.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace bench {

class Histogram {
public:
    void add(std::uint64_t value, std::uint32_t weight = 1) {
        counts_[index_of(value)] += weight;
        total_ += weight;
    }

    void add(const Histogram& other) {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
        total_ += other.total_;
    }

    std::uint64_t total() const { return total_; }

    double quantile(double q) const {
        if (total_ == 0) return 0;
        const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(total_ - 1));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > rank) return middle_of(i);
        }
        return 0;
    }

private:
    static constexpr unsigned sub_bits = 7;
    static constexpr std::uint64_t sub_count = 1U << sub_bits;
    static constexpr unsigned octaves = 34;  // up to 2^40 ticks, minutes

    static std::size_t index_of(std::uint64_t value) {
        if (value < sub_count) return value;
        const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - sub_bits - 1;
        if (shift + 1 >= octaves) return octaves * sub_count - 1;
        return (shift + 1) * sub_count + (value >> shift) - sub_count;
    }

    static double middle_of(std::size_t index) {
        if (index < sub_count) return static_cast<double>(index);
        const std::size_t shift = index / sub_count - 1;
        const std::uint64_t low = (index % sub_count + sub_count) << shift;
        return static_cast<double>(low) + static_cast<double>((std::uint64_t{1} << shift) - 1) / 2;
    }

    std::array<std::uint32_t, octaves * sub_count> counts_{};
    std::uint64_t total_ = 0;
};

}  // namespace bench
