// SPDX-License-Identifier: BSL-1.0
// Processes that call a server as fast as they can, and are killed as fast as it goes: in the middle of a
// call, or of the kernel's own work for it, since that runs in them. Each leaves the server a right to a port
// of its own, its door; the kernel tells of each door's death, once. The others do not notice, and at the end
// every rule of the kernel holds.
//
//     killroom [SECONDS]
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <vector>

#include <umach_inspect.h>
#include <umach/umach.hpp>

namespace {
enum : int { enter = 1, greet, workers = 6 };

using Clock = std::chrono::steady_clock;

[[noreturn]] void work() {
    const umach::SendRight room = umach::registered_port(0).value();
    const auto door = umach::ReceiveRight::allocate().value();
    umach::MessageWriter request(enter);
    request.make_send(door);
    umach::call(room, request).value();
    for (int greeting = 1;; ++greeting) {
        if (umach::call<int, int>(room, greet, greeting).value() != greeting) std::abort();
    }
}

// What the server has heard: greetings, who came in, and whose end the kernel told.
struct Heard {
    std::atomic<long> greetings, entered, ended;
};

void serve(umach::Server& room, Heard& heard, std::map<port_t, umach::SendRight>& doors) {
    room.handle<int, int>(greet, [&](int greeting) { return ++heard.greetings, greeting; });
    room.handle(enter, [&](umach::MessageReader& in, umach::MessageWriter&) -> umach::Result<void> {
        auto door = in.get<umach::SendRight>();
        if (!door) return door.error();
        if (!*door) return {};  // it died on the way
        const port_t name = door->name();
        doors.emplace(name, std::move(*door));
        ++heard.entered;
        return {};
    });
    room.on_notification([&](umach::Notification& notification) {
        const auto* door = std::get_if<umach::PortDeleted>(&notification);
        if (door != nullptr) heard.ended += static_cast<long>(doors.erase(door->name));
    });
}

pid_t start_worker() {
    std::fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) work();
    return pid;
}

void end_worker(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
}

void print_violation(const char* violation, void*) {
    std::printf("%s\n", violation);
}

// returns: how many were killed
long kill_for(std::chrono::seconds time, const Heard& heard) {
    std::vector<pid_t> room(workers);
    for (pid_t& worker : room) worker = start_worker();
    std::minstd_rand random(1);
    long killed = 0;
    auto next_line = Clock::now() + std::chrono::seconds(1);
    for (const auto end = Clock::now() + time; Clock::now() < end;) {
        const long goal = heard.greetings + static_cast<long>(random() % 50);
        while (heard.greetings < goal) umach_thread_yield();
        pid_t& worker = room[random() % room.size()];
        end_worker(worker);
        worker = start_worker();
        ++killed;
        if (Clock::now() < next_line) continue;
        next_line += std::chrono::seconds(1);
        std::printf("%ld killed, %ld greetings, %ld ends told\n", killed, heard.greetings.load(),
                    heard.ended.load());
        std::fflush(stdout);
    }
    for (const pid_t worker : room) end_worker(worker);
    return killed + static_cast<long>(room.size());
}

}  // namespace

int main(int count, char** words) {
    umach::Server room;
    Heard heard{};
    std::map<port_t, umach::SendRight> doors;
    serve(room, heard, doors);
    umach::register_ports({room.add_port().value()}).value();
    auto serving = umach::Thread::spawn(umach::Carrier::os_thread, [&] { room.run().value(); }).value();
    const long killed = kill_for(std::chrono::seconds(count > 1 ? std::atoi(words[1]) : 5), heard);
    while (heard.ended < heard.entered) umach_thread_yield();
    umach_audit_seen_t audit{};
    umach_inspect_audit(print_violation, nullptr, &audit);
    room.stop();
    serving.join().value();
    std::printf("%ld were killed; %ld had come in, and the end of each was told; %u rules broken\n", killed,
                heard.entered.load(), audit.violations);
    return audit.violations == 0 && audit.rescued_wakeups == 0 ? 0 : 1;
}
