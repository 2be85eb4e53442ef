// SPDX-License-Identifier: BSL-1.0
#include "history.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace umach::tests {
namespace {

using Queue = std::vector<std::uint32_t>;

class Search {
public:
    Search(const std::vector<Event>& history, std::size_t backlog) : history_(history), backlog_(backlog) {}

    bool from(std::uint64_t done, const Queue& queue) {
        if (is_all(done)) return true;
        if (!seen_.emplace(done, queue).second) return false;
        const std::uint64_t first_end = earliest_end(done);
        for (std::size_t i = 0; i < history_.size(); ++i) {
            if (is_done(done, i) || history_[i].begin > first_end) continue;
            Queue next = queue;
            if (apply(history_[i], next) && from(done | bit(i), next)) return true;
        }
        return false;
    }

private:
    static std::uint64_t bit(std::size_t i) { return std::uint64_t{1} << i; }
    static bool is_done(std::uint64_t done, std::size_t i) { return (done & bit(i)) != 0; }

    // What never ended need not have been done.
    bool is_all(std::uint64_t done) const {
        for (std::size_t i = 0; i < history_.size(); ++i)
            if (!is_done(done, i) && history_[i].end != Event::never) return false;
        return true;
    }

    std::uint64_t earliest_end(std::uint64_t done) const {
        std::uint64_t earliest = Event::never;
        for (std::size_t i = 0; i < history_.size(); ++i)
            if (!is_done(done, i)) earliest = std::min(earliest, history_[i].end);
        return earliest;
    }

    bool apply(const Event& event, Queue& queue) const {
        switch (event.kind) {
            case Event::Kind::send:
                if (queue.size() >= backlog_) return false;
                queue.push_back(event.value);
                return true;
            case Event::Kind::receive:
                if (queue.empty() || queue.front() != event.value) return false;
                queue.erase(queue.begin());
                return true;
            case Event::Kind::receive_nothing: return queue.empty();
        }
        return false;
    }

    const std::vector<Event>& history_;
    std::size_t backlog_;
    std::set<std::pair<std::uint64_t, Queue>> seen_;
};

}  // namespace

bool is_linearizable(const std::vector<Event>& history, std::size_t backlog) {
    return Search(history, backlog).from(0, {});
}

}  // namespace umach::tests
