// SPDX-License-Identifier: BSL-1.0
// The heap of glibc is whole in the child of a fork, that of AddressSanitizer (g++ 12) is not: a child whose parent had another
// thread in it waits for ever. So fork takes the C++ heap here, as it takes glibc's.
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <cstdlib>
#include <mutex>
#include <new>
#include <semaphore>

namespace {

constinit std::mutex heap;

// At load, so before the library's own handlers: what those allocate comes first.
[[maybe_unused]] const int registered =
    pthread_atfork([] { heap.lock(); }, [] { heap.unlock(); }, [] { heap.unlock(); });

void* try_allocate(std::size_t bytes, std::size_t alignment) {
    const std::lock_guard guard(heap);
    if (alignment == 0) return std::malloc(bytes);
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* allocate(std::size_t bytes, std::size_t alignment) {
    void* memory = try_allocate(bytes, alignment);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

void release(void* memory) {
    const std::lock_guard guard(heap);
    std::free(memory);
}

const auto create = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));

struct Start {
    void* (*function)(void*);
    void* argument;
    sigset_t signals{};
    std::binary_semaphore begun{0};
};

void* begin(void* starting) {
    auto* start = static_cast<Start*>(starting);
    const auto function = start->function;
    void* const argument = start->argument;
    const sigset_t signals = start->signals;
    start->begun.release();
    pthread_sigmask(SIG_SETMASK, &signals, nullptr);
    return function(argument);
}

}  // namespace

// A thread takes memory of the sanitizer's until it has begun.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*function)(void*),
                              void* argument) noexcept {
    const std::lock_guard guard(heap);
    Start start{.function = function, .argument = argument};
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &start.signals);  // it is not to be stopped while its maker waits for it
    const sigset_t mine = start.signals;
    sigset_t its_own;
    if (attributes != nullptr && pthread_attr_getsigmask_np(attributes, &its_own) == 0) start.signals = its_own;
    const int error = create(thread, attributes, begin, &start);
    if (error == 0) start.begun.acquire();
    pthread_sigmask(SIG_SETMASK, &mine, nullptr);
    return error;
}

// Every form: one that is left to the sanitizer neither takes the lock nor fits the others' release.
void* operator new(std::size_t bytes) {
    return allocate(bytes, 0);
}
void* operator new[](std::size_t bytes) {
    return allocate(bytes, 0);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return try_allocate(bytes, 0);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return try_allocate(bytes, 0);
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return try_allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return try_allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
    release(memory);
}
void operator delete[](void* memory) noexcept {
    release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    release(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
    release(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    release(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
    release(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
    release(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
    release(memory);
}
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
    release(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
    release(memory);
}
