// SPDX-License-Identifier: BSL-1.0
// umach torture: processes of a host are killed, stopped and replaced as fast as it goes, while the others
// work; then whether the host is whole, and whether anything is left.
#include "command.hpp"
#include "snapshot.hpp"
#include "torture_witness.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <random>
#include <vector>

namespace umach::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto longest_stop = std::chrono::milliseconds(5);

struct Asked {
    std::string host, doorbell;
    unsigned seconds = 10, workers = 8, seed = 1;
    std::uint64_t kills = 0;  // 0: as many as there is time for
    bool json = false;
};

struct Figures {
    std::uint64_t killed = 0, keepers = 0, exited = 0, became_others = 0, crashed = 0, stopped = 0,
                  audits = 0;
    double longest_gap = 0;  // ms in which a worker that was not stopped got nothing done
    std::string violation;

    std::uint64_t ends() const { return killed + exited + became_others + crashed; }
};

struct Shared {
    Room room;
    Testimony testimony;
};
struct Unmap {
    void operator()(Shared* shared) const { munmap(shared, sizeof *shared); }
};
std::unique_ptr<Shared, Unmap> map_shared() {
    void* at = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw Trouble("there is no memory to share with the workers");
    return std::unique_ptr<Shared, Unmap>(new (at) Shared{});
}

