// SPDX-License-Identifier: BSL-1.0
// Thread: a thread of control that this program started, on any carrier. ThreadPort: a send right to the
// kernel port of any thread, which is enough to steer it.
//
//     umach::Thread worker = umach::Thread::spawn(umach::Carrier::fiber, [] { work(); }).value();
//     worker.join().value();
//
// The same callable runs on a fiber, an OS thread or a process. A process is a task of its own with a copy of
// the memory: rights and names that the callable captured read PORT_NULL there. What all three find is what
// their task has registered (task.hpp). Rights are a task's: a callable for another task of this process must
// capture none.
//
// An exception that leaves the callable ends the process, as with std::thread. A thread that is terminated is
// unwound by one that must pass: `catch (...)` throws on, and no function on its way is noexcept.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>

#include <mach/thread_interface.h>
#include <umach_threads.h>

#include <umach/rights.hpp>

namespace umach {

/// What runs a thread of control.
enum class Carrier {
    fiber = UMACH_FIBER,          ///< on the OS thread that spawns it, whenever that waits
    os_thread = UMACH_OS_THREAD,  ///< of this process
    process = UMACH_PROCESS,      ///< forked from this one
};

/// What can run on a thread of control: a lambda, a function, a function object.
template <typename F>
concept Callable = std::invocable<std::decay_t<F>&>;

/// How long to wait when no time is given.
inline constexpr std::chrono::milliseconds forever = std::chrono::milliseconds::max();
static_assert(UMACH_FOREVER == std::numeric_limits<msg_timeout_t>::max());

namespace detail {

/// A kernel port that has died under a name is joined, whoever has received the notification of it.
inline Result<void> joined(port_t name, std::chrono::milliseconds time) {
    Result<void> ended = Result<void>::from(umach_thread_join(name, to_timeout(time)));
    if (ended.code() == KERN_RESOURCE_SHORTAGE) {
        umach_thread_yield();  // unwinds the caller, if that was terminated
    }
    port_type_t type = PORT_TYPE_NONE;
    const bool gone = ended.code() == KERN_INVALID_ARGUMENT && name != PORT_NULL &&
                      port_type(task_self(), name, &type) == KERN_INVALID_ARGUMENT;
    return gone ? Result<void>() : ended;
}

template <typename Info>
Result<Info> info(port_t name, kern_return_t (*ask)(port_t, int, int*, unsigned*), int flavor) {
    Info told{};
    unsigned count = sizeof told / sizeof(int);
    const int code = ask(name, flavor, reinterpret_cast<int*>(&told), &count);
    return code == KERN_SUCCESS ? Result(told) : Error::last(code);
}

/// The callable ends with the thread that ran it, also when that is unwound.
template <typename F>
void run(void* callable) {
    const std::unique_ptr<F> own(static_cast<F*>(callable));
    std::invoke(*own);
}

}  // namespace detail

/// One reference of a send right to a thread's kernel port. When it ends the thread goes on.
/// returns, for every call: KERN_INVALID_ARGUMENT the thread has ended; and as the C function of that name.
class ThreadPort : public SendRight {
public:
    using SendRight::SendRight;

