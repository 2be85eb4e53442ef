// SPDX-License-Identifier: BSL-1.0
// A fault of the system underneath (a call that Linux refused), and "a value or a fault". A fault is passed
// up and shown to a human; nobody decides by it. What a caller is meant to decide by is an outcome of its own
// type.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "runtime/bug.hpp"

namespace umach::runtime {

struct Fault {
    int error = 0;     // an errno value, never 0
    std::string what;  // which call on what, and the system's own words: "open of /dev/shm: No such file..."
};

// A fault from an errno value: `what` is followed by ": " and the text of `error`.
Fault make_fault(int error, const std::string& what);

// A fault from this thread's errno.
Fault last_fault(const std::string& what);

// A value or a fault.
// limits: asking for the one that is not there is a bug and aborts.
template <class T>
class [[nodiscard]] Outcome {
public:
    Outcome(T value) : held_(std::in_place_index<0>, std::move(value)) {}
    Outcome(Fault fault) : held_(std::in_place_index<1>, std::move(fault)) {}

    bool ok() const noexcept { return held_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    T& value() & { UMACH_ASSERT(ok()); return *std::get_if<0>(&held_); }
    const T& value() const& { UMACH_ASSERT(ok()); return *std::get_if<0>(&held_); }
    T&& value() && { UMACH_ASSERT(ok()); return std::move(*std::get_if<0>(&held_)); }
    const Fault& fault() const& { UMACH_ASSERT(!ok()); return *std::get_if<1>(&held_); }
    Fault&& fault() && { UMACH_ASSERT(!ok()); return std::move(*std::get_if<1>(&held_)); }

private:
    std::variant<T, Fault> held_;
};

// Done, or a fault.
template <>
class [[nodiscard]] Outcome<void> {
public:
    Outcome() = default;
    Outcome(Fault fault) : fault_(std::move(fault)) { UMACH_ASSERT(fault_.error != 0); }

    bool ok() const noexcept { return fault_.error == 0; }
    explicit operator bool() const noexcept { return ok(); }

    void value() const { UMACH_ASSERT(ok()); }
    const Fault& fault() const& { UMACH_ASSERT(!ok()); return fault_; }
    Fault&& fault() && { UMACH_ASSERT(!ok()); return std::move(fault_); }

private:
    Fault fault_;
};

}  // namespace umach::runtime
