// SPDX-License-Identifier: BSL-1.0
// A message with out-of-line items, built by hand as a Mach 2.5 program builds it, and what came in one.
#pragma once

#include "../tasks/processes.hpp"

#include <mach.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace umach::tests {

inline constexpr std::size_t page = 4096;

class Parcel {
public:
    explicit Parcel(port_t to = PORT_NULL, msg_id_t id = 0);

    Parcel& data(const void* at, std::size_t bytes, bool deallocate = false);
    Parcel& names(const port_t* at, unsigned number, unsigned code = MSG_TYPE_PORT, bool deallocate = false);
    Parcel& in_line(std::string_view text);

    msg_return_t send(msg_option_t options = MSG_OPTION_NONE, msg_timeout_t timeout = 0);
    msg_return_t receive(port_t from, msg_option_t options = RCV_TIMEOUT, msg_timeout_t timeout = 5'000);
    msg_return_t rpc(port_t reply);

    msg_header_t& header() { return *reinterpret_cast<msg_header_t*>(text_); }

    // The items of the message, as they stand in it.
    struct Part {
        unsigned code;
        bool in_line;
        char* at;
        std::size_t bytes;
    };
    std::vector<Part> parts();
    Part part(std::size_t number = 0) { return parts().at(number); }

private:
    void put(const void* bytes, std::size_t size);
    void put_pointer(unsigned code, unsigned bits, std::size_t number, const void* at, bool deallocate);

    alignas(8) char text_[MSG_SIZE_MAX];
};

// Memory from vm_allocate, filled with a pattern.
char* allocate(std::size_t bytes, char first = 0);
void deallocate(const void* at, std::size_t bytes);
void fill(char* at, std::size_t bytes, char first);
bool is_filled(const char* at, std::size_t bytes, char first);

// One that allocates, sends, receives and deallocates as fast as it can, until it is killed.
[[noreturn]] void play(port_name_t shared, unsigned seed);

// What the host's tasks have in regions, in pages, and how many regions there are, the stock not counted.
struct InUse {
    std::uint64_t pages = 0, regions = 0;
    bool operator==(const InUse&) const = default;
};
InUse in_use();

}  // namespace umach::tests
