// SPDX-License-Identifier: BSL-1.0
// What the sanitizers must be told of fibers, all in this file; in a plain build none of it is there. A
// switch is `leaving`, the jump, `arrived`. They are inlined by force: a function that returned on another
// stack than it was called on would leave TSan's record of calls crooked.
#pragma once

#include <cstddef>

#if defined(__has_feature)
#define UMACH_HAS_FEATURE(name) __has_feature(name)
#else
#define UMACH_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || UMACH_HAS_FEATURE(address_sanitizer)
#define UMACH_ADDRESS_SANITIZER 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#else
#define UMACH_ADDRESS_SANITIZER 0
#endif

#if defined(__SANITIZE_THREAD__) || UMACH_HAS_FEATURE(thread_sanitizer)
#define UMACH_THREAD_SANITIZER 1
#include <sanitizer/tsan_interface.h>
#else
#define UMACH_THREAD_SANITIZER 0
#endif

namespace umach::tasks {

// What the sanitizers know of one fiber, or of an OS thread's own stack.
struct Sanitized {
    const void* low = nullptr;  // of the stack; of an OS thread's own: known when it is first left
    std::size_t bytes = 0;
    void* fake_stack = nullptr;
    void* thread = nullptr;  // TSan's
};

[[gnu::always_inline]] inline Sanitized sanitized_os_thread() noexcept {
    Sanitized self;
#if UMACH_THREAD_SANITIZER
    self.thread = __tsan_get_current_fiber();
#endif
    return self;
}

[[gnu::always_inline]] inline Sanitized sanitized_fiber(const void* low, std::size_t bytes) noexcept {
    Sanitized self{low, bytes};
#if UMACH_THREAD_SANITIZER
    self.thread = __tsan_create_fiber(0);
#endif
    return self;
}

// The fiber has been left for good.
[[gnu::always_inline]] inline void forget([[maybe_unused]] Sanitized& fiber) noexcept {
#if UMACH_ADDRESS_SANITIZER
    __asan_unpoison_memory_region(fiber.low, fiber.bytes);
#endif
#if UMACH_THREAD_SANITIZER
    __tsan_destroy_fiber(fiber.thread);
#endif
}

// LeakSanitizer reads the registers and the stack that the OS thread is on, no other.
inline void look_here_for_leaks([[maybe_unused]] const Sanitized& stack) noexcept {
#if UMACH_ADDRESS_SANITIZER
    __lsan_register_root_region(stack.low, stack.bytes);
#endif
}

[[gnu::always_inline]] inline void leaving([[maybe_unused]] Sanitized& from, [[maybe_unused]] Sanitized& to,
                                           [[maybe_unused]] bool for_good) noexcept {
#if UMACH_ADDRESS_SANITIZER
    __sanitizer_start_switch_fiber(for_good ? nullptr : &from.fake_stack, to.low, to.bytes);
#endif
#if UMACH_THREAD_SANITIZER
    __tsan_switch_to_fiber(to.thread, 0);  // with the flag "no synchronisation" siblings seem to race
#endif
}

[[gnu::always_inline]] inline void arrived([[maybe_unused]] Sanitized& from,
                                           [[maybe_unused]] Sanitized& to) noexcept {
#if UMACH_ADDRESS_SANITIZER
    __sanitizer_finish_switch_fiber(to.fake_stack, &from.low, &from.bytes);
#endif
}

}  // namespace umach::tasks
