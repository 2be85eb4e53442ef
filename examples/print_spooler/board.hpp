// SPDX-License-Identifier: BSL-1.0
// Board: what is known of the jobs, from events alone.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "events.hpp"

namespace spool {

struct JobOnBoard {
    std::string title;
    std::string client;
    std::string printer;
    State state = State::arriving;
    bool abandoned = false;
    int bytes = 0;
    int page = 0;
    int pages = 0;
};

struct PolicyReport {
    std::string client;
    std::string what;
    int proof = 0;
};

class Board {
public:
    /// Takes the news in. returns: a line that tells it; empty when it is no news for people.
    std::string hear(const News& news);

    [[nodiscard]] const std::map<int, JobOnBoard>& jobs() const { return jobs_; }
    /// By the number of the policy.
    [[nodiscard]] const std::map<int, PolicyReport>& policies() const { return policies_; }
    [[nodiscard]] const std::vector<std::string>& returns() const { return returns_; }
    [[nodiscard]] int count(State state) const;
    [[nodiscard]] int abandoned() const;
    [[nodiscard]] int pages_printed() const;
    /// Of the spooler when it closed; -1: it has not.
    [[nodiscard]] int jobs_left() const { return jobs_left_; }
    [[nodiscard]] int names_left() const { return names_left_; }

private:
    std::string of_spooler(const News& news);
    static std::string submitted(JobOnBoard& job, const News& news);
    static std::string complete(JobOnBoard& job, const News& news);
    static std::string abandoned(JobOnBoard& job, const News& news);
    static std::string handed_out(JobOnBoard& job, const News& news);
    std::string came_back(JobOnBoard& job, const News& news);
    static std::string ended(JobOnBoard& job, const News& news);
    static std::string page_done(JobOnBoard& job, const News& news);

    std::map<int, JobOnBoard> jobs_;
    std::map<int, PolicyReport> policies_;
    std::vector<std::string> returns_;
    int jobs_left_ = -1;
    int names_left_ = -1;
};

}  // namespace spool
