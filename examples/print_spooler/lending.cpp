// SPDX-License-Identifier: BSL-1.0
// How a job's receive right leaves the spooler and comes home: lent to a printer, given back in a message, or
// returned by the kernel because the printer ended. In the last case nobody has to notice, clean up or time
// out: the spooler owns the port, so the right falls to it, with every message that stands in the queue.
#include "spooler.hpp"

#include <fmt/format.h>

namespace spool {
namespace {

constexpr int most_attempts = 5;  // a document that kills printers must not kill all of them

int messages_in(umach::PortName port) {
    port_set_name_t set = PORT_NULL;
    int messages = 0;
    int backlog = 0;
    boolean_t owned = FALSE;
    boolean_t received = FALSE;
    const int code = port_status(task_self(), port.get(), &set, &messages, &backlog, &owned, &received);
    return code == KERN_SUCCESS ? messages : 0;
}

}  // namespace

// The printer's question stays open until there is work: its reply right is the printer's place in the line.
Spooler::Done Spooler::asked_for_work(Reader& in, Writer&) {
    auto name = in.get<std::string>();
    if (!name || closing_) {
        return name ? umach::Error(KERN_ABORTED) : name.error();
    }
    idle_.push_back({in.take_reply_right(), std::move(*name)});
    return {};
}

// A send that fails takes nothing: a printer that died while it waited costs its place and no job.
void Spooler::hand_out_work() {
    while (!queue_.empty() && !idle_.empty()) {
        Idle printer = std::move(idle_.front());
        idle_.pop_front();
        Job& job = jobs_.at(queue_.front());
        job.printer = printer.printer;
        if (lend(job, printer.answer)) {
            queue_.pop_front();
            job.state = State::printing;
            tell(Happened::handed_out, job.number, ++job.attempt, 0, job.printer);
        }
    }
}

// Receive goes, ownership stays; of the document a copy goes, since a printer may die of it. A client that has ended cannot be told of progress: null goes in its place.
bool Spooler::lend(Job& job, umach::ReplyRight& printer) {
    umach::ReceiveRight right = server_.remove_port(job.port).value();
    umach::Ownership ownership = umach::Ownership::of(right);
    for (const umach::PortName progress : {umach::PortName(job.progress), umach::PortName()}) {
        Writer message(umach::reply_id(Id::next_job));
        message.put(int{KERN_SUCCESS});
        message.put_struct(Ticket{job.number, job.attempt + 1, job.bytes()});
        message.put(job.title);
        message.put(job.output);
        message.lend(right);
        message.put_data(job.document());
        message.copy(progress);
        if (printer.send(message)) {
            job.ownership = std::move(ownership);
            return true;
        }
    }
    serve_again(job, std::move(right));
    return false;
}

Spooler::Done Spooler::given_back(Reader& in, Writer&) {
    const auto result = in.get_struct<Progress>();
    const auto why = in.get<std::string>();
    auto right = in.get<umach::ReceiveRight>();
    Job* job = right ? find(*right) : nullptr;
    if (!result || !why || job == nullptr || job->state != State::printing) {
        return umach::Error(MIG_BAD_ARGUMENTS);
    }
    static_cast<void>(job->ownership.release());  // the receive right stands for both again
    job->resting = std::move(*right);
    job->pages = result->page;
    end(*job, result->state, *why);
    return {};
}

void Spooler::came_home(umach::ReceiveRight right) {
    Job* job = find(right);
    if (job == nullptr || job->state != State::printing) {
        return;
    }
    static_cast<void>(job->ownership.release());
    tell(Happened::came_back, job->number, job->attempt, messages_in(right), job->printer);
    job->state = State::waiting;
    serve_again(*job, std::move(right));
    if (job->attempt >= most_attempts) {
        end(*job, State::failed, fmt::format("{} printers died of it", job->attempt));
    } else {
        queue_.push_front(job->number);
    }
}

void Spooler::serve_again(Job& job, umach::ReceiveRight right) {
    job.port = server_.add_port(std::move(right)).value();
}

// ---- notifications ---------------------------------------------------------------------------------------

void Spooler::hear(umach::Notification& notification) {
    std::visit(umach::overloaded{
                   [this](umach::ReceiveRightGained& news) { came_home(std::move(news.right)); },
                   [this](umach::NoMoreSenders& news) { senders_gone(news.name); },
                   [](auto&) {},
               },
               notification);
}

// The client may have sent everything before it went: what stands in the queue is read first, without pause.
void Spooler::senders_gone(port_t name) {
    if (Job* job = find(umach::PortName(name)); job != nullptr) {
        job->without_client = true;
        job->resumes = {};
    }
}

void Spooler::drop_abandoned() {
    for (auto entry = jobs_.begin(); entry != jobs_.end();) {
        Job& job = (entry++)->second;
        if (job.without_client && job.state == State::arriving && messages_in(job.port) == 0) {
            tell(Happened::abandoned, job.number, static_cast<int>(job.bytes()), 0, job.client,
                 job.title);
            forget(job);
        }
    }
}

// ---- the slow disk ---------------------------------------------------------------------------------------

void Spooler::wake_rested() {
    const auto now = std::chrono::steady_clock::now();
    for (auto& [number, job] : jobs_) {
        if (job.resting && job.resumes <= now) {
            serve_again(job, std::move(job.resting));
        }
    }
}

umach::WhenEmpty Spooler::until_next_wake() const {
    using std::chrono::milliseconds;
    auto wait = milliseconds(1000);
    for (const auto& [number, job] : jobs_) {
        if (job.resting) {
            const auto left = job.resumes - std::chrono::steady_clock::now();
            wait = std::min(wait, std::chrono::ceil<milliseconds>(left));
        }
    }
    return umach::WhenEmpty::wait_for(std::max(wait, milliseconds(0)));
}

}  // namespace spool
