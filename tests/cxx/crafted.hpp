// SPDX-License-Identifier: BSL-1.0
// Messages made by hand, as a hostile sender would: bodies that no MessageWriter writes.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include <umach/umach.hpp>

namespace umach::test {

/// A message that was received with this body.
inline Message received(std::span<const std::byte> body, bool simple = true) {
    auto buffer = std::make_unique<MessageBuffer>();
    std::copy(body.begin(), body.end(), buffer->body.begin());
    buffer->header.msg_size = static_cast<msg_size_t>(sizeof(msg_header_t) + body.size());
    buffer->header.msg_simple = simple ? TRUE : FALSE;
    return Message(std::move(buffer));
}

inline Message received(const MessageWriter& writer) {
    return received(writer.body());
}

inline void append(std::vector<std::byte>& body, const void* data, std::size_t bytes) {
    const auto* first = static_cast<const std::byte*>(data);
    body.insert(body.end(), first, first + bytes);
}

inline msg_type_t short_descriptor(unsigned type, unsigned bits, unsigned number) {
    msg_type_t descriptor{};
    descriptor.msg_type_name = type & 0xffU;
    descriptor.msg_type_size = bits & 0xffU;
    descriptor.msg_type_number = number & 0xfffU;
    descriptor.msg_type_inline = 1;
    return descriptor;
}

inline std::vector<std::byte> body_of(const msg_type_t& descriptor, std::size_t data_bytes) {
    std::vector<std::byte> body;
    append(body, &descriptor, sizeof descriptor);
    body.resize(body.size() + data_bytes);
    return body;
}

}  // namespace umach::test
