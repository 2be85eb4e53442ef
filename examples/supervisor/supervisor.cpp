// SPDX-License-Identifier: BSL-1.0
// Workers that die, and a supervisor that starts them again. Each is a process that fetches jobs, one at a
// time. Jobs 2 and 5 kill their worker when they are first tried. The kernel tells the supervisor, whatever
// the cause; the job goes back to the others. One OS thread serves and, on a fiber, supervises.
#include <csignal>
#include <cstdio>
#include <deque>
#include <string>

#include <umach/umach.hpp>

namespace {
enum : int { fetch = 1, finish, workers = 2 };

struct Job {
    int number;  ///< 0: there is none
    int tries;
};

void work(int worker) {
    const umach::SendRight board = umach::registered_port(0).value();
    for (;;) {
        const Job job = umach::call<int, Job>(board, fetch, worker).value();
        if (job.number == 0) return;
        if (job.number % 3 == 2 && job.tries == 0) std::raise(SIGKILL);
        umach::call<int, void>(board, finish, worker).value();
    }
}

}  // namespace

int main() {
    std::deque<Job> waiting{{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {6, 0}};
    Job in_hand[workers + 1]{};
    umach::Server board;
    board.handle<int, Job>(fetch, [&](int worker) {
        in_hand[worker] = waiting.empty() ? Job{} : waiting.front();
        if (!waiting.empty()) waiting.pop_front();
        return in_hand[worker];
    });
    board.handle<int, void>(finish, [&](int worker) {
        std::printf("job %d is done\n", in_hand[worker].number);
        in_hand[worker] = {};
    });
    umach::register_ports({board.add_port().value()}).value();
    umach::Supervisor supervisor({}, [&](const std::string& name) {
        const auto [number, tries] = in_hand[std::stoi(name)];
        if (number == 0) return false;  // nothing was left to do
        std::printf("a worker died of job %d\n", number);
        waiting.push_back({number, tries + 1});
        return true;
    });
    for (int worker = 1; worker <= workers; ++worker) {
        supervisor.start(std::to_string(worker), umach::Carrier::process, [=] { work(worker); }).value();
    }
    const auto supervise = [&] { supervisor.run().value(), board.stop(); };
    const auto supervised = umach::Thread::spawn(umach::Carrier::fiber, supervise).value();
    board.run().value();
}
