// SPDX-License-Identifier: BSL-1.0
// Memory of the server's own that came out of a message, or is to go in one: data out of line on its way.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <mach.h>

namespace umach::netmsg {

// Owns what vm_allocate or a message gave, or nothing.
class Memory {
public:
    Memory() = default;
    Memory(std::byte* first, std::size_t bytes) : first_(first), bytes_(bytes) {}
    Memory(Memory&& other) noexcept : first_(other.first_), bytes_(other.release()) {}
    Memory& operator=(Memory&& other) noexcept;
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() { give_back(); }

    // With anything in it, to be written to whole; its last page is zero behind it.
    // returns: nothing owned when there is no such memory to be had
    static Memory allocate(std::size_t bytes);

    std::span<std::byte> bytes() const { return {first_, bytes_}; }
    std::size_t size() const { return bytes_; }
    // returns: how much it was; it is somebody else's
    std::size_t release() { return std::exchange(bytes_, 0); }

private:
    void give_back();

    std::byte* first_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace umach::netmsg
