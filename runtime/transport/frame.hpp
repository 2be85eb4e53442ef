// SPDX-License-Identifier: BSL-1.0
// A frame, as it stands on the wire: a head of 40 bytes and a body. All numbers are little-endian and at
// fixed places, whatever the machine.
//
//    0  'u' 'M'        4  length of the body     16  sequence
//    2  version, 1     8  incarnation of the     24  acknowledged: every frame before this one has come
//    3  kind              sender's end           32  selected: bit i, frame acknowledged + 1 + i has come too
//                                                36  checksum: CRC-32C of the 36 bytes before, and the body
//
// An *incarnation* is a random number that an end draws when it is made; it tells a peer that came back from
// the one that was there. Frames of a link are numbered from 0, and frame 0 is the hello.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace umach::transport {

using Bytes = std::vector<std::byte>;
using View = std::span<const std::byte>;
using Parts = std::span<const View>;  // bytes that stand in several places, in their order

inline constexpr std::size_t frame_head_bytes = 40;
inline constexpr std::uint8_t frame_version = 1;

enum class FrameKind : std::uint8_t {
    hello = 1,        // the first of a link
    data = 2,         // what somebody sent
    acknowledge = 3,  // nothing but what has come; not numbered
    bye = 4,          // the last
    beat = 5,         // the sender lives
};

struct FrameHead {
    FrameKind kind = FrameKind::data;
    std::uint32_t length = 0;
    std::uint64_t incarnation = 0;
    std::uint64_t sequence = 0;
    std::uint64_t acknowledged = 0;
    std::uint32_t selected = 0;
};

// Appends the head of a frame to `out`. The length is the body's, whatever the head says.
void encode_head(const FrameHead& head, Parts body, Bytes& out);
// Appends all of the frame.
void encode_frame(const FrameHead& head, View body, Bytes& out);

enum class FrameFault { none, incomplete, not_a_frame, version, kind, length, checksum };

struct Decoded {
    FrameFault fault = FrameFault::incomplete;
    FrameHead head;         // valid when there is no fault
    View body;              // within the bytes given
    std::size_t bytes = 0;  // of the whole frame
};

// Reads the frame that `bytes` begin with. Looks at nothing past what has come, and believes nothing before
// it has checked it: a wrong head is found without waiting for the body.
// limits: `most` bytes of body, which is `length` otherwise
Decoded decode_frame(View bytes, std::size_t most);

// returns: what a fault is called in a reason, "a frame of another version"
const char* text_of(FrameFault fault);

}  // namespace umach::transport
