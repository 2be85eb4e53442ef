// SPDX-License-Identifier: BSL-1.0
#include "runtime/segment/mapping.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>

#include <boost/interprocess/exceptions.hpp>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace umach::runtime {

namespace {

namespace interprocess = boost::interprocess;

struct Mappable {
    interprocess::mapping_handle_t handle;
    interprocess::mapping_handle_t get_mapping_handle() const noexcept { return handle; }
};

// Small pieces: a signal ends the allocation of a piece, which is then given back and begun again.
constexpr std::size_t piece_bytes = std::size_t{2} << 20;

Outcome<void> allocate(int descriptor, std::size_t bytes) {
    for (std::size_t done = 0; done < bytes;) {
        const std::size_t piece = std::min(piece_bytes, bytes - done);
        const int error = posix_fallocate(descriptor, static_cast<off_t>(done), static_cast<off_t>(piece));
        if (error == EINTR) continue;
        if (error != 0) return make_fault(error, "posix_fallocate of a segment of " + std::to_string(bytes));
        done += piece;
    }
    return {};
}

// What /proc/meminfo calls available, and free swap. returns: everything, where there is no /proc.
std::size_t available_bytes() {
    std::ifstream table("/proc/meminfo");
    std::size_t kibibytes = 0;
    std::size_t sum = 0;
    for (std::string name, unit; table >> name >> kibibytes; std::getline(table, unit)) {
        if (name == "MemAvailable:" || name == "SwapFree:") sum += kibibytes * 1024;
    }
    return sum == 0 ? SIZE_MAX : sum;
}

// What the file's file system has left. returns: everything, if it has no limit of its own (memfd).
std::size_t left_on_file_system(int descriptor) {
    struct statfs system {};
    if (fstatfs(descriptor, &system) != 0 || system.f_blocks == 0) return SIZE_MAX;
    return static_cast<std::size_t>(system.f_bavail) * static_cast<std::size_t>(system.f_bsize);
}

}  // namespace

Outcome<std::unique_ptr<SegmentMapping>> map_segment(int handle, bool sysv, std::size_t bytes) {
    const char* call = sysv ? "shmat" : "mmap";
    try {
        const Mappable mappable{{handle, sysv}};
        auto mapping = std::make_unique<SegmentMapping>(
            interprocess::mapped_region(mappable, interprocess::read_write, 0, bytes));
        for (const int advice : {MADV_DONTFORK, MADV_DONTDUMP}) {
            if (madvise(mapping->base(), bytes, advice) != 0) return last_fault("madvise of a segment");
        }
        return mapping;
    } catch (const interprocess::interprocess_exception& refused) {
        const int error = refused.get_native_error();
        return make_fault(error == 0 ? EINVAL : error,
                          call + (" of a segment of " + std::to_string(bytes) + " bytes"));
    }
}

Outcome<void> check_available(std::size_t bytes) {
    if (bytes <= available_bytes()) return {};
    return make_fault(ENOMEM, "a segment of " + std::to_string(bytes) + " bytes");
}

Outcome<void> reserve_file(int descriptor, std::size_t bytes) {
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    if (bytes > limit.rlim_cur) return make_fault(EFBIG, "RLIMIT_FSIZE below " + std::to_string(bytes));
    if (fchmod(descriptor, 0600) != 0) return last_fault("fchmod of a segment");
    if (bytes > left_on_file_system(descriptor)) {
        return make_fault(ENOSPC, "a segment of " + std::to_string(bytes) + " bytes in /dev/shm");
    }
    if (auto available = check_available(bytes); !available) return available;
    return allocate(descriptor, bytes);
}

Outcome<void> check_file(int descriptor, std::size_t bytes) {
    struct stat file {};
    if (fstat(descriptor, &file) != 0) return last_fault("fstat of a segment that was handed over");
    if (file.st_uid != geteuid()) {
        return make_fault(EPERM, "a segment of user " + std::to_string(file.st_uid));
    }
    if (!S_ISREG(file.st_mode)) return make_fault(EINVAL, "a segment that is no file");
    const auto size = static_cast<std::size_t>(file.st_size);
    const auto allocated = static_cast<std::size_t>(file.st_blocks) * 512;
    if (size != bytes || allocated < bytes) {
        return make_fault(EINVAL, "a segment of " + std::to_string(size) + " bytes, " +
                                      std::to_string(allocated) + " of them there, not " +
                                      std::to_string(bytes));
    }
    return {};
}

Outcome<Segment> SegmentMaker::map_file(SegmentKind kind, Descriptor descriptor, std::size_t bytes) {
    auto mapping = map_segment(descriptor.get(), false, bytes);
    if (!mapping) return std::move(mapping).fault();
    return Segment(kind, std::move(descriptor), -1, std::move(mapping).value());
}

}  // namespace umach::runtime
