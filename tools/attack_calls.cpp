// SPDX-License-Identifier: BSL-1.0
#include "attack.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <mach.h>
#include <mach_error.h>
#include <servers/netname.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <umach_inspect.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

namespace umach::tools {
namespace {

// returns: "" when the attack succeeded, or what it met
using Attack = std::string (*)(const Victim& victim);

std::string met_errno(bool succeeded) {
    return succeeded ? "" : std::strerror(errno);
}

std::string guess_names(const Victim&) {
    for (port_t name = 1; name < 20'000; ++name) {
        port_type_t type = PORT_TYPE_NONE;
        if (port_type(task_self(), name, &type) == KERN_SUCCESS) continue;
        msg_header_t message{};
        message.msg_simple = TRUE;
        message.msg_size = sizeof message;
        message.msg_remote_port = name;
        if (msg_send(&message, SEND_TIMEOUT, 0) != SEND_INVALID_PORT) return "";
    }
    return "SEND_INVALID_PORT for each";
}

std::string use_stale_name(const Victim&) {
    port_t name = PORT_NULL, next = PORT_NULL;
    port_allocate(task_self(), &name);
    port_deallocate(task_self(), name);
    port_allocate(task_self(), &next);
    msg_header_t message{};
    message.msg_simple = TRUE;
    message.msg_size = sizeof message;
    message.msg_remote_port = name;
    const auto code = msg_send(&message, SEND_TIMEOUT, 0);
    port_deallocate(task_self(), next);
    return code == SEND_INVALID_PORT ? "SEND_INVALID_PORT" : "";
}

std::string lie_about_length(const Victim& victim) {
    port_t port = PORT_NULL;
    if (netname_look_up(name_server_port, "", victim.given.c_str(), &port) != NETNAME_SUCCESS)
        return "no such port";
    for (const msg_size_t size : {0u, 1u, 0x7FFF'FFFFu, 0xFFFF'FFFCu}) {
        msg_header_t message{};
        message.msg_simple = TRUE;
        message.msg_size = size;
        message.msg_remote_port = port;
        if (msg_send(&message, SEND_TIMEOUT, 0) == SEND_SUCCESS) return "";
    }
    return "refused, each";
}

std::string look_up_secret(const Victim& victim) {
    port_t port = PORT_NULL;
    for (const std::string& host : {std::string(), victim.host, std::string("*")})
        if (netname_look_up(name_server_port, host.c_str(), victim.secret.c_str(), &port) == NETNAME_SUCCESS)
            return "";
    return "no such name";
}

std::string reach_segment(const Victim& victim) {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
        if (line.find(victim.segment) != std::string::npos && line.find(" rw") != std::string::npos)
            return "";
    return "not mapped here";
}

std::string join_host(const Victim& victim) {
    const pid_t child = fork();
    if (child == 0) _exit(umach_host_attach(victim.host.c_str()) == KERN_SUCCESS ? 0 : 1);
    int status = 0;
    waitpid(child, &status, 0);
    return status == 0 ? "" : "there is no such host";
}

// It is let go when this process ends, and was never stopped.
std::string trace_member(const Victim& victim) {
    return met_errno(ptrace(PTRACE_SEIZE, victim.process, nullptr, nullptr) == 0);
}

std::string read_member(const Victim& victim) {
    unsigned long long got = 0;
    const iovec here{&got, sizeof got}, there{reinterpret_cast<void*>(victim.memory), sizeof got};
    if (process_vm_readv(victim.process, &here, 1, &there, 1, 0) < 0) return met_errno(false);
    return got == Victim::mark ? "" : "it read something else";
}

std::string read_member_by_proc(const Victim& victim) {
    const int memory = open(fmt::format("/proc/{}/mem", victim.process).c_str(), O_RDWR | O_CLOEXEC);
    if (memory < 0) return met_errno(false);
    unsigned long long got = 0;
    const bool read = pread(memory, &got, sizeof got, static_cast<off_t>(victim.memory)) == sizeof got;
    const std::string met = met_errno(read);
    close(memory);
    return read && got == Victim::mark ? "" : met;
}

std::string take_descriptor(const Victim& victim) {
    const int process = static_cast<int>(syscall(SYS_pidfd_open, victim.process, 0));
    if (process < 0) return met_errno(false);
    const int taken = static_cast<int>(syscall(SYS_pidfd_getfd, process, 0, 0));
    const std::string met = met_errno(taken >= 0);
    close(taken);
    close(process);
    return met;
}

std::string open_descriptor_by_proc(const Victim& victim) {
    const int taken =
        open(fmt::format("/proc/{}/fd/0", victim.process).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const std::string met = met_errno(taken >= 0);
    close(taken);
    return met;
}

std::string signal_member(const Victim& victim) {
    return met_errno(kill(victim.process, 0) == 0);
}

std::string attach_shared_memory(const Victim&) {
    const int made = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (made < 0) return met_errno(false);
    shmctl(made, IPC_RMID, nullptr);
    return "";
}

std::string write_file(const Victim&) {
    const std::string path = fmt::format("/var/tmp/umach-attack-{}", getpid());
    const int file = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) return met_errno(false);
    close(file);
    unlink(path.c_str());
    return "";
}

std::string open_network(const Victim&) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return met_errno(false);
    close(socket);
    return "";
}

std::string gain_privileges(const Victim&) {
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? "no new privileges" : "";
}

constexpr struct {
    const char* name;
    Attack play;
} attacks[] = {
    {"guess names of ports", guess_names},
    {"use the name of a port that is gone", use_stale_name},
    {"lie about the length of a message", lie_about_length},
    {"look up a port that was not given", look_up_secret},
    {"write to the host's memory", reach_segment},
    {"join the host", join_host},
    {"trace a member", trace_member},
    {"read a member's memory by a call", read_member},
    {"read and write a member's memory by /proc", read_member_by_proc},
    {"take a member's descriptor by a call", take_descriptor},
    {"open a member's descriptor by /proc", open_descriptor_by_proc},
    {"signal a member", signal_member},
    {"share memory by its number", attach_shared_memory},
    {"write a file", write_file},
    {"open the network", open_network},
    {"gain privileges by a program", gain_privileges},
};

}  // namespace

void attack_by_calls(const Victim& victim, Level level, const Tell& tell) {
    for (const auto& attack : attacks) {
        const std::string met = attack.play(victim);
        tell({attack.name, level, !met.empty(), met});
    }
}

std::string segment_here() {
    std::ifstream maps("/proc/self/maps");
    std::string largest;
    unsigned long long most = 0;
    for (std::string line; std::getline(maps, line);) {
        std::istringstream words(line);
        unsigned long long from = 0, to = 0;
        char dash = 0;
        std::string rights, offset, device, file;
        words >> std::hex >> from >> dash >> to >> rights >> offset >> device >> file;
        const bool shared = rights.starts_with("rw") && rights.ends_with("s");
        if (!shared || to - from <= most) continue;
        most = to - from;
        largest = device + " " + file + " ";
    }
    return largest;
}

}  // namespace umach::tools
