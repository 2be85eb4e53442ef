// SPDX-License-Identifier: BSL-1.0
#include "runtime/wait.hpp"

#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/bug.hpp"

namespace umach::runtime {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

constinit thread_local std::atomic<std::uint32_t> quiet_interruptions [[gnu::tls_model("initial-exec")]] {0};

namespace {

unsigned spin_of_environment() noexcept {
    unsigned spin = 4800;
    if (const char* text = std::getenv("UMACH_SPIN"); text != nullptr)
        std::from_chars(text, text + std::strlen(text), spin);
    return spin;
}
// Known from the start: a fork in the middle of a first call's
// initialisation would leave the child waiting for it for ever.
const unsigned spin_at_load = spin_of_environment();

}  // namespace

unsigned longest_spin() noexcept { return spin_at_load; }

WaitEnd futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   Deadline deadline) noexcept {
    const timespec until = deadline.absolute();
    const long slept = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected, &until, nullptr,
                               FUTEX_BITSET_MATCH_ANY);
    if (slept == 0 || errno == EAGAIN) return WaitEnd::rung;
    if (errno == ETIMEDOUT) return WaitEnd::deadline;
    UMACH_ASSERT(errno == EINTR);
    return WaitEnd::interrupted;
}

int futex_wake(const std::atomic<std::uint32_t>& word, int count) noexcept {
    const long woken = syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
    UMACH_ASSERT(woken >= 0 && woken <= INT_MAX);
    return static_cast<int>(woken);
}

}  // namespace umach::runtime