double milliseconds(Clock::duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

// The processes, and who does what to them.
class Torture {
public:
    Torture(const Asked& asked, std::string host, Shared& shared)
        : asked_(asked),
          host_(std::move(host)),
          shared_(shared),
          random_(asked.seed),
          workers_(asked.workers) {
        for (unsigned i = 0; i < workers_.size(); ++i) start(i);
    }
    Torture(const Torture&) = delete;
    Torture& operator=(const Torture&) = delete;
    ~Torture() { end_all(); }

    const Figures& figures() const { return figures_; }

    // Until the time is over, there were kills enough, or something is wrong.
    void run() {
        const auto end = Clock::now() + std::chrono::seconds(asked_.seconds);
        auto next_line = Clock::now();
        while (Clock::now() < end && !is_enough() && !is_wrong()) {
            let_them_work(random_() % 300);
            strike(whom());
            if (figures_.ends() / 200 > figures_.audits) audit();
            if (asked_.json || Clock::now() < next_line) continue;
            print_line();
            next_line += std::chrono::seconds(1);
        }
    }

    void end_all() {
        for (Worker& worker : workers_) {
            if (worker.pid <= 0) continue;
            kill(worker.pid, SIGKILL);
            waitpid(worker.pid, nullptr, 0);
            worker.pid = -1;
        }
    }

    void note_violation() {
        if (shared_.testimony.audit.violations != 0 && figures_.violation.empty())
            figures_.violation = shared_.testimony.first_violation.data();
    }

    std::uint64_t total(std::atomic<std::uint64_t> Place::*what) const {
        std::uint64_t sum = 0;
        for (const Place& place : shared_.room.places) sum += place.*what;
        return sum;
    }

private:
    struct Worker {
        pid_t pid = -1;
        std::uint64_t at_start = 0;    // operations of its predecessors
        std::uint64_t operations = 0;  // when it was last seen to get on
        Clock::time_point since;
        bool stopped = false;  // since then
    };

    bool is_enough() const { return asked_.kills != 0 && figures_.ends() >= asked_.kills; }
    bool is_wrong() const {
        return shared_.room.wrong != 0 || shared_.room.not_let_in != 0 || !figures_.violation.empty();
    }

    void start(unsigned number) {
        Worker& worker = workers_[number];
        const std::uint64_t seed = random_();
        std::fflush(stdout);
        const std::uint64_t operations = shared_.room.places[number].operations;
        worker = {fork(), operations, operations, Clock::now(), false};
        if (worker.pid < 0) throw Trouble("there is no process to be had");
        if (worker.pid == 0) work({host_, number, asked_.workers, seed}, shared_.room);
    }

    // Until all together have done some operations more, so that the next blow falls somewhere new; and until
    // most are members, so that not all who could take the keeper's role over are struck before they can.
    void let_them_work(std::uint64_t operations) {
        const std::uint64_t goal = total(&Place::operations) + operations;
        const auto patience = Clock::now() + std::chrono::seconds(10);
        while (total(&Place::operations) < goal || newcomers() > asked_.workers / 4) {
            if (Clock::now() > patience) figures_.violation = "nobody got on, or was let in, for ten seconds";
            if (is_wrong()) return;
            look_at_gaps();
            sched_yield();
        }
    }

    unsigned newcomers() const {
        unsigned count = 0;
        for (unsigned i = 0; i < workers_.size(); ++i)
            if (shared_.room.places[i].operations == workers_[i].at_start) ++count;
        return count;
    }

    void look_at_gaps() {
        const auto now = Clock::now();
        for (unsigned i = 0; i < workers_.size(); ++i) {
            Worker& worker = workers_[i];
            if (worker.stopped && now - worker.since > longest_stop) go_on(worker);
            const std::uint64_t operations = shared_.room.places[i].operations;
            if (worker.stopped) continue;
            if (operations == worker.operations)
                figures_.longest_gap = std::max(figures_.longest_gap, milliseconds(now - worker.since));
            else
                worker.operations = operations, worker.since = now;
        }
    }

    // The keeper more often than others.
    unsigned whom() {
        const pid_t keeper = shared_.room.keeper;
        for (unsigned i = 0; i < workers_.size(); ++i)
            if (workers_[i].pid == keeper && random_() % 4 == 0) return i;
        return static_cast<unsigned>(random_() % workers_.size());
    }

    void strike(unsigned number) {
        Worker& worker = workers_[number];
        if (worker.stopped) return go_on(worker);
        const unsigned how = static_cast<unsigned>(random_() % 20);
        if (how == 0) return stop(worker);
        if (worker.pid == shared_.room.keeper) ++figures_.keepers;
        if (how == 1)
            ++figures_.became_others, kill(worker.pid, SIGUSR1);
        else if (how == 2)
            ++figures_.exited, kill(worker.pid, SIGUSR2);
        else if (how == 3)
            ++figures_.crashed, kill(worker.pid, SIGSEGV);
        else
            ++figures_.killed, kill(worker.pid, SIGKILL);
        waitpid(worker.pid, nullptr, 0);
        start(number);
    }

    // It may hold a lock, which those who need it wait for.
    void stop(Worker& worker) {
        ++figures_.stopped;
        worker.stopped = true;
        worker.since = Clock::now();
        kill(worker.pid, SIGSTOP);
    }
    void go_on(Worker& worker) {
        worker.stopped = false;
        worker.since = Clock::now();
        kill(worker.pid, SIGCONT);
    }

    // Nobody may stand still while every lock is taken one after the other.
    void audit() {
        for (Worker& worker : workers_)
            if (worker.stopped) go_on(worker);
        ++figures_.audits;
        Witness witness(host_, nullptr, shared_.testimony);
        if (witness.look())
            note_violation();
        else
            figures_.violation = "the host could not be looked at";
        for (Worker& worker : workers_) worker.since = Clock::now();
    }

    void print_line() const {
        fmt::print(
            "{} ended, {} of them as keeper; {} stopped; {} operations, {} messages; {} audits; longest gap "
            "{:.0f} ms\n",
            figures_.ends(), figures_.keepers, figures_.stopped, total(&Place::operations),
            total(&Place::received), figures_.audits, figures_.longest_gap);
        std::fflush(stdout);
    }

    const Asked& asked_;
    std::string host_;
    Shared& shared_;
    std::minstd_rand random_;
    std::vector<Worker> workers_;
    Figures figures_;
};

struct Outcome {
    Figures figures;
    std::uint64_t operations = 0, sent = 0, received = 0;
    umach_audit_seen_t before{}, after{};
    bool is_own = false;  // the host
    std::string complaint;
};

std::string complaint_of(const Outcome& outcome, const Shared& shared) {
    const umach_audit_seen_t &before = outcome.before, &after = outcome.after;
    if (!outcome.figures.violation.empty()) return outcome.figures.violation;
    if (shared.room.wrong != 0) return shared.room.first_wrong.data();
    if (shared.room.not_let_in != 0) return "a worker was not let in for five seconds";
    if (after.rescued_wakeups != before.rescued_wakeups)
        return fmt::format("{} wake-ups were lost and found again",
                           after.rescued_wakeups - before.rescued_wakeups);
    const bool left = after.tasks > before.tasks || after.ports > before.ports ||
                      after.names > before.names || after.messages > before.messages;
    if (!outcome.is_own || !left) return "";
    return fmt::format("left behind: {} tasks, {} ports, {} names, {} messages; before: {}, {}, {}, {}",
                       after.tasks, after.ports, after.names, after.messages, before.tasks, before.ports,
                       before.names, before.messages);
}

Outcome torture(const Asked& asked) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    const auto shared = map_shared();
    Outcome outcome;
    outcome.is_own = asked.host.empty();
    const std::string host = outcome.is_own ? fmt::format("torture-{}", getpid()) : asked.host;
    umach_host_options_t options{};
    options.doorbell = asked.doorbell.c_str();
    auto first = std::make_unique<Witness>(host, outcome.is_own ? &options : nullptr, shared->testimony);
    if (!first->look()) throw Trouble(fmt::format("the host {} cannot be joined", host));
    outcome.before = shared->testimony.audit;
    Torture torture(asked, host, *shared);
    const auto last = std::make_unique<Witness>(host, nullptr, shared->testimony);
    if (!last->look()) throw Trouble(fmt::format("the host {} cannot be joined", host));
    first.reset();  // which was the keeper of an own host
    torture.run();
    torture.end_all();
    if (last->look_until(outcome.is_own ? outcome.before : shared->testimony.audit)) torture.note_violation();
    outcome.after = shared->testimony.audit;
    outcome.figures = torture.figures();
    outcome.operations = torture.total(&Place::operations);
    outcome.sent = torture.total(&Place::sent);
    outcome.received = torture.total(&Place::received);
    outcome.complaint = complaint_of(outcome, *shared);
    return outcome;
}

