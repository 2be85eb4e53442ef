// SPDX-License-Identifier: BSL-1.0
// Inputs without a fuzzer of the compiler's: good ones, changed by dice that a seed fixes. Most changes keep
// the rest of an input as it is, so that they come far; a frame's checksum is made right again half the time.
#include <algorithm>
#include <array>

#include "runtime/transport/frame.hpp"
#include "tests/fuzz/targets.hpp"

namespace umach::fuzz {
namespace {

constexpr std::size_t most_bytes = 9'000;
constexpr std::array<std::uint32_t, 10> telling{0,      1,           2,           64,          0x7F,
                                                0x1000, 0x7FFF'FFFF, 0x8000'0000, 0x8000'0001, 0xFFFF'FFFF};

}  // namespace

// splitmix64
std::size_t Mutator::below(std::size_t count) {
    std::uint64_t mixed = state_ += 0x9E37'79B9'7F4A'7C15;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58'476D'1CE4'E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D0'49BB'1331'11EB;
    return static_cast<std::size_t>((mixed ^ (mixed >> 31)) % count);
}

void Mutator::change(Bytes& bytes) {
    const std::size_t at = bytes.empty() ? 0 : below(bytes.size());
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (bytes.empty() ? 4 : below(7)) {
        case 0: bytes[at] ^= static_cast<std::byte>(1u << below(8)); break;
        case 1: bytes[at] = static_cast<std::byte>(below(256)); break;
        case 2: {
            const std::uint32_t number = telling[below(telling.size())];
            for (std::size_t i = 0; i < 4 && at + i < bytes.size(); ++i)
                bytes[at + i] = static_cast<std::byte>(number >> (8 * i));
            break;
        }
        case 3:
            bytes.erase(place, place + static_cast<std::ptrdiff_t>(
                                           1 + below(std::min<std::size_t>(bytes.size() - at, 16))));
            break;
        case 4:
            bytes.insert(bytes.empty() ? bytes.begin() : place, 1 + below(16),
                         static_cast<std::byte>(below(256)));
            break;
        case 5: bytes.resize(at); break;
        case 6: {
            const Bytes& other = corpus_[below(corpus_.size())];
            bytes.resize(at);
            bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(below(other.size())),
                         other.end());
            break;
        }
    }
}

Bytes Mutator::next() {
    Bytes bytes = corpus_[below(corpus_.size())];
    for (std::size_t changes = below(5); changes > 0 && bytes.size() < most_bytes; --changes) change(bytes);
    // What the checksum would hide.
    const auto frame = transport::decode_frame(bytes, most_bytes);
    if (frame.fault != transport::FrameFault::checksum || below(2) == 0) return bytes;
    Bytes right;
    transport::encode_frame(frame.head, frame.body, right);
    return right;
}

}  // namespace umach::fuzz
