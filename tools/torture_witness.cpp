// SPDX-License-Identifier: BSL-1.0
#include "torture_witness.hpp"

#include "command.hpp"

#include <mach.h>
#include <mach/notify.h>
#include <poll.h>
#include <servers/netname.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>

namespace umach::tools {
namespace {

using Clock = std::chrono::steady_clock;

void note(const char* violation, void* to) {
    auto& text = *static_cast<std::array<char, 320>*>(to);
    if (text.front() == 0) std::strncpy(text.data(), violation, text.size() - 1);
}

// A keeper that has just taken over starts a name service, which is part of what is counted.
void wait_for_name_service() {
    netname_name_t version;
    const auto end = Clock::now() + std::chrono::seconds(5);
    while (netname_version(name_server_port, version) != NETNAME_SUCCESS && Clock::now() < end) {
    }
}

// What died under names of its own, old name servers above all.
void hear_of_deaths() {
    notification_t notice{};
    do {
        notice.notify_header.msg_size = sizeof notice;
        notice.notify_header.msg_local_port = task_notify();
    } while (msg_receive(&notice.notify_header, RCV_TIMEOUT, 0) == RCV_SUCCESS);
}

bool is_no_more_than(const umach_audit_seen_t& now, const umach_audit_seen_t& then) {
    return now.tasks <= then.tasks && now.ports <= then.ports && now.names <= then.names &&
           now.messages <= then.messages;
}

void look_once(Testimony& testimony) {
    testimony.first_violation.fill(0);
    const bool seen = umach_inspect_audit(note, &testimony.first_violation, &testimony.audit) == KERN_SUCCESS;
    testimony.is_given = seen ? 1 : 0;
}

void testify(const umach_audit_seen_t& until, Testimony& testimony) {
    const auto end = Clock::now() + std::chrono::seconds(10);
    wait_for_name_service();
    do {
        hear_of_deaths();
        look_once(testimony);
    } while (!is_no_more_than(testimony.audit, until) && Clock::now() < end);
}

[[noreturn]] void be_witness(const std::string& host, const umach_host_options_t* maker, int line, Testimony& testimony) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool there = maker != nullptr ? umach_host_create(host.c_str(), maker) == KERN_SUCCESS
                                        : attach_patiently(host);
    if (!there) _exit(1);
    umach_audit_seen_t until{};
    while (read(line, &until, sizeof until) == sizeof until) {
        // When the workers have ended for good somebody has to clear away after the last of them.
        if (until.tasks != ~0ull) unsetenv("UMACH_NO_KEEPER");
        testify(until, testimony);
        if (write(line, &until, 1) != 1) break;
    }
    _exit(0);
}

}  // namespace

Witness::Witness(const std::string& host, const umach_host_options_t* maker, Testimony& testimony) : testimony_(testimony) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        throw Trouble("there is no socket to be had");
    pid_ = fork();
    if (pid_ < 0) throw Trouble("there is no process to be had");
    if (pid_ == 0) {
        close(ends[0]);
        if (maker == nullptr) setenv("UMACH_NO_KEEPER", "1", 1);   // that is for the workers, who are killed
        be_witness(host, maker, ends[1], testimony);
    }
    close(ends[1]);
    line_ = ends[0];
}

Witness::~Witness() {
    shutdown(line_, SHUT_RDWR);  // workers have inherited it
    close(line_);
    waitpid(pid_, nullptr, 0);
}

bool Witness::look() {
    umach_audit_seen_t any{};
    any.tasks = any.ports = any.names = any.messages = ~0ull;
    return ask(any);
}

bool Witness::look_until(const umach_audit_seen_t& before) {
    return ask(before);
}

bool Witness::ask(const umach_audit_seen_t& until) {
    testimony_.is_given = 0;
    char done = 0;
    if (send(line_, &until, sizeof until, MSG_NOSIGNAL) < 0 || recv(line_, &done, 1, 0) != 1) return false;
    return testimony_.is_given != 0;
}

}  // namespace umach::tools
