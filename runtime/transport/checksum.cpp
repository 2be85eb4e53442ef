// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/checksum.hpp"

#include <array>
#include <cstring>

namespace umach::transport {
namespace {

constexpr std::uint32_t polynomial = 0x82F6'3B78;  // Castagnoli's, bits reversed: x^0 is the highest

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Table make_table() {
    Table table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t sum = i;
        for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? polynomial : 0);
        table[0][i] = sum;
    }
    for (std::size_t row = 1; row < 8; ++row)
        for (std::size_t i = 0; i < 256; ++i)
            table[row][i] = (table[row - 1][i] >> 8) ^ table[0][table[row - 1][i] & 0xFF];
    return table;
}

constexpr Table table = make_table();

std::uint32_t at(View bytes, std::size_t i) {
    return std::to_integer<std::uint32_t>(bytes[i]);
}

}  // namespace

// Eight bytes a turn: each of the eight tables knows what a byte does that stands so far from the end.
std::uint32_t crc32c_by_tables(std::uint32_t sum, View bytes) {
    std::size_t i = 0;
    for (; i + 8 <= bytes.size(); i += 8) {
        std::uint32_t next = 0;
        for (unsigned k = 0; k < 4; ++k) next ^= table[7 - k][((sum >> (8 * k)) & 0xFF) ^ at(bytes, i + k)];
        for (unsigned k = 4; k < 8; ++k) next ^= table[7 - k][at(bytes, i + k)];
        sum = next;
    }
    for (; i < bytes.size(); ++i) sum = (sum >> 8) ^ table[0][(sum & 0xFF) ^ at(bytes, i)];
    return sum;
}

#if defined(__x86_64__)

namespace {

// The product of two polynomials, modulo Castagnoli's.
constexpr std::uint32_t product(std::uint32_t a, std::uint32_t b) {
    std::uint32_t sum = 0;
    for (int bit = 31; bit >= 0; --bit) {
        if (((a >> bit) & 1) != 0) sum ^= b;
        b = (b >> 1) ^ ((b & 1) != 0 ? polynomial : 0);
    }
    return sum;
}

// What a sum is multiplied by when so many bytes of zeros follow: x^8 for each.
constexpr std::uint32_t factor_of(std::size_t bytes) {
    std::uint32_t factor = 0x8000'0000, power = factor >> 8;
    for (; bytes > 0; bytes >>= 1) {
        if ((bytes & 1) != 0) factor = product(factor, power);
        power = product(power, power);
    }
    return factor;
}

std::uint64_t eight_at(View bytes, std::size_t place) {
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data() + place, sizeof number);
    return number;
}

// The instruction takes three cycles, and one can begin in each: of a large frame three thirds are summed at once.
constexpr std::size_t third = 21 * 1024;
constexpr std::size_t ahead = 512;  // bytes fetched before their turn: data out of line is in no cache near

[[gnu::target("sse4.2")]] std::uint32_t sum_of_thirds(std::uint32_t sum, View bytes) {
    constexpr std::uint32_t factor = factor_of(third);
    std::uint64_t first = sum, second = 0, last = 0;
    for (std::size_t i = 0; i < third; i += 8) {
        if (i % 64 == 0)
            for (std::size_t k = 0; k < 3; ++k) __builtin_prefetch(bytes.data() + i + k * third + ahead);
        first = __builtin_ia32_crc32di(first, eight_at(bytes, i));
        second = __builtin_ia32_crc32di(second, eight_at(bytes, i + third));
        last = __builtin_ia32_crc32di(last, eight_at(bytes, i + 2 * third));
    }
    second ^= product(factor, static_cast<std::uint32_t>(first));
    return product(factor, static_cast<std::uint32_t>(second)) ^ static_cast<std::uint32_t>(last);
}

[[gnu::target("sse4.2")]] std::uint32_t by_instruction(std::uint32_t sum, View bytes) {
    for (; bytes.size() >= 3 * third; bytes = bytes.subspan(3 * third)) sum = sum_of_thirds(sum, bytes);
    std::size_t i = 0;
    for (; i + 8 <= bytes.size(); i += 8)
        sum = static_cast<std::uint32_t>(__builtin_ia32_crc32di(sum, eight_at(bytes, i)));
    for (; i < bytes.size(); ++i) sum = __builtin_ia32_crc32qi(sum, static_cast<std::uint8_t>(at(bytes, i)));
    return sum;
}

}  // namespace

std::uint32_t crc32c(std::uint32_t sum, View bytes) {
    static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
    return has_instruction ? by_instruction(sum, bytes) : crc32c_by_tables(sum, bytes);
}

#else

std::uint32_t crc32c(std::uint32_t sum, View bytes) {
    return crc32c_by_tables(sum, bytes);
}

#endif

}  // namespace umach::transport
