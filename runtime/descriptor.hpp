// SPDX-License-Identifier: BSL-1.0
// A file descriptor and the duty to close it.
#pragma once

#include <utility>

#include "runtime/fault.hpp"

namespace umach::runtime {

class Descriptor {
public:
    Descriptor() = default;
    // takes: `number`, which is this object's to close from now on; a negative number is "none".
    explicit Descriptor(int number) noexcept : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { reset(); }

    int get() const noexcept { return number_; }
    bool valid() const noexcept { return number_ >= 0; }
    explicit operator bool() const noexcept { return valid(); }

    // returns: the number, which is the caller's to close.
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

    // Closes what is held and takes `number`. Keeps errno.
    void reset(int number = -1) noexcept;

    // returns: another descriptor of the same open file, close-on-exec.
    Outcome<Descriptor> duplicate() const;

private:
    int number_ = -1;
};

}  // namespace umach::runtime
