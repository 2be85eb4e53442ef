// SPDX-License-Identifier: BSL-1.0
// port_set_fd: what a descriptor shows of a port or set, to poll and to epoll.
#include "processes.hpp"

#include "tasks/termination.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <umach.h>
#include <umach_threads.h>
#include <unistd.h>

#include <atomic>

namespace umach::tests {
namespace {

int descriptor_of(port_name_t port) {
    int descriptor = -1;
    MUST(port_set_fd(task_self(), port, &descriptor) == KERN_SUCCESS);
    return descriptor;
}

short events(int descriptor, int milliseconds) {
    pollfd look{descriptor, POLLIN, 0};
    return poll(&look, 1, milliseconds) == 1 ? look.revents : short{0};
}
bool readable_now(int descriptor) {
    return (events(descriptor, 0) & POLLIN) != 0;
}
bool becomes_readable(int descriptor) {
    return (events(descriptor, 5'000) & POLLIN) != 0;
}
bool hung_up(int descriptor) {
    return (events(descriptor, 0) & POLLHUP) != 0;
}
bool hangs_up(int descriptor) {
    return (events(descriptor, 5'000) & POLLHUP) != 0;
}

TEST(Descriptor, IsReadableFromTheFirstMessageUntilTheReceiveThatEmpties) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        const int descriptor = descriptor_of(port);
        MUST(!readable_now(descriptor));
        MUST(send_plain(port, 1) == SEND_SUCCESS && send_plain(port, 2) == SEND_SUCCESS);
        MUST(becomes_readable(descriptor));
        MUST(receive(port).id == 1 && readable_now(descriptor));
        MUST(receive(port).id == 2 && !readable_now(descriptor));
        MUST(send_plain(port, 3) == SEND_SUCCESS && becomes_readable(descriptor));
        MUST(violations().empty());
    }));
}

TEST(Descriptor, OfAPortThatHasMessagesIsReadableAtOnce) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        MUST(send_plain(port, 1) == SEND_SUCCESS);
        MUST(readable_now(descriptor_of(port)));
    }));
}

TEST(Descriptor, OfASetMirrorsAllItsMembersAndTheNotifyPortItsNotices) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t first = new_port(), second = new_port();
        port_set_name_t set = PORT_NULL;
        MUST(port_set_allocate(task_self(), &set) == KERN_SUCCESS);
        MUST(port_set_add(task_self(), set, first) == KERN_SUCCESS);
        MUST(port_set_add(task_self(), set, second) == KERN_SUCCESS);
        const int descriptor = descriptor_of(set), of_member = descriptor_of(second);
        MUST(send_plain(second, 1) == SEND_SUCCESS);
        MUST(becomes_readable(descriptor) && becomes_readable(of_member));
        MUST(receive(set).id == 1 && !readable_now(descriptor) && !readable_now(of_member));
        MUST(send_plain(first, 2) == SEND_SUCCESS && becomes_readable(descriptor) &&
             !readable_now(of_member));
    }));
}

TEST(Descriptor, GivesEdgeTriggeredEpollANewEdgeForEachArrival) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        const int descriptor = descriptor_of(port), epoll = epoll_create1(0);
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0);
        for (int i = 0; i < PORT_BACKLOG_MAX; ++i) {  // nothing is received in between
            MUST(send_plain(port, i) == SEND_SUCCESS);
            MUST(epoll_wait(epoll, &event, 1, 5'000) == 1);
        }
        MUST(epoll_wait(epoll, &event, 1, 0) == 0);
        for (int i = 0; i < PORT_BACKLOG_MAX; ++i) MUST(receive(port).id == i);
        MUST(send_plain(port, 99) == SEND_SUCCESS && epoll_wait(epoll, &event, 1, 5'000) == 1);
    }));
}

TEST(Descriptor, HangsUpWhenThePortDies) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        const int descriptor = descriptor_of(port);
        MUST(port_deallocate(task_self(), port) == KERN_SUCCESS && hangs_up(descriptor));
    }));
}

TEST(Descriptor, ClosedByTheProgramStopsNothing) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        const int closed = descriptor_of(port);
        const int kept = descriptor_of(port);
        close(closed);
        for (int i = 0; i < 3; ++i) {
            MUST(send_plain(port, i) == SEND_SUCCESS && becomes_readable(kept));
            MUST(receive(port).id == i && !readable_now(kept));
        }
    }));
}