void print_json(const Outcome& outcome) {
    const Figures& f = outcome.figures;
    const Json json{{"ended", f.ends()},
                    {"killed", f.killed},
                    {"as_keeper", f.keepers},
                    {"exited", f.exited},
                    {"became_others", f.became_others},
                    {"crashed", f.crashed},
                    {"stopped", f.stopped},
                    {"audits", f.audits},
                    {"operations", outcome.operations},
                    {"sent", outcome.sent},
                    {"received", outcome.received},
                    {"longest_gap", f.longest_gap},
                    {"rescued_wakeups", outcome.after.rescued_wakeups - outcome.before.rescued_wakeups},
                    {"complaint", outcome.complaint}};
    fmt::print("{}\n", json.dump(2));
}

int run(const Asked& asked) {
    const Outcome outcome = torture(asked);
    if (asked.json)
        print_json(outcome);
    else
        fmt::print("{}\n",
                   outcome.complaint.empty() ? "the host is whole, and nothing is left" : outcome.complaint);
    return outcome.complaint.empty() ? 0 : 1;
}

}  // namespace

void add_torture(CLI::App& app, int& status) {
    auto asked = std::make_shared<Asked>();
    CLI::App* command = app.add_subcommand(
        "torture",
        "Kills working processes of a host as fast as it goes; ends with 1 if it does the host harm");
    command->add_option("HOST", asked->host, "Else one of its own, whose keeper is killed as well");
    asked->doorbell = "futex";
    command->add_option("--doorbell", asked->doorbell, "Kind of wake-up, of a host of its own")
        ->check(CLI::IsMember({"futex", "posix", "sysv"}))
        ->capture_default_str();
    command->add_option("--seconds", asked->seconds, "For how long")->capture_default_str();
    command->add_option("--kills", asked->kills, "At most so many")->default_str("no limit");
    command->add_option("--workers", asked->workers, "How many processes work")
        ->check(CLI::Range(2u, most_workers))
        ->capture_default_str();
    command->add_option("--seed", asked->seed, "Of who is struck when, and how")->capture_default_str();
    command->add_flag("--json", asked->json, "For programs");
    command->callback([asked, &status] { status = run(*asked); });
}

}  // namespace umach::tools
