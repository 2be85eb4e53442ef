// SPDX-License-Identifier: BSL-1.0
// Result<T>: a value, or the Error that came instead.
//
// if (auto right = ReceiveRight::allocate()) use(*right); else complain(right.error().describe());
// auto right = ReceiveRight::allocate().value();  // throws Failure if there is none
#pragma once

#include <utility>
#include <variant>

#include <mach/kern_return.h>
#include <umach/error.hpp>

namespace umach {

template <typename T>
class Result {
public:
    // NOLINTNEXTLINE(google-explicit-constructor): a function returns a value or an Error as they are.
    Result(T value) : outcome_(std::in_place_index<0>, std::move(value)) {}
    // NOLINTNEXTLINE(google-explicit-constructor)
    Result(Error error) : outcome_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const noexcept { return outcome_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    /// returns: the value; throws Failure when there is none.
    T& value() & { return checked(), std::get<0>(outcome_); }
    const T& value() const& { return checked(), std::get<0>(outcome_); }
    T value() && { return checked(), std::get<0>(std::move(outcome_)); }

    T& operator*() & { return std::get<0>(outcome_); }
    const T& operator*() const& { return std::get<0>(outcome_); }
    T&& operator*() && { return std::get<0>(std::move(outcome_)); }
    T* operator->() { return &std::get<0>(outcome_); }
    const T* operator->() const { return &std::get<0>(outcome_); }

    /// returns: the error; there must be one.
    [[nodiscard]] const Error& error() const { return std::get<1>(outcome_); }
    /// returns: KERN_SUCCESS, or the error's code.
    [[nodiscard]] int code() const noexcept {
        return ok() ? KERN_SUCCESS : std::get_if<1>(&outcome_)->code();
    }

private:
    void checked() const {
        if (!ok()) {
            throw Failure(error());
        }
    }

    std::variant<T, Error> outcome_;
};

/// An error with the code KERN_SUCCESS is no error.
template <>
class Result<void> {
public:
    Result() = default;
    // NOLINTNEXTLINE(google-explicit-constructor)
    Result(Error error) : error_(std::move(error)) {}

    /// What a C call returned: success, or an error with the cause that the call left behind.
    static Result from(int code) { return code == KERN_SUCCESS ? Result() : Result(Error::last(code)); }

    [[nodiscard]] bool ok() const noexcept { return error_.is(KERN_SUCCESS); }
    explicit operator bool() const noexcept { return ok(); }
    /// Throws Failure when there is an error.
    void value() const {
        if (!ok()) {
            throw Failure(error_);
        }
    }
    /// returns: the error; there must be one.
    [[nodiscard]] const Error& error() const noexcept { return error_; }
    [[nodiscard]] int code() const noexcept { return error_.code(); }

private:
    Error error_{KERN_SUCCESS};
};

}  // namespace umach
