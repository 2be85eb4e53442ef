// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/packet.hpp"

namespace umach::netmsg {

void Writer::u32(std::uint32_t number) {
    for (unsigned shift = 0; shift < 32; shift += 8) u8(static_cast<std::uint8_t>(number >> shift));
}

void Writer::text(const std::string& text) {
    u8(static_cast<std::uint8_t>(text.size()));
    for (const char c : text) u8(static_cast<std::uint8_t>(c));
}

void Writer::right(const WireRight& right) {
    u8(static_cast<std::uint8_t>(right.kind));
    u32(right.id);
    u32(right.was);
}

View Reader::bytes(std::size_t count) {
    if (!ok_ || count > rest_.size()) {
        ok_ = false;
        return {};
    }
    const View taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
}

std::uint8_t Reader::u8() {
    const View one = bytes(1);
    return one.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(one[0]);
}

std::uint32_t Reader::u32() {
    const View four = bytes(4);
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < four.size(); ++i)
        number |= std::to_integer<std::uint32_t>(four[i]) << (8 * i);
    return number;
}

std::string Reader::text(std::size_t most) {
    const std::size_t length = u8();
    if (length > most) ok_ = false;
    std::string text;
    for (const std::byte byte : bytes(length)) text.push_back(static_cast<char>(byte));
    if (text.find('\0') != std::string::npos) ok_ = false;
    return ok_ ? text : std::string();
}

WireRight Reader::right() {
    const std::uint8_t kind = u8();
    WireRight right{RightKind::none, u32(), u32()};
    if (kind > static_cast<std::uint8_t>(RightKind::own_home)) ok_ = false;
    if (!ok_) return {};
    right.kind = static_cast<RightKind>(kind);
    return right;
}

}  // namespace umach::netmsg
