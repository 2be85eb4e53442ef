// SPDX-License-Identifier: BSL-1.0
// What the holder of another process's kernel ports does with it, by messages alone.
#include "counting.hpp"
#include "stage.hpp"

#include "tasks/kernel/special_port_calls.hpp"
#include "tasks/kernel/task_calls.hpp"
#include "tasks/kernel/thread_calls.hpp"
#include "tasks/thread_state.hpp"

#include <mach/thread_special_ports.h>
#include <sys/wait.h>

namespace umach::tests {
namespace {

template <auto Handler>
kern_return_t tell(port_t to, const typename TraitsOf<Handler>::Ins& in = {}) {
    typename TraitsOf<Handler>::Outs out;
    return by_message<Handler>(to, thread_reply(), in, out);
}

std::vector<thread_t> threads_of(task_t task) {
    std::tuple<Array<Port>> out;
    MUST(by_message<calls::task_threads>(task, thread_reply(), {}, out) == KERN_SUCCESS);
    return std::get<0>(out).values;
}

// A process that has given its task's kernel port, and does something then.
struct Other {
    pid_t process = -1;
    task_t task = TASK_NULL;

    explicit Other(const std::function<void()>& then) {
        const port_name_t home = new_port();
        leave_for_children(home);
        process = start([&] {
            MUST(send_right(left_by_parent(), 1, task_self()) == SEND_SUCCESS);
            then();
        });
        task = receive(home).right;
        MUST(task != PORT_NULL);
    }
    thread_t only_thread() const {
        const std::vector<thread_t> threads = threads_of(task);
        MUST(threads.size() == 1);
        return threads[0];
    }
};

TEST(KernelControl, SuspendsAndResumesATask) {
    EXPECT_TRUE(runs_well([] {
        auto& counting = shared<Counting>();
        const Other other([&] { counting.run(); });
        MUST(counting.goes_on());
        for (int round = 0; round < 3; ++round) {
            MUST(tell<calls::task_suspend>(other.task) == KERN_SUCCESS && stands_still(counting));
            MUST(tell<calls::task_resume>(other.task) == KERN_SUCCESS && counting.goes_on());
        }
        MUST(tell<calls::task_resume>(other.task) == KERN_FAILURE);
        MUST(ends(counting) && ended_well(other.process));
    }));
}

TEST(KernelControl, SuspendsAThreadReadsItsRegistersAndResumesIt) {
    EXPECT_TRUE(runs_well([] {
        auto& counting = shared<Counting>();
        const Other other([&] { counting.run(); });
        MUST(counting.goes_on());
        const thread_t thread = other.only_thread();
        constexpr auto get = counted<calls::thread_get_state>;
        const std::tuple<Int, Int> whole = {{x86_THREAD_STATE64}, {x86_THREAD_STATE64_COUNT}};
        const kern_return_t none = machine_has_registers ? KERN_FAILURE : KERN_INVALID_ARGUMENT;
        MUST(tell<get>(thread, whole) == none);
        MUST(tell<calls::thread_suspend>(thread) == KERN_SUCCESS && stands_still(counting));
        std::tuple<Array<Int>> state;
        const kern_return_t code = by_message<get>(thread, thread_reply(), whole, state);
        MUST(code == (machine_has_registers ? KERN_SUCCESS : KERN_INVALID_ARGUMENT));
        if (machine_has_registers) {
            const List<Int> same{{}, std::get<0>(state).values};
            MUST(tell<calls::thread_set_state>(thread, {Int{x86_THREAD_STATE64}, same}) == KERN_SUCCESS);
        }
        MUST(tell<calls::thread_resume>(thread) == KERN_SUCCESS && counting.goes_on());
        MUST(ends(counting) && ended_well(other.process));
    }));
}

TEST(KernelControl, AbortsAWait) {
    EXPECT_TRUE(runs_well([] {
        const Other other([] { MUST(receive(new_port(), MSG_OPTION_NONE).code == RCV_INTERRUPTED); });
        MUST(becomes_true([&] { return waits(other.process, ports::WaitKind::receive); }));
        MUST(tell<calls::thread_abort>(other.only_thread()) == KERN_SUCCESS);
        MUST(ended_well(other.process));
    }));
}

TEST(KernelControl, TerminatesATaskWhichIsKilledAndLeavesNothing) {
    EXPECT_TRUE(runs_well([] {
        const Other other([] { static_cast<void>(receive(new_port(), MSG_OPTION_NONE)); });
        const thread_t thread = other.only_thread();
        MUST(tell<calls::task_terminate>(other.task) == KERN_SUCCESS);
        int status = 0;
        MUST(waitpid(other.process, &status, 0) == other.process);
        MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        MUST(tasks_of(other.process) == 0);
        for (const port_t name : {other.task, thread}) {
            port_type_t type = PORT_TYPE_NONE;
            MUST(becomes_true([&] {
                return port_type(task_self(), name, &type) == KERN_SUCCESS && type == PORT_TYPE_DEAD_NAME;
            }));
        }
        MUST(tell<calls::task_terminate>(other.task) == KERN_INVALID_ARGUMENT && violations().empty());
    }));
}

void wait_for_ever(void*) {
    static_cast<void>(receive(new_port(), MSG_OPTION_NONE));
}

TEST(KernelControl, TerminatesOneThreadOfATaskThatGoesOn) {
    EXPECT_TRUE(runs_well([] {
        const Other other([] {
            const thread_t thread = start_thread(wait_for_ever, nullptr);
            MUST(becomes_true([&] { return waits_in(thread, ports::WaitKind::receive); }));
            MUST(send_right(left_by_parent(), 2, thread) == SEND_SUCCESS);
            MUST(umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS);
        });
        const port_name_t home = left_by_parent();
        MUST(tell<calls::thread_terminate>(receive(home).right) == KERN_SUCCESS);
        MUST(ended_well(other.process));
    }));
}

TEST(KernelControl, SetsTheSpecialPortsOfATaskAndItsThread) {
    EXPECT_TRUE(runs_well([] {
        Signal set;
        const Other other([&] {
            set.await();
            port_t of_thread = PORT_NULL, of_task = PORT_NULL;
            MUST(thread_get_special_port(thread_self(), THREAD_EXCEPTION_PORT, &of_thread) == KERN_SUCCESS);
            MUST(task_get_special_port(task_self(), TASK_EXCEPTION_PORT, &of_task) == KERN_SUCCESS);
            MUST(send_plain(of_thread, 11) == SEND_SUCCESS && send_plain(of_task, 12) == SEND_SUCCESS);
        });
        const port_t first = new_port(), second = new_port();
        MUST(tell<calls::thread_set_special_port>(other.only_thread(),
                                                  {Int{THREAD_EXCEPTION_PORT}, Port{first}}) == KERN_SUCCESS);
        MUST(tell<calls::task_set_special_port>(other.task, {Int{TASK_EXCEPTION_PORT}, Port{second}}) ==
             KERN_SUCCESS);
        set.give();
        MUST(receive(first).id == 11 && receive(second).id == 12);
        MUST(ended_well(other.process));
    }));
}

TEST(KernelControl, ListOfMoreThreadsThanAMessageHasRightsIsAShortage) {
    EXPECT_TRUE(runs_well([] {
        std::array<thread_t, MSG_RIGHTS_MAX> made{};
        for (std::size_t i = 1; i < made.size(); ++i)
            MUST(thread_create(task_self(), &made[i]) == KERN_SUCCESS);
        MUST(threads_of(task_self()).size() == MSG_RIGHTS_MAX);
        MUST(thread_create(task_self(), &made[0]) == KERN_SUCCESS);
        const auto names = [] { return kernel().task(tasks::enter()->caller.task.index).names.get(); };
        const std::uint64_t before = names();
        MUST(tell<calls::task_threads>(task_self()) == KERN_RESOURCE_SHORTAGE);
        MUST(names() == before && violations().empty());
        MUST(thread_terminate(made[0]) == KERN_SUCCESS);
        MUST(threads_of(task_self()).size() == MSG_RIGHTS_MAX);
    }));
}

}  // namespace
}  // namespace umach::tests
