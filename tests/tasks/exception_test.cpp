// SPDX-License-Identifier: BSL-1.0
// A thread that faults asks its exception port, and lives or dies by the answer.
#include "counting.hpp"

#include "tasks/fiber/sanitizer.hpp"
#include "tasks/thread_state.hpp"

#include <mach/exception.h>
#include <mach/task_interface.h>
#include <umach.h>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstring>

namespace umach::tests {
namespace {

// ---- faults -----------------------------------------------------------------------------------------------

void divide_by_zero() {
#if defined(__x86_64__)
    const int zero = 0;
    asm volatile("xor %%edx, %%edx; mov $1, %%eax; idivl %0" : : "m"(zero) : "eax", "edx");
#else
    raise(SIGFPE);
#endif
}

char* page_nobody_may_write() {
    void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(page != MAP_FAILED);
    return static_cast<char*>(page);
}

[[gnu::noinline]] void write_to(volatile char* where) {
    *where = 'w';
}

// ---- who answers ------------------------------------------------------------------------------------------

// Answers every exception that comes to a port, in a thread of its own.
struct Answering {
    port_name_t port = PORT_NULL;
    exc_raise_t decide = nullptr;
};

exc_raise_request_t receive_exception(port_name_t port) {
    exc_raise_request_t request{};
    request.header.msg_size = sizeof request;
    request.header.msg_local_port = port;
    MUST(msg_receive(&request.header, MSG_OPTION_NONE, 0) == RCV_SUCCESS);
    MUST(request.header.msg_id == EXC_RAISE_ID);
    return request;
}

void answer(const exc_raise_request_t& request, exc_raise_t decide) {
    exc_raise_reply_t reply;
    MUST(exc_server(&request.header, &reply, decide) == TRUE);
    MUST(msg_send(&reply.header, MSG_OPTION_NONE, 0) == SEND_SUCCESS);
}

void answer_all(void* argument) {
    const auto& mine = *static_cast<Answering*>(argument);
    for (;;) answer(receive_exception(mine.port), mine.decide);
}

kern_return_t agree(port_t, thread_t, task_t, int, int, unsigned long long) {
    return KERN_SUCCESS;
}
kern_return_t refuse(port_t, thread_t, task_t, int, int, unsigned long long) {
    return KERN_FAILURE;
}
kern_return_t make_writable(port_t, thread_t thread, task_t task, int exception, int code, unsigned long long at) {
    MUST(exception == EXC_BAD_ACCESS && code == KERN_PROTECTION_FAILURE);
    MUST(thread != THREAD_NULL && task == task_self());
    const auto page = at & ~4095ULL;
    return mprotect(reinterpret_cast<void*>(page), 4096, PROT_READ | PROT_WRITE) == 0 ? KERN_SUCCESS : KERN_FAILURE;
}

port_name_t as_task_port(port_name_t port) {
    MUST(task_set_special_port(task_self(), TASK_EXCEPTION_PORT, port) == KERN_SUCCESS);
    return port;
}
void as_thread_port(port_name_t port) {
    MUST(thread_set_special_port(thread_self(), THREAD_EXCEPTION_PORT, port) == KERN_SUCCESS);
}

// From then on the task's exceptions are answered so.
void answer_with(exc_raise_t decide) {
    static Answering answering;
    answering = {as_task_port(new_port()), decide};
    start_thread(answer_all, &answering);
}

// A sanitizer that has a handler of its own reports the signal and exits.
bool dies_of(int signal, const std::function<void()>& scenario) {
    const pid_t child = start([&] {
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        scenario();
    });
    int status = 0;
    waitpid(child, &status, 0);
    if (UMACH_ADDRESS_SANITIZER && WIFEXITED(status)) return WEXITSTATUS(status) != 0;
    return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

// ---- lives ------------------------------------------------------------------------------------------------

TEST(Exception, InstructionIsTriedAgainOnceTheReceiverHasMadeItPossible) {
    EXPECT_TRUE(runs_well([] {
        answer_with(make_writable);
        char* page = page_nobody_may_write();
        write_to(page + 5);
        MUST(page[5] == 'w');
        char* other = page_nobody_may_write();
        write_to(other);
        MUST(other[0] == 'w');
    }));
}

TEST(Exception, ThreadThatNeverCalledHasOneToo) {
    EXPECT_TRUE(runs_well([] {
        answer_with(make_writable);
        char* page = page_nobody_may_write();
        pthread_t thread;
        const auto fault = [](void* at) -> void* { return write_to(static_cast<char*>(at)), nullptr; };
        MUST(pthread_create(&thread, nullptr, fault, page) == 0);
        MUST(pthread_join(thread, nullptr) == 0 && page[0] == 'w');
    }));
}

TEST(Exception, DetailOfTheThreadsLastFailureIsStillThereAfterwards) {
    EXPECT_TRUE(runs_well([] {
        answer_with(make_writable);
        MUST(send_plain(12'345, 1) == SEND_INVALID_PORT);
        const std::string before = mach_error_detail();
        write_to(page_nobody_may_write());
        MUST(mach_error_detail() == before && !before.empty());
    }));
}

TEST(Exception, ThreadsOwnPortIsAskedAndNotItsTasks) {
    EXPECT_TRUE(runs_well([] {
        answer_with(refuse);
        static Answering own{new_port(), make_writable};
        start_thread(answer_all, &own);
        as_thread_port(own.port);
        char* page = page_nobody_may_write();
        write_to(page);
        MUST(page[0] == 'w');
    }));
}

TEST(Exception, ForkedChildsGoesToThePortThatItInherits) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = as_task_port(new_port());
        leave_for_children(port);
        const pid_t child = start([] {
            MUST(left_by_parent() != PORT_NULL);
            write_to(page_nobody_may_write());
        });
        const exc_raise_request_t request = receive_exception(port);
        MUST(request.exception == EXC_BAD_ACCESS);
        port_type_t type = PORT_TYPE_NONE;
        MUST(port_type(task_self(), request.task, &type) == KERN_SUCCESS && request.task != task_self());
        answer(request, refuse);
        MUST(!ended_well(child));
    }));
}

TEST(Exception, RaisedAbortIsASoftwareExceptionAndMayBeSurvived) {
    EXPECT_TRUE(runs_well([] {
        answer_with([](port_t, thread_t, task_t, int exception, int code, unsigned long long) {
            return exception == EXC_SOFTWARE && code == EXC_UNIX_ABORT ? KERN_SUCCESS : KERN_FAILURE;
        });
        raise(SIGABRT);
    }));
}

// The server is a sibling on the same OS thread: it runs while the other stands in its fault.
TEST(Exception, FibersIsAnsweredByItsSibling) {
    EXPECT_TRUE(runs_well([] {
        static Answering answering{as_task_port(new_port()), make_writable};
        start_thread(answer_all, &answering, UMACH_FIBER);
        static char* pages[2] = {page_nobody_may_write(), page_nobody_may_write()};
        const auto fault = [](void* page) { write_to(static_cast<char*>(page)); };
        const thread_t first = start_thread(fault, pages[0], UMACH_FIBER);
        const thread_t second = start_thread(fault, pages[1], UMACH_FIBER);
        MUST(umach_thread_join(first, 5'000) == KERN_SUCCESS && umach_thread_join(second, 5'000) == KERN_SUCCESS);
        MUST(pages[0][0] == 'w' && pages[1][0] == 'w');
    }));
}

TEST(Exception, ProgramWithItsOwnHandlerIsSavedByUmachFault) {
    EXPECT_TRUE(runs_well([] {
        answer_with(make_writable);
        struct sigaction action {};
        action.sa_flags = SA_SIGINFO;
        action.sa_sigaction = [](int number, siginfo_t* information, void* context) {
            if (umach_fault(number, information, context) == FALSE) _exit(1);
        };
        sigaction(SIGSEGV, &action, nullptr);
        char* page = page_nobody_may_write();
        write_to(page);
        MUST(page[0] == 'w');
    }));
}

#if defined(__x86_64__)

// Says when it is left by an unwinding.
struct Witness {
    ~Witness() { left.store(true); }
    static inline std::atomic<bool> left{false};
};

void (*volatile fault_function)(volatile char*) = write_to;

void fault_for_ever(void*) {
    const Witness witness;
    fault_function(page_nobody_may_write());
}

[[noreturn]] void leave(Counting* counting) {
    counting->ended.store(true);
    pthread_exit(nullptr);
}

thread_t start_faulting(port_name_t port, exc_raise_request_t* request) {
    as_task_port(port);
    const thread_t thread = start_thread(fault_for_ever, nullptr);
    *request = receive_exception(port);
    return thread;
}

TEST(Exception, DivisionByZeroAndAWrongInstructionSayWhatTheyAreAndWhere) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = as_task_port(new_port());
        leave_for_children(port);
        for (const bool divides : {true, false}) {
            const pid_t child = start([&] {
                MUST(left_by_parent() != PORT_NULL);
                divides ? divide_by_zero() : __builtin_trap();
            });
            const exc_raise_request_t request = receive_exception(port);
            MUST(request.exception == (divides ? EXC_ARITHMETIC : EXC_BAD_INSTRUCTION));
            MUST(!divides || (request.code == FPE_INTDIV && request.subcode != 0));
            answer(request, refuse);
            MUST(!ended_well(child));
        }
    }));
}

