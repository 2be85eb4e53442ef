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
    std::memset(text_ + at_, 0, whole);
    std::memcpy(text_ + at_, &type, descriptor);
    if (number != 0) std::memcpy(text_ + at_ + descriptor, values, number * bits / 8);
    at_ += whole;
}

void ItemWriter::put_pointer(std::uint32_t code, std::uint32_t bits, std::size_t number, const void* values, bool moves) {
    msg_type_long_t type{};
    type.msg_type_header.msg_type_longform = 1;
    type.msg_type_header.msg_type_deallocate = moves ? 1 : 0;
    type.msg_type_long_name = static_cast<unsigned short>(code);
    type.msg_type_long_size = static_cast<unsigned short>(bits);
    type.msg_type_long_number = static_cast<unsigned>(number);
    const std::size_t end = end_of_pointer(at_);
    std::memset(text_ + at_, 0, end - at_);
    std::memcpy(text_ + at_, &type, sizeof type);
    std::memcpy(text_ + end - sizeof values, &values, sizeof values);
    at_ = end;
}

ItemReader::Found ItemReader::take(std::uint32_t code, std::uint32_t bits, bool any_number) {
    msg_type_long_t type{};
    msg_type_t& head = type.msg_type_header;
    if (end_ - at_ < sizeof head) return {};
    std::memcpy(&type, text_ + at_, sizeof head);
    const bool wide = head.msg_type_longform != 0;
    const std::size_t descriptor = wide ? sizeof type : sizeof head;
    if (end_ - at_ < descriptor || (wide && !any_number)) return {};
    std::memcpy(&type, text_ + at_, descriptor);
    const std::size_t number = wide ? type.msg_type_long_number : head.msg_type_number;
    const bool fits = (wide ? type.msg_type_long_name : head.msg_type_name) == code &&
                      (wide ? type.msg_type_long_size : head.msg_type_size) == bits && (any_number || number == 1);
    if (!fits) return {};
    at_ += descriptor;
    if (head.msg_type_inline == 0) return any_number ? Found{take_pointer(number * bits / 8), number} : Found{};
    const std::size_t bytes = (number * bits / 8 + 3) & ~std::size_t{3};
    if (bytes > end_ - at_) return {};
    const Found found{text_ + at_, number};
    at_ += bytes;
    return found;
}

const std::byte* ItemReader::take_pointer(std::size_t bytes) {
    const std::size_t at = (at_ + 7) & ~std::size_t{7};
    if (at > end_ || end_ - at < sizeof(std::uint64_t)) return nullptr;
    at_ = at + sizeof(std::uint64_t);
    if (bytes == 0) return text_ + at;   // nothing there, but an item all the same
    const std::byte* says = nullptr;
    if (pointers_say_) std::memcpy(&says, text_ + at, sizeof says);
    else if (next_memory_ < memory_.size()) says = memory_[next_memory_++];
    return says;
}

}  // namespace umach::tasks
