// SPDX-License-Identifier: BSL-1.0
#include "tasks/start_thread.hpp"

#include "ports/calls.hpp"
#include "runtime/detail.hpp"
#include "tasks/fiber_threads.hpp"
#include "tasks/service.hpp"
#include "tasks/suspension.hpp"

#include <pthread.h>
#include <ucontext.h>
#include <bit>
#include <memory>
#include <semaphore>

namespace umach::tasks {
namespace {

using ports::CarrierKind;
using ports::ThreadRef;

// What a new OS thread is told, and what it says: whether it has its seat.
struct Start {
    Start(Host& in, ThreadRef of, Work what) : host(in), thread(of), work(std::move(what)) {}
    Host& host;
    ThreadRef thread;
    Work work;
    std::binary_semaphore told{0};
    bool seated = false;
    std::string why;
};

void* begin(void* argument) {
    const auto start =
        std::unique_ptr<std::shared_ptr<Start>>(static_cast<std::shared_ptr<Start>*>(argument));
    const std::shared_ptr<Start> s = *start;
    Seat* seat = enter_as(s->host, s->thread);
    s->seated = seat != nullptr;
    if (seat == nullptr) s->why = runtime::detail();
    s->told.release();
    if (seat == nullptr) return nullptr;
    after_trap();  // it may be suspended already
    s->work();
    return nullptr;
}

// One that the service thread makes does not block all signals as that does.
int create_detached(Host& host, void* argument) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (seated() == nullptr) pthread_attr_setsigmask_np(&attributes, &host.program_signals);
    pthread_t thread;
    const int error = pthread_create(&thread, &attributes, begin, argument);
    pthread_attr_destroy(&attributes);
    return error;
}

kern_return_t start_os_thread(Host& host, ThreadRef thread, Work work) {
    const auto start = std::make_shared<Start>(host, thread, std::move(work));
    auto handed = std::make_unique<std::shared_ptr<Start>>(start);
    if (create_detached(host, handed.get()) != 0) {
        runtime::set_detail("the operating system gives this process no further thread");
        return KERN_RESOURCE_SHORTAGE;
    }
    static_cast<void>(handed.release());  // the thread's from here on
    start->told.acquire();
    if (start->seated) return KERN_SUCCESS;
    runtime::set_detail("%s", start->why.c_str());
    return KERN_RESOURCE_SHORTAGE;
}

kern_return_t start(const Trap& trap, CarrierKind kind, ThreadRef thread, Work work) {
    if (kind == CarrierKind::os_thread) return start_os_thread(trap.host(), thread, std::move(work));
    if (start_fiber(trap.seat(), thread, std::move(work))) return KERN_SUCCESS;
    runtime::set_detail("there is no memory for another fiber's stack");
    return KERN_RESOURCE_SHORTAGE;
}

// ---- a thread that begins with registers ------------------------------------------------------------------

enum Register : std::uint32_t { rdi = 4, rsp = 7, rip = 16 };

using Function = void (*)(std::uintptr_t);

#if defined(__x86_64__)
// With a stack of its own the thread begins exactly there, with all of its registers.
[[noreturn]] void jump_to(const ports::ThreadRecord& record) {
    constexpr int order[] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RDI, REG_RSI, REG_RBP, REG_RSP, REG_R8,
                             REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    ucontext_t context;
    getcontext(&context);
    for (std::size_t i = 0; i < std::size(order); ++i)
        context.uc_mcontext.gregs[order[i]] = static_cast<greg_t>(record.registers[i].get());
    setcontext(&context);
    runtime::bug(__FILE__, __LINE__, "setcontext returned");
}
#else
[[noreturn]] void jump_to(const ports::ThreadRecord&) {
    runtime::bug(__FILE__, __LINE__, "registers are known on x86-64 only");
}
#endif

Work work_of_registers(const ports::ThreadRecord& record) {
    return [&record] {
        if (record.registers[rsp].get() != 0) jump_to(record);
        const auto function = reinterpret_cast<Function>(record.registers[rip].get());
        function(record.registers[rdi].get());
    };
}

bool is_yet_to_start(Host& host, ThreadRef thread) {
    return host.kernel().ref_of_thread(thread.index) == thread &&
           host.kernel().thread(thread.index).carrier.get() == 0;
}

}  // namespace

void take_back(ports::Caller& caller, port_name_t name) {
    if (ports::release(caller, caller.task, name, PORT_TYPE_SEND) != KERN_SUCCESS)
        ports::release(caller, caller.task, name, PORT_TYPE_DEAD_NAME);
}

bool is_of_this_process(Host& host, ports::TaskRef task) {
    return host.kernel().task(task.index).process.get() == host.process();
}

kern_return_t start_thread(const Trap& trap, ports::TaskRef task, CarrierKind kind, Work work,
                           port_name_t* name) {
    ports::Caller& c = trap.caller();
    if (!is_of_this_process(trap.host(), task)) {
        runtime::set_detail("the task is another process's: fibers and OS threads are made in their own");
        return KERN_INVALID_ARGUMENT;
    }
    const ThreadRef made = ports::make_thread(c.k, c.carrier, task, kind, false);
    if (!made) return KERN_RESOURCE_SHORTAGE;
    kern_return_t code = ports::thread_port(c, made, name);
    const bool named = code == KERN_SUCCESS;
    if (named) code = start(trap, kind, made, std::move(work));
    if (code == KERN_SUCCESS) return code;
    if (named) take_back(c, *name);
    ports::end_thread(c.k, c.carrier, made);
    c.k.settle(c.carrier);
    return code;
}

kern_return_t start_if_resumed(Host& host, ThreadRef thread) {
    const ports::ThreadRecord& record = host.kernel().thread(thread.index);
    const bool os_thread = record.identity.get().kind == static_cast<std::uint8_t>(CarrierKind::os_thread);
    if (!is_yet_to_start(host, thread) || !os_thread || ports::is_suspended(host.kernel(), thread))
        return KERN_SUCCESS;
    if (record.registers[rip].get() == 0) {
        runtime::set_detail("the thread has no state to begin with: thread_set_state() gives it one");
        return KERN_FAILURE;
    }
    const auto process = static_cast<std::uint32_t>(host.kernel().task(record.task.get().index).process.get());
    OrderWords words{std::bit_cast<std::uint64_t>(thread)};
    const kern_return_t code = process == host.process() ? start_os_thread(host, thread, work_of_registers(record))
                                                         : order(seated()->caller, process, Order::start_thread, words);
    return is_yet_to_start(host, thread) ? code : KERN_SUCCESS;  // another one that resumed it has started it
}

}  // namespace umach::tasks
