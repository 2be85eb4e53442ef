// SPDX-License-Identifier: BSL-1.0
// What the entry points of the C API add to the kernel's calls: tasks by name, results by address, memory,
// words.
#include "processes.hpp"

#include <servers/netname_defs.h>
#include <umach.h>
#include <unistd.h>
#include <climits>
#include <csignal>
#include <cstring>
#include <set>
#include <thread>

namespace umach::tests {
namespace {

TEST(Face, NameThatIsNoTasksIsAnInvalidArgumentAndTheDetailSaysSo) {
    EXPECT_TRUE(runs_well([] {
        port_name_t made = PORT_NULL;
        MUST(port_allocate(new_port(), &made) == KERN_INVALID_ARGUMENT && made == PORT_NULL);
        MUST(port_allocate(PORT_NULL, &made) == KERN_INVALID_ARGUMENT);
        MUST(std::strstr(mach_error_detail(), "kernel port") != nullptr);
    }));
}

TEST(Face, AnotherTasksKernelPortServesItsSpace) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        Signal leave;
        const pid_t child = start([&] {
            MUST(send_right(left_by_parent(), 1, task_self()) == SEND_SUCCESS);
            leave.await();
        });
        const task_t task = receive(port).right;
        port_name_t his = PORT_NULL;
        port_type_t type = PORT_TYPE_NONE;
        MUST(port_allocate(task, &his) == KERN_SUCCESS);
        MUST(port_type(task, his, &type) == KERN_SUCCESS && type == PORT_TYPE_RECEIVE_OWN);
        vm_address_t address = 0;
        MUST(vm_allocate(task, &address, 1, TRUE) == KERN_SUCCESS && vm_deallocate(task, address, 1) == KERN_SUCCESS);
        leave.give();
        MUST(ended_well(child));
        MUST(becomes_true([&] { return port_allocate(task, &his) == KERN_INVALID_ARGUMENT; }));
    }));
}

TEST(Face, ResultThatCannotBeWrittenChangesNothing) {
    EXPECT_TRUE(runs_well([] {
        const auto ports = [] { return kernel().task(tasks::current_host()->task().index).ports.get(); };
        MUST(task_self() != PORT_NULL);
        const auto before = ports();
        MUST(port_allocate(task_self(), nullptr) == KERN_INVALID_ADDRESS);
        MUST(port_allocate(task_self(), reinterpret_cast<port_name_t*>(~0UL - 64)) == KERN_INVALID_ADDRESS);
        MUST(port_names(task_self(), nullptr, nullptr, nullptr, nullptr) == KERN_INVALID_ADDRESS);
        MUST(mach_ports_register(task_self(), nullptr, 1) == KERN_INVALID_ADDRESS);
        MUST(ports() == before);
    }));
}

TEST(Face, NamesComeInArraysThatAreTheCallersMemory) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        port_name_array_t names = nullptr;
        port_type_array_t types = nullptr;
        unsigned int names_count = 0, types_count = 0;
        MUST(port_names(task_self(), &names, &names_count, &types, &types_count) == KERN_SUCCESS);
        MUST(names_count == 3 && types_count == 3);  // kernel port, notify port, ours
        bool found = false;
        for (unsigned i = 0; i < names_count; ++i)
            found |= names[i] == port && types[i] == PORT_TYPE_RECEIVE_OWN;
        MUST(found);
        const auto address = reinterpret_cast<vm_address_t>(names);
        MUST(vm_deallocate(task_self(), address, names_count * sizeof *names) == KERN_SUCCESS);
        MUST(vm_deallocate(task_self(), address, names_count * sizeof *names) == KERN_INVALID_ADDRESS);
    }));
}

