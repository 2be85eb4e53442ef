// SPDX-License-Identifier: BSL-1.0
// Error: a code of any family (kern, send, receive, stub, name service) and what was known about its cause.
//
// An outcome that a program handles, such as a time-out, is an Error in a Result. It is thrown only when a
// program asks for a value that is not there: then as Failure, which carries the same Error.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <mach_error.h>

namespace umach {

class Error {
public:
    explicit Error(int code, std::string detail = {}) : code_(code), detail_(std::move(detail)) {}

    /// The code that a C call just returned on this thread, with the cause that the call left behind.
    static Error last(int code) { return Error(code, mach_error_detail()); }

    [[nodiscard]] int code() const noexcept { return code_; }
    [[nodiscard]] bool is(int code) const noexcept { return code_ == code; }
    /// returns: the code in words; lives as long as the program.
    [[nodiscard]] const char* text() const noexcept { return mach_error_string(code_); }
    /// returns: which field, right or quota it was; empty when that is not known.
    [[nodiscard]] std::string_view detail() const noexcept { return detail_; }
    /// returns: text and detail in one line, for people.
    [[nodiscard]] std::string describe() const {
        return detail_.empty() ? std::string(text()) : std::string(text()) + ": " + detail_;
    }

private:
    int code_;
    std::string detail_;
};

class Failure : public std::runtime_error {
public:
    explicit Failure(Error error) : std::runtime_error(error.describe()), error_(std::move(error)) {}
    [[nodiscard]] const Error& error() const noexcept { return error_; }

private:
    Error error_;
};

}  // namespace umach
