// SPDX-License-Identifier: BSL-1.0
#include "supervisor.hpp"

#include <algorithm>
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "client.hpp"
#include "spooler.hpp"
#include "summary.hpp"

namespace spool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr milliseconds tick{50};
constexpr seconds longest_silence{60};
constexpr milliseconds paper_time_in_all{6000};
constexpr milliseconds least_page_time{10};
constexpr milliseconds longest_job{1500};
constexpr milliseconds shortest_pause{60};
constexpr milliseconds longest_pause{150};
constexpr int printers = 2;
constexpr int most_restarts = 10;
constexpr std::size_t bytes_of_a_page = 2500;
constexpr const char* printer_names[printers] = {"A", "B"};
constexpr const char* dawdler = "dawdler";
constexpr const char* waverer = "waverer";

volatile std::sig_atomic_t interrupted = 0;

// Without SA_RESTART: a signal ends the receive, which asked for that.
void catch_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    action.sa_handler = [](int) {};
    sigaction(SIGCHLD, &action, nullptr);
}

// However much there is to print, the paper takes a few seconds in all.
Pace pace_for(const std::vector<Document>& documents, int page_time) {
    std::size_t pages = 1;
    for (const Document& document : documents) {
        std::error_code error;
        const auto bytes = std::filesystem::file_size(document.file, error);
        pages += error ? 1 : static_cast<std::size_t>(bytes) / bytes_of_a_page + 1;
    }
    const auto share = [](std::size_t parts) {
        return paper_time_in_all * printers / static_cast<int>(std::min<std::size_t>(parts, 100000));
    };
    return {std::clamp(share(pages), least_page_time, milliseconds(page_time)),
            std::min(share(documents.size() + std::size(all_policies)), longest_job)};
}

std::vector<Document> share_of(std::size_t client, const std::vector<Document>& documents) {
    std::vector<Document> share{test_page(all_policies[client])};
    for (std::size_t i = client; i < documents.size(); i += std::size(all_policies)) {
        share.push_back(documents[i]);
    }
    return share;
}

}  // namespace

Supervisor::Supervisor(const Options& options, std::vector<Document> documents, Traces traces)
    : options_(options),
      documents_(std::move(documents)),
      traces_(std::move(traces)),
      pace_(pace_for(documents_, options.page_time)),
      heard_(steady_clock::now()) {}

int Supervisor::run() {
    catch_signals();
    open_shop();
    while (!children_.done() && interrupted == 0 && !given_up_) {
        hear_one();
        reap();
        close_when_done();
        view_.draw(board_);
        note_traces();
        if (is_stuck()) {
            give_up("nothing has happened for a minute");
        }
    }
    return end();
}

void Supervisor::open_shop() {
    traces_.note(getpid());
    if (!options_.over.empty()) {
        other_host_.emplace(children_, options_.over);
        view_.say(fmt::format("demo      the clients are on another host: {}", other_host_->in_words()));
    }
    port_ = umach::ReceiveRight::allocate().value();
    umach::register_ports({umach::PortName(), port_}).value();
    if (other_host_) {
        other_host_->show(port_);
    }
    const Slowness slowness{std::clamp(milliseconds(options_.page_time), shortest_pause, longest_pause)};
    children_.start(Role::spooler, "spooler", [slowness] { return Spooler(slowness).run(); });
}

void Supervisor::start_printer(const std::string& name) {
    const Backend backend{options_.output, options_.command};
    children_.start(Role::printer, name,
                    [name, backend, this] { return Printer(name, backend, pace_).run(); });
}

void Supervisor::start_client(const std::string& name, const std::function<int()>& work) {
    children_.start(Role::client, name, [&work, this] {
        if (other_host_) {
            other_host_->move_in();
        }
        return work();
    });
}

void Supervisor::start_clients() {
    for (std::size_t i = 0; i < std::size(all_policies); ++i) {
        const Policy policy = all_policies[i];
        start_client(name_of(policy), [=, this] {
            return Client(name_of(policy), policy).print_all(share_of(i, documents_));
        });
    }
    start_client(dawdler, [] { return Client(dawdler, Policy::wait).dawdle(long_document("never complete")); });
    start_client(waverer, [] {
        return Client(waverer, Policy::wait).change_its_mind(long_document("to be cancelled"));
    });
}

// ---- what is heard ---------------------------------------------------------------------------------------

