// SPDX-License-Identifier: BSL-1.0
// The spooler's loop and its answers. How rights leave and come home: lending.cpp.
#include "spooler.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>

#include "names.hpp"

namespace spool {
namespace {

constexpr int pieces_between_pauses = PORT_BACKLOG_MAX;
constexpr std::size_t rows_in_a_reply = 40;
constexpr std::size_t ended_jobs_listed = 200;

Row row_of(const Job& job) {
    Row row{{job.number, job.state, 0, job.pages}, job.bytes(), {}, {}};
    job.title.copy(row.title, sizeof row.title - 1);
    job.client.copy(row.client, sizeof row.client - 1);
    return row;
}

Progress progress_of(const Job& job) {
    return {job.number, job.state, 0, job.pages};
}

}  // namespace

Spooler::Spooler(Slowness slowness) : host_(umach::Host::join().value()), slowness_(slowness) {
    service_ = server_.add_port().value();
    host_.check_in(spooler_name, service_).value();
    server_.on_notification([this](umach::Notification& news) { hear(news); }).value();
    add_handlers();
}

int Spooler::run() {
    tell(Happened::spooler_ready, 0, getpid(), 0);
    names_at_start_ = names_held();
    while (!closing_ || !jobs_.empty()) {
        const auto served = server_.serve_one(until_next_wake());
        if (!served && !served.error().is(RCV_TIMED_OUT)) {
            return 1;
        }
        wake_rested();
        drop_abandoned();
        hand_out_work();
    }
    close();
    return 0;
}

void Spooler::add_handlers() {
    on_service(Id::submit, &Spooler::submitted);
    on_service(Id::list_jobs, &Spooler::listed);
    on_service(Id::next_job, &Spooler::asked_for_work);
    on_service(Id::give_back, &Spooler::given_back);
    on_service(Id::close_shop, &Spooler::closing);
    on_job(Id::document, &Spooler::document_came);
    on_job(Id::piece, &Spooler::piece_came);
    on_job(Id::last_piece, &Spooler::last_piece_came);
    on_job(Id::ask_state, &Spooler::state_asked);
    on_job(Id::cancel, &Spooler::cancelled);
}

// An id means something only at the port that it is for: whoever holds a right to a job cannot submit there.
void Spooler::on_service(Id id, Done (Spooler::*member)(Reader&, Writer&)) {
    server_.handle(id, [this, member](Reader& in, Writer& out) -> Done {
        return in.arrived_at() == service_ ? (this->*member)(in, out) : umach::Error(MIG_BAD_ID);
    });
}

void Spooler::on_job(Id id, Done (Spooler::*member)(Job&, Reader&, Writer&)) {
    server_.handle(id, [this, member](Reader& in, Writer& out) -> Done {
        Job* job = find(in.arrived_at());
        return job != nullptr ? (this->*member)(*job, in, out) : umach::Error(MIG_BAD_ID);
    });
}

// ---- submissions -----------------------------------------------------------------------------------------

umach::Result<Job*> Spooler::open_job(Reader& in) {
    Job job;
    job.title = in.get<std::string>().value().substr(0, name_limit);
    job.output = in.get<std::string>().value();
    job.client = in.get<std::string>().value();
    job.progress = in.get<umach::SendRight>().value();
    job.outcome = in.get<umach::SendOnceRight>().value();
    if (!is_file_name(job.output)) {
        return umach::Error(MIG_BAD_ARGUMENTS, "the output is no plain file name");
    }
    job.port = server_.add_port().value();
    job.number = ++last_number_;
    return &jobs_.insert_or_assign(job.number, std::move(job)).first->second;
}

// The spooler learns that a client ended by the right that it held: the only one to the job's port.
Spooler::Done Spooler::submitted(Reader& in, Writer&) {
    umach::Result<Job*> opened = umach::Error(MIG_TYPE_ERROR);
    try {
        opened = open_job(in);
    } catch (const umach::Failure& failure) {
        opened = failure.error();
    }
    return opened ? answer_submission(**opened, in.take_reply_right()) : opened.error();
}

// Asked for before the right is made, so that no client is quicker than the question; answered by hand, so
// that a job whose client could not be answered goes at once.
Spooler::Done Spooler::answer_submission(Job& job, umach::ReplyRight answer) {
    port_t previous = PORT_NULL;
    port_request_notification(task_self(), job.port.get(), NOTIFY_NO_MORE_SENDERS, task_notify(), &previous);
    Writer out(umach::reply_id(Id::submit));
    out.put(int{KERN_SUCCESS});
    out.put_struct(Ticket{job.number, 0, 0});
    out.copy(job.port);
    if (answer.send(out)) {
        tell(Happened::submitted, job.number, 0, 0, job.client, job.title);
    } else {
        forget(job);
    }
    return umach::Error(MIG_NO_REPLY);
}

bool Spooler::check_size(Job& job) {
    if (job.bytes() <= document_limit) {
        return true;
    }
    end(job, State::failed, fmt::format("larger than {} MiB", document_limit >> 20U));
    return false;
}

// The memory is the spooler's from here on, as the client filled it.
Spooler::Done Spooler::document_came(Job& job, Reader& in, Writer&) {
    auto document = in.get_region();
    if (!document || job.state != State::arriving || job.pieces > 0) {
        return document ? umach::Error(MIG_BAD_ID) : document.error();
    }
    job.whole = std::move(*document);
    job.pieces = 1;
    return check_size(job) ? is_complete(job) : Done();
}

Spooler::Done Spooler::piece_came(Job& job, Reader& in, Writer&) {
    const auto bytes = in.get_bytes();
    if (!bytes || job.state != State::arriving) {
        return bytes ? umach::Error(MIG_BAD_ID) : bytes.error();
    }
    job.in_pieces.append(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    ++job.pieces;
    if (check_size(job) && job.pieces % pieces_between_pauses == 0 &&
               job.pieces / pieces_between_pauses <= slowness_.pauses && !job.without_client) {
        rest_a_while(job);
    }
    return {};
}

void Spooler::rest_a_while(Job& job) {
    job.resting = server_.remove_port(job.port).value();
    job.resumes = std::chrono::steady_clock::now() + slowness_.pause;
}

Spooler::Done Spooler::last_piece_came(Job& job, Reader&, Writer&) {
    return job.state == State::arriving ? is_complete(job) : umach::Error(MIG_BAD_ID);
}

Spooler::Done Spooler::is_complete(Job& job) {
    port_t previous = PORT_NULL;  // from here on the client may go; its document is printed all the same
    port_request_notification(task_self(), job.port.get(), NOTIFY_NO_MORE_SENDERS, PORT_NULL, &previous);
    umach::SendOnceRight(previous).reset();
    job.state = State::waiting;
    queue_.push_back(job.number);
    tell(Happened::complete, job.number, static_cast<int>(job.bytes()), job.pieces);
    return {};
}

// ---- questions -------------------------------------------------------------------------------------------

Spooler::Done Spooler::listed(Reader& in, Writer& out) {
    const auto first = in.get_struct<First>();
    if (!first) {
        return first.error();
    }
    std::map<int, Row> rows = history_;
    for (const auto& [number, job] : jobs_) {
        rows.emplace(number, row_of(job));
    }
    std::size_t written = 0;
    for (auto row = rows.lower_bound(first->job); row != rows.end() && written < rows_in_a_reply; ++row) {
        out.put_struct(row->second);
        ++written;
    }
    return {};
}

Spooler::Done Spooler::state_asked(Job& job, Reader&, Writer& out) {
    out.put_struct(progress_of(job));
    out.put("the spooler");
    return {};
}

// Only a job that is here can be cancelled here; a printer that has it answers the same request itself.
Spooler::Done Spooler::cancelled(Job& job, Reader&, Writer& out) {
    job.state = State::cancelled;
    out.put_struct(progress_of(job));
    out.put("the spooler");
    end(job, State::cancelled, "by its client");
    return {};
}

// ---- the end ---------------------------------------------------------------------------------------------

void Spooler::end(Job& job, State state, std::string_view why) {
    job.state = state;
    Writer message(Id::outcome);
    message.put_struct(progress_of(job));
    message.put(why);
    static_cast<void>(job.outcome.send(message));  // a client that ended needs none
    tell(Happened::ended, job.number, static_cast<int>(state), job.pages, job.printer, why);
    history_.emplace(job.number, row_of(job));
    if (history_.size() > ended_jobs_listed) {
        history_.erase(history_.begin());
    }
    forget(job);
}

// The rights go with the job: its port dies, and with it what was still queued there.
void Spooler::forget(Job& job) {
    if (server_.remove_port(job.port)) {
        job.port = {};
    }
    std::erase(queue_, job.number);
    jobs_.erase(job.number);
}

Spooler::Done Spooler::closing(Reader&, Writer&) {
    closing_ = true;
    return {};
}

// Printers that wait for work learn that there will be none. What was said meanwhile is heard, and then the
// spooler holds what it held when it opened, or has lost count.
void Spooler::close() {
    for (Idle& printer : idle_) {
        Writer no_more(umach::reply_id(Id::next_job));
        no_more.put(int{KERN_ABORTED});
        static_cast<void>(printer.answer.send(no_more));
    }
    idle_.clear();
    while (server_.serve_one(umach::WhenEmpty::wait_for(std::chrono::milliseconds(20)))) {
    }
    static_cast<void>(host_.check_out(spooler_name));
    const auto too_many = static_cast<int>(names_held()) - static_cast<int>(names_at_start_);
    tell(Happened::shop_closed, 0, static_cast<int>(jobs_.size()), too_many);
}

Job* Spooler::find(umach::PortName port) {
    const auto found = std::find_if(jobs_.begin(), jobs_.end(),
                                    [port](const auto& entry) { return port && entry.second.port == port; });
    return found == jobs_.end() ? nullptr : &found->second;
}

}  // namespace spool
