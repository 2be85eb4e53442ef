// SPDX-License-Identifier: BSL-1.0
#include "client.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace spool {
namespace {

// A page that the demo writes goes in many pieces, though it is small: they are what fills a mailbox, and over a link
// two of them.
constexpr std::size_t least_pieces = 40;

std::size_t piece_size(std::size_t document) {
    return std::clamp<std::size_t>(document / least_pieces, 1, piece_limit);
}

std::string in_words(const Progress& now, const std::string& who) {
    return fmt::format("{} answers: {}, page {} of {}", who, word_for(now.state), now.page, now.pages);
}

}  // namespace

Client::Client(std::string name, Policy policy)
    : name_(std::move(name)),
      spooler_(umach::Host::join().value().look_up(spooler_name).value()),
      own_(umach::ReceiveRight::allocate().value()),
      policy_(policy),
      sender_(policy) {}

int Client::print_all(const std::vector<Document>& documents) {
    int submitted = 0;
    for (const Document& document : documents) {
        submitted += submit(document) ? 1 : 0;
    }
    int printed = 0;
    for (int i = 0; i < submitted; ++i) {
        printed += await_outcome() ? 1 : 0;
    }
    const Seen& seen = sender_.seen();
    tell(Happened::policy_used, static_cast<int>(policy_), seen.full, seen.proof(policy_), name_,
         seen.in_words(policy_));
    return printed == static_cast<int>(documents.size()) ? 0 : 1;
}

bool Client::submit(const Document& document) {
    try {
        const std::string bytes = document.read();
        const Submitted to = open(document).value();
        // A job that is refused half-way has its outcome like every other.
        static_cast<void>(document.file.empty() ? send_pieces(to, bytes) && send_last(to) : send_whole(to, bytes));
        return true;
    } catch (const std::exception& failure) {
        say(0, fmt::format("{}: {}", document.title, failure.what()));
        return false;
    }
}

// Each job has a right of its own for progress; the one for the outcome is good for one message.
umach::Result<Client::Submitted> Client::open(const Document& document) {
    umach::MessageWriter request(Id::submit);
    request.put(std::string_view(document.title).substr(0, name_limit));
    request.put(document.output);
    request.put(name_);
    request.make_send(own_);
    request.make_send_once(own_);
    auto reply = umach::call(spooler_, request);
    if (!reply) {
        return reply.error();
    }
    umach::MessageReader in = reply->reader();
    const Ticket ticket = in.get_struct<Ticket>().value();
    return Submitted{ticket.job, in.get<umach::SendRight>().value()};
}

// A file goes in one message, however large: it is copied once, to where the spooler reads it.
bool Client::send_whole(const Submitted& to, std::string_view bytes) {
    umach::MessageWriter message(Id::document);
    message.put_data(bytes);
    return sender_.send(to.job, message) && sender_.settle(to.job);
}

bool Client::send_last(const Submitted& to) {
    umach::MessageWriter last(Id::last_piece);
    return sender_.send(to.job, last) && sender_.settle(to.job);
}

bool Client::send_pieces(const Submitted& to, std::string_view bytes) {
    const std::size_t size = piece_size(bytes.size());
    for (std::size_t at = 0; at < bytes.size(); at += size) {
        umach::MessageWriter message(Id::piece);
        message.put(std::as_bytes(std::span(bytes.substr(at, size))));
        if (!sender_.send(to.job, message)) {
            return false;
        }
    }
    return true;
}

// Ends also when the spooler does: nobody can send here then.
bool Client::await_outcome() {
    for (;;) {
        auto message = own_.receive(umach::WhenEmpty::wait().while_senders());
        if (!message) {
            return false;
        }
        if (message->id() == Id::outcome) {
            return message->reader().get_struct<Progress>().value().state == State::printed;
        }
    }
}

bool Client::await_page() {
    for (;;) {
        auto message = own_.receive(umach::WhenEmpty::wait().while_senders());
        if (!message || message->id() == Id::outcome) {
            return false;
        }
        if (message->id() == Id::progress) {
            return true;
        }
    }
}

int Client::dawdle(const Document& document) {
    const Submitted to = open(document).value();
    const std::string& bytes = document.text;
    if (!send_pieces(to, std::string_view(bytes).substr(0, bytes.size() / 2))) {
        return 1;
    }
    tell(Happened::client_waits, to.number, static_cast<int>(bytes.size() / 2), 0, name_);
    static_cast<void>(own_.receive(umach::WhenEmpty::wait().while_senders()));
    return 1;
}

int Client::change_its_mind(const Document& document) {
    const Submitted to = open(document).value();
    if (!send_pieces(to, document.text) || !send_last(to)) {
        return 1;
    }
    const auto before = ask(to, Id::ask_state);
    say(to.number, fmt::format("{} jobs in the list; of its own {}", jobs_listed(),
                               before ? *before : before.error().describe()));
    if (!await_page()) {
        return 1;
    }
    const auto answer = ask(to, Id::cancel);
    say(to.number, fmt::format("cancels; {}", answer ? *answer : answer.error().describe()));
    return answer && !await_outcome() ? 0 : 1;
}

// Whoever holds the job answers. If a printer dies with the question in its hand, it is asked again.
umach::Result<std::string> Client::ask(const Submitted& to, Id question) {
    umach::Result<umach::Message> reply = umach::Error(MIG_SERVER_DIED);
    while (!reply && reply.error().is(MIG_SERVER_DIED)) {
        umach::MessageWriter request(question);
        reply = umach::call(to.job, request);
    }
    if (!reply) {
        return reply.error();
    }
    umach::MessageReader in = reply->reader();
    const Progress now = in.get_struct<Progress>().value();
    return in_words(now, in.get<std::string>().value());
}

int Client::jobs_listed() const {
    int jobs = 0;
    for (int first = 0;;) {
        umach::MessageWriter request(Id::list_jobs);
        request.put_struct(First{first});
        auto reply = umach::call(spooler_, request).value();
        umach::MessageReader in = reply.reader();
        if (in.at_end()) {
            return jobs;
        }
        for (; !in.at_end(); ++jobs) {
            first = in.get_struct<Row>().value().now.job + 1;
        }
    }
}

void Client::say(int job, const std::string& what) const {
    tell(Happened::client_says, job, 0, 0, name_, what);
}

}  // namespace spool
