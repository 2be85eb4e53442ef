// SPDX-License-Identifier: BSL-1.0
// Section: memory that several tasks have at once, as the right to its memory object; View: where this task has it mapped.
//
// The right is sent as any other: message.copy(section.right()), message.move(section.right()), and
// Section::of(reader.get<SendRight>()). A view holds the memory by itself, so the section may end before it.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <mach/vm_interface.h>
#include <mach_init.h>
#include <umach/result.hpp>
#include <umach/rights.hpp>

namespace umach {

/// Byte is std::byte, or const std::byte for memory that can only be read: a write there is a fault.
template <typename Byte>
class BasicView {
public:
    BasicView() = default;
    /// takes: a mapping of this task's.
    explicit BasicView(std::span<Byte> memory) noexcept : memory_(memory) {}
    BasicView(BasicView&& other) noexcept : memory_(std::exchange(other.memory_, {})) {}
    BasicView& operator=(BasicView&& other) noexcept {
        if (this != &other) {
            reset();
            memory_ = std::exchange(other.memory_, {});
        }
        return *this;
    }
    BasicView(const BasicView&) = delete;
    BasicView& operator=(const BasicView&) = delete;
    ~BasicView() { reset(); }

    [[nodiscard]] Byte* data() const noexcept { return memory_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return memory_.size(); }
    [[nodiscard]] std::span<Byte> bytes() const noexcept { return memory_; }
    /// The memory as an array; what is left over at its end is not in it.
    template <typename T>
    [[nodiscard]] auto as() const noexcept {
        using Element = std::conditional_t<std::is_const_v<Byte>, const T, T>;
        return std::span<Element>(reinterpret_cast<Element*>(memory_.data()), memory_.size() / sizeof(T));
    }
    explicit operator bool() const noexcept { return !memory_.empty(); }

    void reset() noexcept {
        if (const auto memory = std::exchange(memory_, {}); !memory.empty()) {
            vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(memory.data()), memory.size());
        }
    }

private:
    std::span<Byte> memory_;
};

using View = BasicView<std::byte>;
using ReadOnlyView = BasicView<const std::byte>;

class Section {
public:
    Section() = default;

    /// returns: so many bytes of zeros, in whole pages; as memory_object_create().
    [[nodiscard]] static Result<Section> create(std::size_t bytes) {
        memory_object_t object = MEMORY_OBJECT_NULL;
        const kern_return_t code = memory_object_create(task_self(), bytes, &object);
        return code == KERN_SUCCESS ? of(SendRight(object)) : Error::last(code);
    }
    /// The section that a right is to. returns: KERN_INVALID_ARGUMENT it is to no memory object.
    [[nodiscard]] static Result<Section> of(SendRight right) {
        Section section;
        vm_prot_t protection = VM_PROT_NONE;
        vm_size_t size = 0;
        const kern_return_t code = memory_object_info(right.name(), &size, &protection);
        if (code != KERN_SUCCESS) {
            return Error::last(code);
        }
        section.right_ = std::move(right);
        section.size_ = size;
        section.writable_ = (protection & VM_PROT_WRITE) != 0;
        return section;
    }

    [[nodiscard]] const SendRight& right() const noexcept { return right_; }
    [[nodiscard]] SendRight& right() noexcept { return right_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool writable() const noexcept { return writable_; }
    explicit operator bool() const noexcept { return static_cast<bool>(right_); }

    /// The same memory for somebody who is to read only.
    [[nodiscard]] Result<Section> read_only() const {
        memory_object_t proxy = MEMORY_OBJECT_NULL;
        const kern_return_t code = memory_object_create_proxy(right_.name(), VM_PROT_READ, &proxy);
        return code == KERN_SUCCESS ? of(SendRight(proxy)) : Error::last(code);
    }

    /// All of it, mapped into this task. returns: as vm_map(); KERN_PROTECTION_FAILURE map() of one to be read only.
    [[nodiscard]] Result<View> map() const { return map_as<std::byte>(VM_PROT_DEFAULT); }
    [[nodiscard]] Result<ReadOnlyView> map_read_only() const { return map_as<const std::byte>(VM_PROT_READ); }
    /// A copy of this task's own, also of one to be read only: a page costs memory once it is written. Until then it shows
    /// what others write to the section.
    [[nodiscard]] Result<View> map_copy() const { return map_as<std::byte>(VM_PROT_DEFAULT, TRUE); }

private:
    template <typename Byte>
    [[nodiscard]] Result<BasicView<Byte>> map_as(vm_prot_t protection, boolean_t copy = FALSE) const {
        vm_address_t at = 0;
        const kern_return_t code = vm_map(task_self(), &at, size_, 0, TRUE, right_.name(), 0, copy, protection, protection,
                                          VM_INHERIT_NONE);
        if (code != KERN_SUCCESS) {
            return Error::last(code);
        }
        return BasicView<Byte>({reinterpret_cast<Byte*>(at), size_});
    }

    SendRight right_;
    std::size_t size_ = 0;
    bool writable_ = false;
};

}  // namespace umach
