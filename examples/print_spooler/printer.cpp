// SPDX-License-Identifier: BSL-1.0
#include "printer.hpp"

#include <algorithm>
#include <exception>

#include <fmt/format.h>

#include "layout.hpp"
#include "pdf.hpp"

namespace spool {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds between_reports{15};

}  // namespace

Printer::Printer(std::string name, Backend backend, Pace pace)
    : name_(std::move(name)),
      backend_(std::move(backend)),
      pace_(pace),
      spooler_(umach::Host::join().value().look_up(spooler_name).value()) {
    server_.handle(Id::ask_state,
                   [this](umach::MessageReader&, umach::MessageWriter& out) { return answer(out); });
    server_.handle(Id::cancel, [this](umach::MessageReader&, umach::MessageWriter& out) {
        job_.now.state = State::cancelled;
        return answer(out);
    });
}

int Printer::run() {
    for (;;) {
        umach::MessageWriter ask(Id::next_job);
        ask.put(name_);
        auto reply = umach::call(spooler_, ask);
        if (!reply) {
            return 0;  // the shop is closed, or the spooler is gone
        }
        if (!take(*reply) || !print()) {
            return 1;
        }
        job_ = InHand();
    }
}

bool Printer::take(umach::Message& reply) {
    umach::MessageReader in = reply.reader();
    job_.ticket = in.get_struct<Ticket>().value();
    job_.title = in.get<std::string>().value();
    job_.output = in.get<std::string>().value();
    auto right = in.get<umach::ReceiveRight>().value();
    const auto document = in.get_bytes().value();
    job_.document.assign(reinterpret_cast<const char*>(document.data()), document.size());
    job_.client = in.get<umach::SendRight>().value();
    job_.now = {job_.ticket.job, State::printing, 0, 0};
    job_.port = server_.add_port(std::move(right)).value();
    return true;
}

bool Printer::print() {
    std::string why = "by its client";
    try {
        std::string pdf;
        if (draw_pages(&pdf)) {
            why = backend_.deliver(job_.output, pdf);
            job_.now.state = State::printed;
        }
    } catch (const std::exception& failure) {
        job_.now.state = State::failed;
        why = failure.what();
    }
    return give_back(why);
}

// returns: false when it was cancelled.
bool Printer::draw_pages(std::string* pdf) {
    const auto pages = lay_out(job_.document);
    job_.now.pages = static_cast<int>(pages.size());
    Pdf paper(job_.title);
    for (const std::string& page : pages) {
        ++job_.now.page;
        paper.add_page(page, fmt::format("job {}   page {} of {}   printer {}", job_.now.job, job_.now.page,
                                         pages.size(), name_));
        report();
        feed_paper();
        if (job_.now.state == State::cancelled) {
            return false;
        }
    }
    *pdf = paper.finish();
    return true;
}

// A client that does not read loses news, and holds up nobody.
void Printer::report() {
    umach::MessageWriter news(Id::progress);
    news.put_struct(job_.now);
    static_cast<void>(job_.client.send(news, umach::WhenFull::never_wait()));
    const bool is_edge = job_.now.page == 1 || job_.now.page == job_.now.pages;
    if (is_edge || steady_clock::now() - reported_ > between_reports) {
        reported_ = steady_clock::now();
        tell(Happened::page_done, job_.now.job, job_.now.page, job_.now.pages, name_, job_.title);
    }
}

// The time that the paper needs is the time that the job's port is served.
void Printer::feed_paper() {
    const auto time = std::min(pace_.page, pace_.job / std::max(job_.now.pages, 1));
    const auto end = steady_clock::now() + time;
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
        const auto served = server_.serve_one(umach::WhenEmpty::wait_for(std::max(left, milliseconds(0))));
        if ((!served && left.count() <= 0) || job_.now.state == State::cancelled) {
            return;
        }
    }
}

umach::Result<void> Printer::answer(umach::MessageWriter& out) {
    out.put_struct(job_.now);
    return out.put(fmt::format("printer {}", name_));
}

// The outcome and the right travel in one message, so that the spooler gets both or neither.
bool Printer::give_back(const std::string& why) {
    umach::ReceiveRight right = server_.remove_port(job_.port).value();
    umach::MessageWriter message(Id::give_back);
    message.put_struct(job_.now);
    message.put(std::string_view(why).substr(0, 1000));
    message.move(right);
    return static_cast<bool>(spooler_.send(message));
}

}  // namespace spool
