// SPDX-License-Identifier: BSL-1.0
// Thin wrappers of the system calls that several peers use.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bench {

inline constexpr std::size_t page_size = 4096;
inline constexpr std::size_t cache_line = 64;

inline constexpr int exit_unsupported = 77;

// Reports errno and ends the process, with 1.
[[noreturn]] void fail(const std::string& what);
// The same with exit_unsupported: what was asked for cannot be measured here.
[[noreturn]] void unsupported(const std::string& what);

// Where a peer may make files: run.py removes them.
std::string bench_folder();

inline long check(long result, const char* what) {
    if (result < 0) fail(what);
    return result;
}

inline void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value) {
    syscall(SYS_futex, &word, FUTEX_WAIT, value, nullptr, nullptr, 0);
}

inline void futex_wake(std::atomic<std::uint32_t>& word, int count = 1) {
    syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
}

// Anonymous memory that forked children share.
class SharedMapping {
public:
    explicit SharedMapping(std::size_t size) : size_(size) {
        memory_ =
            mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (memory_ == MAP_FAILED) fail("mmap");
    }
    SharedMapping(SharedMapping&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)), size_(other.size_) {}
    SharedMapping(const SharedMapping&) = delete;
    SharedMapping& operator=(const SharedMapping&) = delete;
    ~SharedMapping() {
        if (memory_) munmap(memory_, size_);
    }
    std::byte* data() const { return static_cast<std::byte*>(memory_); }

private:
    void* memory_;
    std::size_t size_;
};

template <class T, class... Args>
std::shared_ptr<T> shared_object(Args&&... args) {
    auto mapping = std::make_shared<SharedMapping>(sizeof(T));
    T* object = new (mapping->data()) T(std::forward<Args>(args)...);
    return std::shared_ptr<T>(mapping, object);
}

class Fd {
public:
    Fd() = default;
    Fd(int fd, const char* what) : fd_(static_cast<int>(check(fd, what))) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() {
        if (fd_ >= 0) close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_ = -1;
};

void write_all(int fd, const std::byte* data, std::size_t size);
void read_all(int fd, std::byte* data, std::size_t size);

}  // namespace bench
