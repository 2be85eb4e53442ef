// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/lock_file.hpp"

#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/transport/wire.hpp"
#include "runtime/unseen.hpp"

namespace umach::transport {

using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;

namespace {

constexpr int how_opened = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

UMACH_UNSEEN int open_file(const char* path, int how) noexcept {
    return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, how, 0600));
}

}  // namespace

LockFile::LockFile(const std::string& kind, const std::string& place, const Allowed& allowed)
    : ListenedName(absolute(place) + ".lock", kind + ":" + place), allowed_(allowed) {}

UMACH_UNSEEN int LockFile::make() const noexcept {
    return open_file(text(), how_opened | O_CREAT | O_EXCL);
}

UMACH_UNSEEN int LockFile::open() const noexcept { return open_file(text(), how_opened); }

UMACH_UNSEEN void LockFile::unlink() const noexcept { remove_file(text()); }

Outcome<void> LockFile::check(int file) const {
    struct stat seen {};
    if (fstat(file, &seen) != 0) return last_fault("looking at " + name());
    if (!S_ISREG(seen.st_mode) || seen.st_size != 0) return make_fault(EPERM, name() + " is no lock");
    return check_owner({"the lock " + name(), static_cast<long>(seen.st_uid), seen.st_mode}, allowed_);
}

std::string absolute(const std::string& path) {
    std::error_code nowhere;
    return std::filesystem::absolute(path, nowhere).string();
}

UMACH_UNSEEN bool look_at(const char* path, mode_t& type) noexcept {
    struct stat seen {};
    if (syscall(SYS_newfstatat, AT_FDCWD, path, &seen, AT_SYMLINK_NOFOLLOW) != 0) return false;
    type = seen.st_mode & S_IFMT;
    return true;
}

UMACH_UNSEEN void remove_file(const char* path) noexcept { syscall(SYS_unlinkat, AT_FDCWD, path, 0); }

}  // namespace umach::transport
