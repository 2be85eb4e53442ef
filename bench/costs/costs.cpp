// SPDX-License-Identifier: BSL-1.0
// What the pieces cost that a port is built from, one line of JSON each. Everything is uncontended.
#include "harness/run.hpp"

#include <boost/context/fiber.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <cstdio>

namespace bench {
namespace {

namespace ipc = boost::interprocess;

constexpr double measured_seconds = 0.02;

// Prints the mean time of one call over about measured_seconds; `per_call` operations count each.
template <class Operation>
void cost(const char* name, Operation operation, double per_call = 1) {
    operation();
    const auto limit = static_cast<std::uint64_t>(measured_seconds * ticks_per_second());
    std::uint64_t calls = 0, spent = 0;
    for (std::uint64_t batch = 1; spent < limit; batch *= 2) {
        const std::uint64_t start = ticks();
        for (std::uint64_t i = 0; i < batch; ++i) operation();
        spent += ticks() - start;
        calls += batch;
    }
    std::printf("{\"micro\":\"%s\",\"ns\":%.2f}\n", name,
                nanoseconds(static_cast<double>(spent)) / (static_cast<double>(calls) * per_call));
}

// A lock word that names its owner, as ours do.
class OwnerWord {
public:
    void lock() {
        std::uint64_t nobody = 0;
        while (!owner_.compare_exchange_weak(nobody, 1, std::memory_order_acquire)) nobody = 0;
    }
    void unlock() { owner_.store(0, std::memory_order_release); }

private:
    std::atomic<std::uint64_t> owner_{0};
};

class Mutex {
public:
    Mutex(int sharing, int robustness) {
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setpshared(&attributes, sharing);
        pthread_mutexattr_setrobust(&attributes, robustness);
        pthread_mutex_init(&mutex_, &attributes);
        pthread_mutexattr_destroy(&attributes);
    }
    void lock() { pthread_mutex_lock(&mutex_); }
    void unlock() { pthread_mutex_unlock(&mutex_); }

private:
    pthread_mutex_t mutex_;
};

template <class Lock, class... Args>
void lock_cost(const char* name, Args... args) {
    const auto lock = shared_object<Lock>(args...);
    cost(name, [&] {
        lock->lock();
        lock->unlock();
    });
}

void lock_costs() {
    lock_cost<OwnerWord>("lock: word with its owner's name");
    lock_cost<Mutex>("lock: pthread mutex, private", PTHREAD_PROCESS_PRIVATE, PTHREAD_MUTEX_STALLED);
    lock_cost<Mutex>("lock: pthread mutex, shared", PTHREAD_PROCESS_SHARED, PTHREAD_MUTEX_STALLED);
    lock_cost<Mutex>("lock: pthread mutex, shared and robust", PTHREAD_PROCESS_SHARED, PTHREAD_MUTEX_ROBUST);
    lock_cost<ipc::interprocess_mutex>("lock: interprocess_mutex");
}

void allocation_costs() {
    const std::string name = "bench.costs." + std::to_string(getpid());
    ipc::managed_shared_memory segment(ipc::create_only, name.c_str(), 16 * mib);
    ipc::shared_memory_object::remove(name.c_str());

    for (const std::size_t size : {std::size_t{64}, 4 * kib}) {
        const std::string label = size == 64 ? "64 B" : "4 KiB";
        cost(("allocate+free: managed_shared_memory " + label).c_str(),
             [&] { segment.deallocate(segment.allocate(size)); });
        std::array<void*, 64> held;
        cost(("allocate+free: managed_shared_memory " + label + ", 64 held").c_str(),
             [&] {
                 for (void*& each : held) each = segment.allocate(size);
                 for (void* each : held) segment.deallocate(each);
             },
             held.size());
        cost(("allocate+free: malloc " + label).c_str(), [&] {
            void* volatile block = std::malloc(size);
            std::free(block);
        });
    }
}

std::byte* map(int fd, int flags) {
    void* memory = mmap(nullptr, mib, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd, 0);
    if (memory == MAP_FAILED) fail("mmap");
    return static_cast<std::byte*>(memory);
}

void touch(std::byte* memory) {
    for (std::size_t at = 0; at < mib; at += page_size) memory[at] = std::byte{1};
}

Fd new_memfd() {
    Fd made(memfd_create("bench", MFD_CLOEXEC), "memfd_create");
    check(ftruncate(made.get(), mib), "ftruncate");
    return made;
}

void memory_costs() {
    SharedMapping shared(8 * mib);
    Buffer own(8 * mib);
    for (const std::size_t size : {std::size_t{64}, kib, 4 * kib, 64 * kib, mib})
        cost(("memcpy private to shared " + std::to_string(size) + " B").c_str(),
             [&] { std::memcpy(shared.data(), own.bytes().data(), size); });

    cost("1 MiB memfd: create, map, touch, unmap, close", [] {
        const Fd fd = new_memfd();
        std::byte* memory = map(fd.get(), 0);
        touch(memory);
        munmap(memory, mib);
    });
    const Fd fd = new_memfd();
    std::byte* present = map(fd.get(), MAP_POPULATE);
    cost("1 MiB memfd, pages present: map, touch, unmap", [&] {
        std::byte* memory = map(fd.get(), 0);
        touch(memory);
        munmap(memory, mib);
    });
    cost("1 MiB memfd, pages present: map populated, touch, unmap", [&] {
        std::byte* memory = map(fd.get(), MAP_POPULATE);
        touch(memory);
        munmap(memory, mib);
    });
    munmap(present, mib);
    cost("1 MiB private: map, touch, unmap", [] {
        void* memory = mmap(nullptr, mib, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        touch(static_cast<std::byte*>(memory));
        munmap(memory, mib);
    });
}

void system_costs() {
    std::atomic<std::uint32_t> word{0};
    cost("system: getppid (empty system call)", [] { syscall(SYS_getppid); });
    cost("system: FUTEX_WAKE, nobody waits", [&] { futex_wake(word); });
    cost("system: sched_yield, nobody else runs", [] { sched_yield(); });
    cost("system: sched_getcpu", [] { (void)sched_getcpu(); });
    cost("system: time-stamp counter", [] { (void)ticks(); });
    cost("system: pause", [] { cpu_relax(); });
    cost("system: locked add", [&] { word.fetch_add(1); });

    namespace context = boost::context;
    context::fiber other([](context::fiber&& caller) {
        for (;;) caller = std::move(caller).resume();
        return std::move(caller);
    });
    cost(
        "fiber: boost::context::fiber switch, one way", [&] { other = std::move(other).resume(); }, 2);
    cost("fiber: create, run, destroy", [] {
        context::fiber made([](context::fiber&& caller) { return std::move(caller); });
        made = std::move(made).resume();
    });
}

}  // namespace
}  // namespace bench

int main() {
    bench::lock_costs();
    bench::allocation_costs();
    bench::memory_costs();
    bench::system_costs();
}
