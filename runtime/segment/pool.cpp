// SPDX-License-Identifier: BSL-1.0
#include "runtime/segment/pool.hpp"

#include "runtime/segment/mapping.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace umach::runtime {
namespace {

constexpr int resizing = F_SEAL_SHRINK | F_SEAL_GROW;

// A signal undoes an allocation that it interrupts: small pieces are got through all the same.
constexpr std::uint64_t piece_bytes = std::uint64_t{2} << 20;
// Whether so much memory is there is asked of the system first; for a little that costs more than it saves.
constexpr std::uint64_t asked_first = std::uint64_t{4} << 20;

std::uint64_t within_file_limit(std::uint64_t bytes) {
    rlimit limit{};
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= bytes) return bytes;
    return std::bit_floor(static_cast<std::uint64_t>(limit.rlim_cur));
}

Outcome<void> check(int descriptor, std::uint64_t bytes) {
    struct stat file {};
    if (fstat(descriptor, &file) != 0) return last_fault("fstat of a pool that was handed over");
    if (file.st_uid != geteuid()) return make_fault(EPERM, "a pool of user " + std::to_string(file.st_uid));
    const int seals = fcntl(descriptor, F_GET_SEALS);
    const bool fits = seals >= 0 && (seals & resizing) == resizing && static_cast<std::uint64_t>(file.st_size) == bytes;
    return fits ? Outcome<void>{} : make_fault(EINVAL, "a pool that is not sealed, or of another size");
}

}  // namespace

Pool::Pool(Descriptor descriptor, std::uint64_t bytes, std::unique_ptr<SegmentMapping> mapping) noexcept
    : descriptor_(std::move(descriptor)),
      bytes_(bytes),
      mapping_(std::move(mapping)),
      base_(static_cast<std::byte*>(mapping_->base())) {}
Pool::Pool(Pool&&) noexcept = default;
Pool& Pool::operator=(Pool&&) noexcept = default;
Pool::~Pool() = default;

Outcome<Pool> Pool::create(std::uint64_t wanted) {
    const std::uint64_t bytes = within_file_limit(wanted);
    Descriptor file(memfd_create("umach-pool", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) return last_fault("memfd_create of a pool");
    if (fchmod(file.get(), 0600) != 0 || ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
        return last_fault("making a pool of " + std::to_string(bytes) + " bytes");
    if (fcntl(file.get(), F_ADD_SEALS, resizing | F_SEAL_SEAL) != 0) return last_fault("sealing a pool");
    return attach(std::move(file), bytes);
}

Outcome<Pool> Pool::attach(Descriptor descriptor, std::uint64_t bytes) {
    if (auto checked = check(descriptor.get(), bytes); !checked) return checked.fault();
    auto mapping = map_segment(descriptor.get(), false, bytes);
    if (!mapping) return mapping.fault();
    return Pool(std::move(descriptor), bytes, std::move(mapping).value());
}

bool Pool::reserve(std::uint64_t offset, std::uint64_t bytes) noexcept {
    if (bytes >= asked_first && !check_available(bytes)) return false;
    for (std::uint64_t done = 0; done < bytes;) {
        const std::uint64_t piece = std::min(piece_bytes, bytes - done);
        const int failed = fallocate(descriptor_.get(), 0, static_cast<off_t>(offset + done), static_cast<off_t>(piece));
        if (failed == 0) done += piece;
        else if (errno != EINTR) return false;
    }
    return true;
}

std::uint64_t Pool::write(std::uint64_t offset, const void* from, std::uint64_t bytes) noexcept {
    std::uint64_t done = 0;
    while (done < bytes) {
        const ssize_t got = pwrite(descriptor_.get(), static_cast<const std::byte*>(from) + done, bytes - done, static_cast<off_t>(offset + done));
        if (got > 0) done += static_cast<std::uint64_t>(got);
        else if (got == 0 || errno != EINTR) break;
    }
    return done;
}

void Pool::release(std::uint64_t offset, std::uint64_t bytes) noexcept {
    constexpr int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    while (fallocate(descriptor_.get(), hole, static_cast<off_t>(offset), static_cast<off_t>(bytes)) != 0 && errno == EINTR) {
    }
}

bool Pool::map_again(std::uint64_t offset, std::uint64_t bytes) noexcept {
    constexpr int both = PROT_READ | PROT_WRITE;
    void* at = base_ + offset;
    if (mmap(at, bytes, both, MAP_SHARED | MAP_FIXED, descriptor_.get(), static_cast<off_t>(offset)) != at) return false;
    madvise(at, bytes, MADV_DONTFORK);
    madvise(at, bytes, MADV_DONTDUMP);
    return true;
}

namespace {

// An address at a multiple of so much, with that many free bytes behind it, which nobody else gets.
void* free_place(std::uint64_t bytes, std::uint64_t alignment) {
    void* all = mmap(nullptr, bytes + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) return MAP_FAILED;
    const auto first = reinterpret_cast<std::uint64_t>(all);
    const std::uint64_t at = (first + alignment - 1) & ~(alignment - 1);
    if (at != first) munmap(all, at - first);
    munmap(reinterpret_cast<void*>(at + bytes), alignment - (at - first));
    return reinterpret_cast<void*>(at);
}

constexpr unsigned page_bits = 12;

}  // namespace

std::uint64_t Pool::map_view(std::uint64_t offset, std::uint64_t bytes, How how, std::uint64_t address, unsigned alignment_bits) noexcept {
    const bool aligned = address == 0 && alignment_bits > page_bits;
    void* place = aligned ? free_place(bytes, std::uint64_t{1} << alignment_bits) : reinterpret_cast<void*>(address);
    if (place == MAP_FAILED) return 0;
    const int fixed = aligned ? MAP_FIXED : address != 0 ? MAP_FIXED_NOREPLACE : 0;
    const int flags = (how.copies ? MAP_PRIVATE : MAP_SHARED) | fixed;
    void* at = mmap(place, bytes, how.protection, flags, descriptor_.get(), static_cast<off_t>(offset));
    const bool there = at != MAP_FAILED && (place == nullptr || at == place);
    if (!there && at != MAP_FAILED) munmap(at, bytes);   // a system that does not know the flag takes it for a hint
    if (!there && aligned) munmap(place, bytes);
    if (!there) return 0;
    madvise(at, bytes, MADV_DONTFORK);
    madvise(at, bytes, MADV_DONTDUMP);
    return reinterpret_cast<std::uint64_t>(at);
}

}  // namespace umach::runtime