    /// waits: for the thread's end. returns: KERN_FAILURE the time is over; KERN_ABORTED the wait was ended.
    Result<void> join(std::chrono::milliseconds time = forever) const { return detail::joined(name(), time); }
    /// Gives it its token, for which this_thread::park() waits.
    Result<void> unpark() const { return Result<void>::from(umach_thread_unpark(name())); }
    Result<void> suspend() const { return Result<void>::from(thread_suspend(name())); }
    Result<void> resume() const { return Result<void>::from(thread_resume(name())); }
    /// Ends the wait that it is in.
    Result<void> abort() const { return Result<void>::from(thread_abort(name())); }
    /// Ends it: at its next call it is unwound. Rights that its objects held stay with the task.
    Result<void> terminate() const { return Result<void>::from(thread_terminate(name())); }
    [[nodiscard]] Result<thread_basic_info> info() const {
        return detail::info<thread_basic_info>(name(), thread_info, THREAD_BASIC_INFO);
    }
    /// `which` is THREAD_*_PORT. returns: empty if there is none.
    [[nodiscard]] Result<SendRight> special_port(int which) const {
        port_t port = PORT_NULL;
        const int code = thread_get_special_port(name(), which, &port);
        return code == KERN_SUCCESS ? Result(SendRight(port)) : Error::last(code);
    }
    Result<void> set_special_port(int which, PortName port) const {
        return Result<void>::from(thread_set_special_port(name(), which, port.get()));
    }
};

/// A thread that was spawned, joined when this ends, as std::jthread does, if it was not before nor detached.
/// In a forked child this is empty: the thread is the parent's.
class Thread : public ThreadPort {
public:
    Thread() = default;
    /// takes: one reference of a send right to a thread's kernel port.
    explicit Thread(port_t name) noexcept : ThreadPort(name) {}
    Thread(Thread&&) noexcept = default;
    /// waits: for the end of the thread that was here.
    Thread& operator=(Thread&& other) noexcept {
        if (this != &other) {
            wait_for_end();
            ThreadPort::operator=(std::move(other));
        }
        return *this;
    }
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
    /// waits: for the thread's end, if it was neither joined nor detached.
    ~Thread() { wait_for_end(); }

    /// Moves the callable to the heap and runs it on a thread of this task, or of another of this process;
    /// for a process, `task` is the one to inherit from. A fiber begins when its OS thread next waits or
    /// yields. The callable ends with its thread; that of a thread terminated before it began is never
    /// destroyed. returns: as umach_thread_create().
    template <Callable F>
    [[nodiscard]] static Result<Thread> spawn(PortName task, Carrier carrier, F&& callable) {
        auto own = std::make_unique<std::decay_t<F>>(std::forward<F>(callable));
        thread_t thread = PORT_NULL;
        const int code = umach_thread_create(task.get(), static_cast<umach_carrier_t>(carrier),
                                             detail::run<std::decay_t<F>>, own.get(), &thread);
        if (code != KERN_SUCCESS) {
            return Error::last(code);
        }
        if (carrier != Carrier::process) {
            static_cast<void>(own.release());  // a process has a copy
        }
        return Thread(thread);
    }
    template <Callable F>
    [[nodiscard]] static Result<Thread> spawn(Carrier carrier, F&& callable) {
        return spawn(PortName(task_self()), carrier, std::forward<F>(callable));
    }

    [[nodiscard]] bool joinable() const noexcept { return static_cast<bool>(*this); }
    /// waits, returns: as ThreadPort::join(); on success the object is empty.
    Result<void> join(std::chrono::milliseconds time = forever) {
        Result<void> ended = ThreadPort::join(time);
        if (ended) {
            reset();
        }
        return ended;
    }
    /// returns: the port; the thread goes on by itself.
    ThreadPort detach() noexcept { return ThreadPort(release()); }

private:
    void wait_for_end() noexcept {
        while (joinable() && umach_thread_join(name(), UMACH_FOREVER) == KERN_ABORTED) {
        }
        reset();
    }
};

namespace this_thread {

/// returns: a send right to the calling thread's own kernel port; KERN_RESOURCE_SHORTAGE no room for it.
[[nodiscard]] inline Result<ThreadPort> self() {
    const thread_t name = thread_self();
    const int code =
        name == PORT_NULL ? KERN_RESOURCE_SHORTAGE : port_reference(task_self(), name, PORT_TYPE_SEND);
    return code == KERN_SUCCESS ? Result(ThreadPort(name)) : Error::last(code);
}

/// Waits for this thread's token and takes it. returns: KERN_FAILURE the time is over; KERN_ABORTED.
inline Result<void> park(std::chrono::milliseconds time = forever) {
    return Result<void>::from(umach_thread_park(detail::to_timeout(time)));
}

/// Lets the other fibers of this OS thread run, or else other OS threads.
inline void yield() {
    umach_thread_yield();
}

/// From now on chance picks which of this OS thread's fibers runs next, by seed; 0: in order again.
inline void seed_fibers(unsigned long long seed) {
    umach_fiber_seed(seed);
}

}  // namespace this_thread

}  // namespace umach
