// SPDX-License-Identifier: BSL-1.0
#include "board.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace spool {
namespace {

std::string about(int job, const std::string& what) {
    return fmt::format("job {:<3} {}", job, what);
}

}  // namespace

std::string Board::page_done(JobOnBoard& job, const News& news) {
    const bool first = job.page == 0;
    job.page = news.event.first;
    job.pages = news.event.second;
    return first ? about(news.event.job, fmt::format("printer {} prints {} pages", news.who, job.pages)) : "";
}

std::string Board::ended(JobOnBoard& job, const News& news) {
    job.state = static_cast<State>(news.event.first);
    job.pages = std::max(job.pages, news.event.second);
    return about(news.event.job, fmt::format("{}: {}", word_for(job.state), news.what));
}

std::string Board::submitted(JobOnBoard& job, const News& news) {
    job.title = news.what;
    job.client = news.who;
    return about(news.event.job, fmt::format("'{}' arrives from client {}", news.what, news.who));
}

std::string Board::complete(JobOnBoard& job, const News& news) {
    job.state = State::waiting;
    job.bytes = news.event.first;
    const int pieces = news.event.second;
    const std::string how = pieces == 1 ? "one message" : fmt::format("{} pieces", pieces);
    return about(news.event.job, fmt::format("waits: {} bytes in {}", job.bytes, how));
}

std::string Board::abandoned(JobOnBoard& job, const News& news) {
    job.abandoned = true;
    return about(news.event.job,
                 fmt::format("dropped: client {} is gone, and with it the only right to send; "
                             "{} bytes had come",
                             news.who, news.event.first));
}

std::string Board::handed_out(JobOnBoard& job, const News& news) {
    job.state = State::printing;
    job.printer = news.who;
    job.page = 0;
    return about(news.event.job, fmt::format("its receive right goes to printer {}", news.who));
}

std::string Board::came_back(JobOnBoard& job, const News& news) {
    job.state = State::waiting;
    returns_.push_back(
        fmt::format("job {} came back from printer {}, killed at attempt {}, by "
                    "NOTIFY_RECEIVE_RIGHTS to its owner",
                    news.event.job, news.who, news.event.first));
    return about(news.event.job,
                 fmt::format("NOTIFY_RECEIVE_RIGHTS: the right comes back from dead printer {}", news.who));
}

std::string Board::of_spooler(const News& news) {
    if (news.event.kind == Happened::spooler_ready) {
        return fmt::format("spooler   process {} has checked in as '{}'", news.event.process, spooler_name);
    }
    jobs_left_ = news.event.first;
    names_left_ = news.event.second;
    return fmt::format("spooler   closes with {} jobs and {} rights left over", jobs_left_, names_left_);
}

std::string Board::hear(const News& news) {
    const Event& event = news.event;
    const auto job = [this, &event]() -> JobOnBoard& { return jobs_[event.job]; };
    switch (event.kind) {
        case Happened::spooler_ready:
        case Happened::shop_closed: return of_spooler(news);
        case Happened::submitted: return submitted(job(), news);
        case Happened::complete: return complete(job(), news);
        case Happened::abandoned: return abandoned(job(), news);
        case Happened::handed_out: return handed_out(job(), news);
        case Happened::came_back: return came_back(job(), news);
        case Happened::page_done: return page_done(job(), news);
        case Happened::ended: return ended(job(), news);
        case Happened::policy_used: policies_[event.job] = {news.who, news.what, event.second}; break;
        case Happened::client_waits:
            return about(event.job,
                         fmt::format("client {} has sent {} bytes; no more come", news.who, event.first));
        case Happened::client_says: break;
    }
    return fmt::format("client    {}: {}", news.who, news.what);
}

int Board::count(State state) const {
    return static_cast<int>(std::count_if(
        jobs_.begin(), jobs_.end(), [state](const auto& entry) { return entry.second.state == state; }));
}

int Board::abandoned() const {
    return static_cast<int>(
        std::count_if(jobs_.begin(), jobs_.end(), [](const auto& entry) { return entry.second.abandoned; }));
}

int Board::pages_printed() const {
    int pages = 0;
    for (const auto& [number, job] : jobs_) {
        pages += job.state == State::printed ? job.pages : 0;
    }
    return pages;
}

}  // namespace spool
