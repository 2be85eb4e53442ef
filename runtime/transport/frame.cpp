// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/frame.hpp"

#include "runtime/transport/checksum.hpp"

namespace umach::transport {
namespace {

constexpr std::size_t checksum_at = 36;

std::uint8_t at(View bytes, std::size_t i) {
    return std::to_integer<std::uint8_t>(bytes[i]);
}

template <class Number>
Number get(View bytes, std::size_t place) {
    Number number = 0;
    for (std::size_t i = 0; i < sizeof number; ++i)
        number = static_cast<Number>(number | static_cast<Number>(at(bytes, place + i)) << (8 * i));
    return number;
}

template <class Number>
void put(Bytes& out, Number number) {
    for (std::size_t i = 0; i < sizeof number; ++i) out.push_back(static_cast<std::byte>(number >> (8 * i)));
}

std::uint32_t checksum(View head, Parts body) {
    std::uint32_t sum = crc32c(~0u, head.first(checksum_at));
    for (const View part : body) sum = crc32c(sum, part);
    return ~sum;
}

FrameFault fault_in_head(View bytes, std::size_t most) {
    const char begin[] = {'u', 'M', static_cast<char>(frame_version)};
    for (std::size_t i = 0; i < sizeof begin && i < bytes.size(); ++i)
        if (at(bytes, i) != static_cast<std::uint8_t>(begin[i]))
            return i == 2 ? FrameFault::version : FrameFault::not_a_frame;
    if (bytes.size() > 3 && (at(bytes, 3) < 1 || at(bytes, 3) > 5)) return FrameFault::kind;
    if (bytes.size() >= 8 && get<std::uint32_t>(bytes, 4) > most) return FrameFault::length;
    return bytes.size() < frame_head_bytes ? FrameFault::incomplete : FrameFault::none;
}

}  // namespace

void encode_head(const FrameHead& head, Parts body, Bytes& out) {
    const std::size_t begin = out.size();
    std::size_t length = 0;
    for (const View part : body) length += part.size();
    for (const char c : {'u', 'M'}) out.push_back(static_cast<std::byte>(c));
    put(out, frame_version);
    put(out, static_cast<std::uint8_t>(head.kind));
    put(out, static_cast<std::uint32_t>(length));
    put(out, head.incarnation);
    put(out, head.sequence);
    put(out, head.acknowledged);
    put(out, head.selected);
    put(out, checksum(View(out).subspan(begin), body));
}

void encode_frame(const FrameHead& head, View body, Bytes& out) {
    out.reserve(out.size() + frame_head_bytes + body.size());
    encode_head(head, {&body, 1}, out);
    out.insert(out.end(), body.begin(), body.end());
}

Decoded decode_frame(View bytes, std::size_t most) {
    Decoded decoded;
    decoded.fault = fault_in_head(bytes, most);
    if (decoded.fault != FrameFault::none) return decoded;
    FrameHead& head = decoded.head;
    head.kind = static_cast<FrameKind>(at(bytes, 3));
    head.length = get<std::uint32_t>(bytes, 4);
    head.incarnation = get<std::uint64_t>(bytes, 8);
    head.sequence = get<std::uint64_t>(bytes, 16);
    head.acknowledged = get<std::uint64_t>(bytes, 24);
    head.selected = get<std::uint32_t>(bytes, 32);
    decoded.bytes = frame_head_bytes + head.length;
    if (bytes.size() < decoded.bytes) {
        decoded.fault = FrameFault::incomplete;
        return decoded;
    }
    decoded.body = bytes.subspan(frame_head_bytes, head.length);
    if (checksum(bytes, {&decoded.body, 1}) != get<std::uint32_t>(bytes, checksum_at))
        decoded.fault = FrameFault::checksum;
    return decoded;
}

const char* text_of(FrameFault fault) {
    switch (fault) {
        case FrameFault::none: return "a frame";
        case FrameFault::incomplete: return "a part of a frame";
        case FrameFault::not_a_frame: return "bytes that are no frame";
        case FrameFault::version: return "a frame of another version";
        case FrameFault::kind: return "a frame of an unknown kind";
        case FrameFault::length: return "a frame that is too long";
        case FrameFault::checksum: return "a frame with a wrong checksum";
    }
    return "bytes that are no frame";
}

}  // namespace umach::transport
