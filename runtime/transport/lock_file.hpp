// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: who listens at files that cannot be locked (a Unix socket's cannot be opened, to
// open a FIFO is to be one of its ends) locks a file beside them, PLACE.lock, and makes and removes them only
// while it has that lock.
#pragma once

#include "runtime/transport/listened_name.hpp"
#include "runtime/transport/transport.hpp"

namespace umach::transport {

// clear() is a derived class's: it removes those files, if nobody uses them.
class LockFile : public ListenedName {
public:
    LockFile(const std::string& kind, const std::string& place, const Allowed& allowed);

    int make() const noexcept override;
    int open() const noexcept override;
    void unlink() const noexcept override;
    runtime::Outcome<void> check(int file) const override;

private:
    const Allowed allowed_;
};

// As the warden, which is in another folder, has to say it.
std::string absolute(const std::string& path);

// System calls only, for clear().
bool look_at(const char* path, mode_t& type) noexcept;  // returns: whether it is there; a link is one itself
void remove_file(const char* path) noexcept;

}  // namespace umach::transport