TEST(Exception, ThreadGoesOnWhereTheReceiverSentIt) {
    EXPECT_TRUE(runs_well([] {
        exc_raise_request_t request;
        Counting counting;
        start_faulting(new_port(), &request);
        {
            const tasks::Trap trap;
            const ports::ThreadRef thread = ports::thread_of_name(trap.caller(), request.thread);
            tasks::Registers registers{};
            MUST(tasks::get_registers(trap.caller(), thread, &registers) == KERN_SUCCESS);
            MUST(registers[16] - reinterpret_cast<std::uint64_t>(write_to) < 64);
            registers[16] = reinterpret_cast<std::uint64_t>(leave);
            registers[4] = reinterpret_cast<std::uint64_t>(&counting);
            registers[7] = ((registers[7] - 256) & ~std::uint64_t{15}) - 8;
            MUST(tasks::set_registers(trap.caller(), thread, registers) == KERN_SUCCESS);
        }
        answer(request, agree);
        MUST(umach_thread_join(request.thread, 5'000) == KERN_SUCCESS && counting.ended.load());
    }));
}

TEST(Exception, ThreadThatIsSuspendedBeforeItIsAnsweredStandsStillWhereItFaulted) {
    EXPECT_TRUE(runs_well([] {
        exc_raise_request_t request;
        start_faulting(new_port(), &request);
        MUST(thread_suspend(request.thread) == KERN_SUCCESS);
        answer(request, agree);
        MUST(becomes_true([&] { return is_stopped(request.thread); }));
        MUST(record_of(request.thread).registers[16].get() - reinterpret_cast<std::uint64_t>(write_to) < 64);
        MUST(thread_resume(request.thread) == KERN_SUCCESS);
        const port_name_t port = request.header.msg_local_port;
        request = receive_exception(port);  // it faults again
    }));
}

TEST(Exception, ThreadThatIsTerminatedInsteadOfAnsweredEndsAndItsProcessLives) {
    EXPECT_TRUE(runs_well([] {
        exc_raise_request_t request;
        const thread_t thread = start_faulting(new_port(), &request);
        MUST(thread_terminate(thread) == KERN_SUCCESS);
        MUST(umach_thread_join(thread, 5'000) == KERN_SUCCESS);
        MUST(becomes_true([&] { return send_plain(request.header.msg_remote_port, EXC_RAISE_REPLY_ID) != SEND_SUCCESS; }));
        MUST(becomes_true([] { return Witness::left.load(); }) && violations().empty());
    }));
}

#endif

// ---- dies -------------------------------------------------------------------------------------------------

struct Fault {
    int signal;
    void (*make)();
};
const Fault faults[] = {
    {SIGSEGV, [] { write_to(page_nobody_may_write()); }},
    {SIGFPE, divide_by_zero},
    {SIGILL, [] { __builtin_trap(); }},
    {SIGABRT, [] { std::abort(); }},
};

TEST(Exception, ProcessDiesOfItsSignalWhenThereIsNoPort) {
    for (const Fault& fault : faults)
        EXPECT_TRUE(dies_of(fault.signal, [&] {
            MUST(new_port() != PORT_NULL);
            fault.make();
        })) << strsignal(fault.signal);
}

TEST(Exception, ProcessDiesOfItsSignalWhenTheAnswerIsNo) {
    for (const Fault& fault : faults)
        EXPECT_TRUE(dies_of(fault.signal, [&] {
            answer_with(refuse);
            fault.make();
        })) << strsignal(fault.signal);
}

TEST(Exception, ProcessThatCallsAbortDiesWhateverTheAnswerIs) {
    EXPECT_TRUE(dies_of(SIGABRT, [] {
        answer_with(agree);
        std::abort();
    }));
}

TEST(Exception, ProcessDiesOfItsSignalWhenTheServerDies) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        leave_for_children(home);
        const pid_t server = start([&] {
            const port_name_t port = new_port();
            MUST(send_right(left_by_parent(), 1, port) == SEND_SUCCESS);
            receive_exception(port);
            kill(getpid(), SIGKILL);
        });
        as_task_port(receive(home).right);
        MUST(dies_of(SIGSEGV, [] {
            MUST(left_by_parent() != PORT_NULL);
            write_to(page_nobody_may_write());
        }));
        MUST(!ended_well(server));
    }));
}

TEST(Exception, SignalThatSomebodySentIsNone) {
    EXPECT_TRUE(dies_of(SIGSEGV, [] {
        answer_with(agree);
        raise(SIGSEGV);
    }));
}

TEST(Exception, HandlerThatTheProgramHadIsCalledWhenTheAnswerIsNo) {
    EXPECT_TRUE(runs_well([] {
        signal(SIGFPE, [](int) { _exit(0); });
        answer_with(refuse);
        divide_by_zero();
        MUST(false);
    }));
}

}  // namespace
}  // namespace umach::tests
