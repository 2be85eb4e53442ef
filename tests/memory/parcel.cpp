// SPDX-License-Identifier: BSL-1.0
#include "parcel.hpp"

#include "ports/region.hpp"

#include <random>

namespace umach::tests {

Parcel::Parcel(port_t to, msg_id_t id) {
    header() = {};
    header().msg_simple = 1;
    header().msg_size = sizeof(msg_header_t);
    header().msg_remote_port = to;
    header().msg_id = id;
}

void Parcel::put(const void* bytes, std::size_t size) {
    MUST(header().msg_size + size <= sizeof text_);
    std::memcpy(text_ + header().msg_size, bytes, size);
    header().msg_size += static_cast<msg_size_t>(size);
}

void Parcel::put_pointer(unsigned code, unsigned bits, std::size_t number, const void* at, bool deallocate) {
    msg_type_long_t type{};
    type.msg_type_header.msg_type_longform = 1;
    type.msg_type_header.msg_type_deallocate = deallocate ? 1 : 0;
    type.msg_type_long_name = static_cast<unsigned short>(code);
    type.msg_type_long_size = static_cast<unsigned short>(bits);
    type.msg_type_long_number = static_cast<unsigned>(number);
    put(&type, sizeof type);
    const std::uint64_t zero = 0;
    put(&zero, (8 - header().msg_size % 8) % 8);
    put(&at, sizeof at);
    header().msg_simple = 0;
}

Parcel& Parcel::data(const void* at, std::size_t bytes, bool deallocate) {
    put_pointer(MSG_TYPE_BYTE, 8, bytes, at, deallocate);
    return *this;
}

Parcel& Parcel::names(const port_t* at, unsigned number, unsigned code, bool deallocate) {
    put_pointer(code, 32, number, at, deallocate);
    return *this;
}

Parcel& Parcel::in_line(std::string_view text) {
    msg_type_t type{};
    type.msg_type_name = MSG_TYPE_CHAR;
    type.msg_type_size = 8;
    type.msg_type_number = text.size() & 0xfff;
    type.msg_type_inline = 1;
    put(&type, sizeof type);
    put(text.data(), text.size());
    const std::uint64_t zero = 0;
    put(&zero, (4 - header().msg_size % 4) % 4);
    return *this;
}

msg_return_t Parcel::send(msg_option_t options, msg_timeout_t timeout) {
    return msg_send(&header(), options, timeout);
}

msg_return_t Parcel::receive(port_t from, msg_option_t options, msg_timeout_t timeout) {
    header().msg_local_port = from;
    header().msg_size = sizeof text_;
    return msg_receive(&header(), options, timeout);
}

msg_return_t Parcel::rpc(port_t reply) {
    header().msg_local_port = reply;
    return msg_rpc(&header(), MSG_OPTION_NONE, sizeof text_, 0, 0);
}

std::vector<Parcel::Part> Parcel::parts() {
    std::vector<Part> parts;
    for (std::size_t at = sizeof(msg_header_t); at + sizeof(msg_type_t) <= header().msg_size;) {
        msg_type_long_t type{};
        std::memcpy(&type, text_ + at, sizeof(msg_type_t));
        const bool wide = type.msg_type_header.msg_type_longform != 0;
        if (wide) std::memcpy(&type, text_ + at, sizeof type);
        const std::size_t bits = wide ? type.msg_type_long_size : type.msg_type_header.msg_type_size;
        const std::size_t number = wide ? type.msg_type_long_number : type.msg_type_header.msg_type_number;
        const unsigned code = wide ? type.msg_type_long_name : type.msg_type_header.msg_type_name;
        const bool here = type.msg_type_header.msg_type_inline != 0;
        at += wide ? sizeof type : sizeof(msg_type_t);
        const std::size_t bytes = number * bits / 8;
        char* data = text_ + at;
        if (!here) {
            at = (at + 7) & ~std::size_t{7};
            std::memcpy(&data, text_ + at, sizeof data);
        }
        at += here ? (bytes + 3) & ~std::size_t{3} : sizeof data;
        parts.push_back({code, here, data, bytes});
    }
    return parts;
}

char* allocate(std::size_t bytes, char first) {
    vm_address_t at = 0;
    MUST(vm_allocate(task_self(), &at, bytes, TRUE) == KERN_SUCCESS);
    auto* memory = reinterpret_cast<char*>(at);
    fill(memory, bytes, first);
    return memory;
}

void deallocate(const void* at, std::size_t bytes) {
    MUST(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(at), bytes) == KERN_SUCCESS);
}

void fill(char* at, std::size_t bytes, char first) {
    for (std::size_t i = 0; i < bytes; ++i) at[i] = static_cast<char>(first + static_cast<char>(i * 7 + i / 4096));
}

bool is_filled(const char* at, std::size_t bytes, char first) {
    for (std::size_t i = 0; i < bytes; ++i)
        if (at[i] != static_cast<char>(first + static_cast<char>(i * 7 + i / 4096))) return false;
    return true;
}

void play(port_name_t shared, unsigned seed) {
    const port_name_t own = new_port();
    std::minstd_rand random(seed);
    std::vector<std::pair<char*, std::size_t>> mine;
    for (;;) {
        const std::size_t bytes = 1 + random() % (6 * page);
        switch (random() % 6) {
            case 0: mine.emplace_back(allocate(bytes), bytes); break;
            case 1:
            case 2: {
                if (mine.empty()) break;
                const bool gives = random() % 2 == 0;
                const auto [at, size] = mine.back();
                const auto code = Parcel(random() % 2 == 0 ? shared : own).data(at, size, gives).send(SEND_TIMEOUT, 0);
                MUST(code == SEND_SUCCESS || code == SEND_TIMED_OUT || code == SEND_INVALID_PORT || code == SEND_KERNEL_REFUSED);
                if (gives && code == SEND_SUCCESS) mine.pop_back();
                break;
            }
            case 3:
            case 4: {
                Parcel got;
                if (got.receive(own, RCV_TIMEOUT, 0) != RCV_SUCCESS) break;
                if (got.part().bytes != 0) mine.emplace_back(got.part().at, got.part().bytes);
                break;
            }
            default:
                if (mine.empty()) break;
                deallocate(mine.back().first, mine.back().second);
                mine.pop_back();
        }
        if (mine.size() > 20) deallocate(mine.front().first, mine.front().second), mine.erase(mine.begin());
    }
}

InUse in_use() {
    ports::Kernel& k = kernel();
    InUse used;
    for (std::uint32_t i = 1; i < k.zone(ports::zone_regions).fresh(); ++i) {
        if (k.region(i).identity.get().life != ports::Life::live) continue;
        ++used.regions;
        used.pages += k.region(i).pages;
    }
    return used;
}

}  // namespace umach::tests