TEST(Memory, IsWholePagesOfZerosAndGoneAfterDeallocation) {
    EXPECT_TRUE(runs_well([] {
        vm_address_t address = 0;
        MUST(vm_allocate(task_self(), &address, 5'000, TRUE) == KERN_SUCCESS && address % 4096 == 0);
        auto* bytes = reinterpret_cast<char*>(address);
        for (int i = 0; i < 8192; ++i) MUST(bytes[i] == 0);
        vm_address_t same = address + 4096 + 7;
        MUST(vm_allocate(task_self(), &same, 1, FALSE) == KERN_NO_SPACE);
        MUST(vm_deallocate(task_self(), address, 5'000) == KERN_SUCCESS);
        MUST(vm_deallocate(task_self(), address, 5'000) == KERN_INVALID_ADDRESS);
        same = 0x7a00'0000'0007;
        MUST(vm_allocate(task_self(), &same, 1, FALSE) == KERN_SUCCESS && same == 0x7a00'0000'0000);
        MUST(vm_deallocate(task_self(), same, 1) == KERN_SUCCESS);
    }));
}

TEST(Memory, RangesThatWrapOrAreNowhereAreInvalidAddresses) {
    EXPECT_TRUE(runs_well([] {
        vm_address_t address = ~vm_address_t{0} - 10;
        MUST(vm_allocate(task_self(), &address, 100, FALSE) == KERN_INVALID_ADDRESS);
        MUST(vm_deallocate(task_self(), address, 100) == KERN_INVALID_ADDRESS);
        MUST(vm_allocate(task_self(), &address, ~vm_size_t{0}, TRUE) == KERN_NO_SPACE);
        MUST(vm_allocate(task_self(), nullptr, 1, TRUE) == KERN_INVALID_ADDRESS);
        MUST(vm_allocate(task_self(), &address, 0, TRUE) == KERN_SUCCESS && address == 0);
        MUST(vm_deallocate(task_self(), 12345, 0) == KERN_SUCCESS);
    }));
}

TEST(Traps, TakeSizesAndNamesFromTheirArgumentsAndLeaveAFailedHeaderAsItWas) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        msg_header_t header{};
        header.msg_simple = TRUE;
        header.msg_remote_port = port;
        header.msg_size = 4711;
        header.msg_id = 3;
        MUST(msg_send_trap(&header, MSG_OPTION_NONE, sizeof header, 0) == SEND_SUCCESS &&
             header.msg_size == 4711);
        header.msg_local_port = 99;
        MUST(msg_receive_trap(&header, RCV_TIMEOUT, sizeof header, new_port(), 0) == RCV_TIMED_OUT);
        MUST(header.msg_size == 4711 && header.msg_local_port == 99);
        MUST(msg_receive_trap(&header, RCV_TIMEOUT, sizeof header, port, 0) == RCV_SUCCESS &&
             header.msg_id == 3);
        MUST(msg_send_trap(&header, MSG_OPTION_NONE, MSG_SIZE_MAX + 1, 0) == SEND_MSG_TOO_LARGE);
        MUST(msg_send_trap(nullptr, MSG_OPTION_NONE, sizeof header, 0) == SEND_INVALID_MEMORY);
    }));
}

TEST(Words, EveryCodeOfEveryFamilyHasItsOwnText) {
    std::set<std::string> texts;
    unsigned codes = 0;
    const auto add = [&](int first, int last) {
        for (int code = first; code <= last; ++code, ++codes) {
            EXPECT_STRNE(mach_error_string(code), mach_error_string(INT_MAX)) << code;
            texts.insert(mach_error_string(code));
        }
    };
    add(KERN_SUCCESS, KERN_MEMORY_PRESENT);
    add(SEND_TIMED_OUT, SEND_INVALID_MEMORY);
    add(SEND_MSG_TOO_SMALL, SEND_WILL_NOTIFY);
    add(RCV_PORT_CHANGE, RCV_INVALID_MEMORY);
    add(MIG_DESTROY_REQUEST, MIG_TYPE_ERROR);
    add(NETNAME_NOT_YOURS, NETNAME_INVALID_PORT);
    EXPECT_EQ(texts.size(), codes);
}

TEST(Words, DetailIsTheThreadsOwnAndStandsUntilItsNextFailure) {
    EXPECT_TRUE(runs_well([] {
        MUST(port_deallocate(task_self(), 4711) == KERN_INVALID_ARGUMENT);
        const std::string cause = mach_error_detail();
        MUST(!cause.empty());
        MUST(new_port() != PORT_NULL && cause == mach_error_detail());
        std::thread([] { MUST(*mach_error_detail() == '\0'); }).join();
    }));
}

TEST(Fault, OfAProgramsOwnIsNotTheKernels) {
    siginfo_t information{};
    information.si_code = SEGV_MAPERR;
    EXPECT_EQ(umach_fault(SIGSEGV, nullptr, nullptr), FALSE);
    information.si_code = SI_USER;
    EXPECT_EQ(umach_fault(SIGSEGV, &information, &information), FALSE);
}

TEST(Fault, HandlerThatCallsUmachFirstLeavesWildPointersErrors) {
    EXPECT_TRUE(runs_well([] {
        MUST(task_self() != PORT_NULL);
        struct sigaction own {};
        own.sa_flags = SA_SIGINFO;
        own.sa_sigaction = [](int signal, siginfo_t* information, void* context) {
            if (umach_fault(signal, information, context) == FALSE) _exit(2);
        };
        MUST(sigaction(SIGSEGV, &own, nullptr) == 0);
        MUST(msg_send(reinterpret_cast<msg_header_t*>(8), MSG_OPTION_NONE, 0) == SEND_INVALID_MEMORY);
    }));
}

}  // namespace
}  // namespace umach::tests
