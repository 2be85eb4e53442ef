// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/item.hpp"

namespace umach::tasks {

void ItemWriter::put(std::uint32_t code, std::uint32_t bits, std::size_t number, const void* values) {
    msg_type_long_t type{};
    msg_type_t& head = type.msg_type_header;
    head.msg_type_inline = 1;
    const bool wide = number > 0xfff;
    if (wide) {
        head.msg_type_longform = 1;
        type.msg_type_long_name = static_cast<unsigned short>(code);
        type.msg_type_long_size = static_cast<unsigned short>(bits);
        type.msg_type_long_number = static_cast<unsigned>(number);
    } else {
        head.msg_type_name = code & 0xff;
        head.msg_type_size = bits & 0xff;
        head.msg_type_number = number & 0xfff;
    }
    const std::size_t whole = size_of_item(number, bits);
    const std::size_t descriptor = wide ? sizeof type : sizeof head;
    std::memset(at_, 0, whole);
    std::memcpy(at_, &type, descriptor);
    if (number != 0) std::memcpy(at_ + descriptor, values, number * bits / 8);
    at_ += whole;
}

ItemReader::Found ItemReader::take(std::uint32_t code, std::uint32_t bits, bool any_number) {
    msg_type_long_t type{};
    msg_type_t& head = type.msg_type_header;
    if (left_ < sizeof head) return {};
    std::memcpy(&type, at_, sizeof head);
    const bool wide = head.msg_type_longform != 0;
    const std::size_t descriptor = wide ? sizeof type : sizeof head;
    if (left_ < descriptor || (wide && !any_number)) return {};
    std::memcpy(&type, at_, descriptor);
    const std::size_t number = wide ? type.msg_type_long_number : head.msg_type_number;
    const bool fits = (wide ? type.msg_type_long_name : head.msg_type_name) == code &&
                      (wide ? type.msg_type_long_size : head.msg_type_size) == bits &&
                      head.msg_type_inline != 0 && (any_number || number == 1);
    const std::size_t bytes = (number * bits / 8 + 3) & ~std::size_t{3};
    if (!fits || bytes > left_ - descriptor) return {};
    const Found found{at_ + descriptor, number};
    at_ += descriptor + bytes;
    left_ -= descriptor + bytes;
    return found;
}

}  // namespace umach::tasks