TEST(Descriptor, IsNotInheritedByAForkedChildNorKeptOverExec) {
    EXPECT_TRUE(runs_well([] {
        const int descriptor = descriptor_of(new_port());
        MUST((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
        MUST(runs_well([descriptor] { MUST(fcntl(descriptor, F_GETFD) == -1); }));
        close(descriptor);
        MUST(dup2(STDERR_FILENO, descriptor) == descriptor);  // the number is something else by now
        MUST(runs_well([descriptor] { MUST(fcntl(descriptor, F_GETFD) >= 0); }));
    }));
}

TEST(Descriptor, IsRefusedForWhatCannotBeReceivedFrom) {
    EXPECT_TRUE(runs_well([] {
        int descriptor = -1;
        MUST(port_set_fd(task_self(), 4711, &descriptor) == KERN_INVALID_ARGUMENT);
        MUST(port_set_fd(task_self(), task_self(), &descriptor) == KERN_NOT_RECEIVER);
        MUST(port_set_fd(new_port(), new_port(), &descriptor) == KERN_INVALID_ARGUMENT);
        MUST(port_set_fd(task_self(), new_port(), nullptr) == KERN_INVALID_ADDRESS);
    }));
}

// ---- the thread that watches ------------------------------------------------------------------------------

// Its record, when it waits for arrivals.
ports::ThreadRef watcher() {
    for (std::uint32_t i = 1; i < kernel().capacity(ports::zone_threads); ++i) {
        const ports::ThreadRecord& thread = kernel().thread(i);
        if (thread.identity.get().life == ports::Life::live && thread.wait.get().kind == ports::WaitKind::watch)
            return kernel().ref_of_thread(i);
    }
    return {};
}

kern_return_t terminate(ports::ThreadRef thread) {
    const tasks::Trap trap;
    return tasks::terminate(trap.caller(), thread);
}

TEST(Descriptor, ItsWatcherIsNotAmongTheTasksThreads) {
    EXPECT_TRUE(runs_well([] {
        const int descriptor = descriptor_of(new_port());
        thread_array_t threads = nullptr;
        unsigned int count = 0;
        MUST(task_threads(task_self(), &threads, &count) == KERN_SUCCESS && count == 1);
        MUST(threads[0] == thread_self());
        close(descriptor);
    }));
}

TEST(Descriptor, HangsUpWhenItsWatcherIsTerminatedAndTheNextHasANewOne) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        const int descriptor = descriptor_of(port);
        MUST(becomes_true([] { return static_cast<bool>(watcher()); }));
        MUST(terminate(watcher()) == KERN_SUCCESS);
        MUST(hangs_up(descriptor));
        int next = -1;
        MUST(becomes_true([&] { return port_set_fd(task_self(), port, &next) == KERN_SUCCESS && !hung_up(next); }));
        MUST(send_plain(port, 1) == SEND_SUCCESS && becomes_readable(next));
        MUST(violations().empty());
    }));
}

TEST(Descriptor, TerminationOfAWatcherWithNothingToWatchReturns) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        close(descriptor_of(port));
        ports::ThreadRef thread;
        MUST(becomes_true([&] { return static_cast<bool>(thread = watcher()); }));
        const auto& record = kernel().thread(thread.index);
        const auto sleeps = [&] { return record.inside.load() == 0 && record.wait.get().state == ports::WaitState::idle; };
        // It may be ending by itself, at any of these looks.
        MUST(becomes_true([&] { return watcher() != thread || sleeps(); }));
        MUST(terminate(thread) == KERN_SUCCESS || becomes_true([&] { return watcher() != thread; }));
    }));
}

struct Survivor {
    task_t first;
    int descriptor;
    std::atomic<bool> first_is_done{false};  // with its calls: it is not unwound
};

void end_the_first_task(void* argument) {
    auto& mine = *static_cast<Survivor*>(argument);
    MUST(becomes_true([&] { return mine.first_is_done.load(); }));
    const bool good = task_terminate(mine.first) == KERN_SUCCESS && hangs_up(mine.descriptor) && violations().empty();
    _exit(good ? 0 : 1);
}

TEST(Descriptor, HangsUpWhenItsTaskIsTerminatedAndTheProcessGoesOn) {
    EXPECT_TRUE(runs_well([] {
        const int descriptor = descriptor_of(new_port());
        task_t second = TASK_NULL;
        MUST(task_create(task_self(), FALSE, &second) == KERN_SUCCESS);
        MUST(port_insert_send(second, task_self(), 4711) == KERN_SUCCESS);
        Survivor survivor{4711, descriptor};
        thread_t thread = THREAD_NULL;
        MUST(umach_thread_create(second, UMACH_OS_THREAD, end_the_first_task, &survivor, &thread) == KERN_SUCCESS);
        survivor.first_is_done.store(true);
        for (;;) pause();
    }));
}

}  // namespace
}  // namespace umach::tests