void Supervisor::hear_one() {
    auto message = port_.receive(umach::WhenEmpty::wait_for(tick).interruptible());
    if (!message) {
        return;
    }
    if (const auto news = read_news(*message)) {
        heard_ = steady_clock::now();
        hear(*news);
    }
}

void Supervisor::hear(const News& news) {
    if (const std::string line = board_.hear(news); !line.empty()) {
        view_.say(line);
    }
    switch (news.event.kind) {
        case Happened::spooler_ready:
            std::for_each(std::begin(printer_names), std::end(printer_names),
                          [this](const char* name) { start_printer(name); });
            start_clients();
            opened_ = true;
            break;
        case Happened::page_done: kill_printer(news); break;
        case Happened::client_waits: kill_client(news); break;
        case Happened::ended: victim_job_ = victim_job_ == news.event.job ? 0 : victim_job_; break;
        default: break;
    }
}

// Once, at a page of a job that nobody means to cancel. Should the printer have been quicker than the signal
// and have given the job back, another one is killed.
void Supervisor::kill_printer(const News& news) {
    const bool is_ours = board_.jobs().at(news.event.job).client != waverer;
    if (!is_ours || victim_job_ != 0 || !board_.returns().empty() ||
        children_.find(news.event.process) == nullptr) {
        return;
    }
    victim_job_ = news.event.job;
    victim_ = news.event.process;
    children_.kill(victim_);
    view_.say(fmt::format("demo      kill -9 printer {} (process {}) at page {} of job {}", news.who, victim_,
                          news.event.first, news.event.job));
}

void Supervisor::kill_client(const News& news) {
    children_.kill(news.event.process);
    view_.say(fmt::format("demo      kill -9 client {} (process {}) in mid-submission of job {}", news.who,
                          news.event.process, news.event.job));
}

void Supervisor::reap() {
    while (const auto child = children_.reap()) {
        ended(*child);
    }
}

void Supervisor::ended(const Ended& ended) {
    const bool expected = ended.ended_well() || (ended.was_killed() && ended.child.name == dawdler) ||
                          (ended.was_killed() && ended.child.process == victim_);
    if (!expected && ended.child.role != Role::printer) {
        note_wrong(fmt::format("{} (process {}) ended with {}", ended.child.name, ended.child.process,
                               ended.in_words()));
    }
    const bool needed = ended.child.role == Role::tool || (ended.child.role == Role::spooler && !closing_);
    given_up_ = given_up_ || needed;
    if (ended.child.role == Role::printer && !closing_ && !ended.ended_well()) {
        ++restarts_;
        view_.say(fmt::format("demo      printer {} has ended and is started again", ended.child.name));
        restarts_ <= most_restarts ? start_printer(ended.child.name) : give_up("printers do not stay alive");
    }
}

// ---- the end ---------------------------------------------------------------------------------------------

// What a client said before it ended may still be on its way, over a link.
bool Supervisor::owes_news() const {
    return wrong_.empty() && board_.policies().size() < std::size(all_policies);
}

void Supervisor::close_when_done() {
    if (closing_ || !opened_ || children_.count(Role::client) > 0 || owes_news()) {
        return;
    }
    closing_ = true;
    umach::MessageWriter message(Id::close_shop);
    const auto spooler = umach::Host::join().value().look_up(spooler_name);
    if (!spooler || !spooler->send(message, umach::WhenFull::wait_for(seconds(5)))) {
        give_up("the spooler does not hear that it is to close");
    }
}

void Supervisor::note_traces() {
    if (steady_clock::now() - noted_ < tick) {
        return;
    }
    noted_ = steady_clock::now();
    traces_.note(getpid());
    children_.each([this](const Child& child) { traces_.note(child.process); });
}

bool Supervisor::is_stuck() const {
    return steady_clock::now() - heard_ > longest_silence;
}

void Supervisor::give_up(const std::string& why) {
    note_wrong(why);
    given_up_ = true;
}

// What was said last is heard before the accounts are made up.
int Supervisor::end() {
    children_.each([this](const Child& child) { traces_.note(child.process); });
    children_.kill_all();
    for (bool more = true; more;) {
        auto message = port_.receive(umach::WhenEmpty::never_wait());
        const auto news = message ? read_news(*message) : message.error();
        more = static_cast<bool>(message);
        if (news) {
            hear(*news);
        }
    }
    view_.erase();
    if (interrupted != 0) {
        fmt::print("interrupted\n");
        std::fflush(stdout);
        return 128 + SIGINT;
    }
    return summary(board_, options_, documents_, restarts_, wrong_) ? 0 : 1;
}

}  // namespace spool
