// SPDX-License-Identifier: BSL-1.0
// Region: memory of this task that it owns, from vm_allocate or out of a message, and gives back at its end.
//
// Moved into a message it reaches the receiver without being copied, however large it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <mach/vm_interface.h>
#include <mach_init.h>
#include <umach/result.hpp>

namespace umach {

class Region {
public:
    Region() = default;
    /// takes: memory that is the task's own.
    explicit Region(std::span<std::byte> memory) noexcept : memory_(memory) {}
    Region(Region&& other) noexcept : memory_(other.release()) {}
    Region& operator=(Region&& other) noexcept {
        if (this != &other) {
            reset();
            memory_ = other.release();
        }
        return *this;
    }
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
    ~Region() { reset(); }

    /// returns: so many bytes of zeros; KERN_RESOURCE_SHORTAGE, as vm_allocate().
    [[nodiscard]] static Result<Region> allocate(std::size_t bytes) { return allocate(bytes, TRUE); }
    /// returns: the same with anything in it, for who writes all of it.
    [[nodiscard]] static Result<Region> for_overwrite(std::size_t bytes) { return allocate(bytes, VM_ANYWHERE_UNSET); }

    [[nodiscard]] std::byte* data() const noexcept { return memory_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return memory_.size(); }
    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return memory_; }
    /// The memory as an array; what is left over at its end is not in it. It begins where a T may stand, unless it
    /// came from elsewhere in the middle of a page.
    template <typename T>
    [[nodiscard]] std::span<T> as() const noexcept {
        return {reinterpret_cast<T*>(memory_.data()), memory_.size() / sizeof(T)};
    }
    explicit operator bool() const noexcept { return !memory_.empty(); }

    /// returns: the memory, which somebody else owns from here on.
    std::span<std::byte> release() noexcept { return std::exchange(memory_, {}); }
    void reset() noexcept {
        if (const auto memory = release(); !memory.empty()) {
            vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(memory.data()), memory.size());
        }
    }

private:
    static Result<Region> allocate(std::size_t bytes, boolean_t anywhere) {
        vm_address_t address = 0;
        const kern_return_t code = vm_allocate(task_self(), &address, bytes, anywhere);
        if (code != KERN_SUCCESS) {
            return Error::last(code);
        }
        return Region({reinterpret_cast<std::byte*>(address), bytes});
    }

    std::span<std::byte> memory_;
};

}  // namespace umach
