// SPDX-License-Identifier: BSL-1.0
#include "cycles.hpp"

#include <algorithm>
#include <set>

namespace umach::tools {
namespace {

using Waiters = std::map<unsigned, Waiter>;  // by the thread's number

// ---- who waits for whom -----------------------------------------------------------------------------------

// A sender whose port has room is about to go on.
std::optional<unsigned> who_makes_room(const Snapshot& all, const umach_thread_seen_t& thread) {
    const umach_port_seen_t* port = all.port(thread.at);
    if (port == nullptr || port->ordinary < port->backlog) return std::nullopt;
    return all.receiver(thread.at);
}

std::optional<Waiter> who_waits_for_end(const Snapshot& all, const umach_thread_seen_t& thread) {
    const umach_port_seen_t* port = all.port(thread.at);
    if (port == nullptr) return std::nullopt;
    if (port->kind == UMACH_PORT_OF_TASK) return Waiter{thread, port->object, 0};
    const auto task = all.task_of(port->object);
    if (port->kind != UMACH_PORT_OF_THREAD || !task) return std::nullopt;
    return Waiter{thread, *task, port->object};
}

std::optional<Waiter> waiter_of(const Snapshot& all, const umach_thread_seen_t& thread) {
    if (thread.ends_in >= 0 || thread.ending != 0) return std::nullopt;
    std::optional<unsigned> task;
    switch (thread.waits) {
        case UMACH_WAITS_TO_SEND: task = who_makes_room(all, thread); break;
        case UMACH_WAITS_FOR_ANSWER: task = all.answerer(thread.number); break;
        case UMACH_WAITS_FOR_END: return who_waits_for_end(all, thread);
        default: break;
    }
    return task ? std::optional(Waiter{thread, *task, 0}) : std::nullopt;
}

Waiters waiters_in(const Snapshot& all) {
    Waiters waiters;
    for (const auto& [task, thread] : all.threads)
        if (const auto waiter = waiter_of(all, thread)) waiters.emplace(thread.number, *waiter);
    return waiters;
}

Waiters in_both(const Waiters& first, const Waiters& second) {
    Waiters both;
    for (const auto& [number, waiter] : second)
        if (const auto before = first.find(number); before != first.end() && waiter.is_same(before->second))
            both.emplace(number, waiter);
    return both;
}

// ---- who is stuck -----------------------------------------------------------------------------------------

// Whether all of a task's threads are among those who wait. The hidden thread of port_set_fd does nothing for
// others.
bool all_wait(const Snapshot& all, unsigned task, const Waiters& waiters) {
    bool any = false;
    const auto [first, last] = all.threads.equal_range(task);
    for (auto at = first; at != last; ++at) {
        if (at->second.waits == UMACH_WAITS_TO_MIRROR) continue;
        if (!waiters.contains(at->second.number)) return false;
        any = true;
    }
    return any;
}

std::set<unsigned> stuck_tasks(const Snapshot& first, const Snapshot& second, const Waiters& waiters) {
    std::set<unsigned> stuck;
    for (const auto& [number, task] : second.tasks)
        if (task.ending == 0 && all_wait(first, number, waiters) && all_wait(second, number, waiters))
            stuck.insert(number);
    return stuck;
}

// Leaves those who wait for others that are left.
void leave_stuck(const Snapshot& first, const Snapshot& second, Waiters& waiters) {
    for (std::size_t before = waiters.size() + 1; before != waiters.size();) {
        before = waiters.size();
        const std::set<unsigned> stuck = stuck_tasks(first, second, waiters);
        std::erase_if(waiters, [&](const auto& item) {
            const Waiter& waiter = item.second;
            return waiter.other != 0 ? !waiters.contains(waiter.other) : !stuck.contains(waiter.task);
        });
    }
}

// ---- cycles -----------------------------------------------------------------------------------------------

// For each of those who are stuck, one that it waits for: of a task, the first thread.
std::map<unsigned, unsigned> next_of(const Waiters& stuck) {
    std::map<unsigned, unsigned> first_of_task, next;
    for (const auto& [number, waiter] : stuck) first_of_task.emplace(waiter.thread.task, number);
    for (const auto& [number, waiter] : stuck)
        next.emplace(number, waiter.other != 0 ? waiter.other : first_of_task.at(waiter.task));
    return next;
}

// Where one comes to who goes on from there until everything has been seen: a member of the cycle.
unsigned end_of_way(const std::map<unsigned, unsigned>& next, unsigned from) {
    for (std::size_t steps = next.size(); steps > 0; --steps) from = next.at(from);
    return from;
}

std::vector<unsigned> members_from(const std::map<unsigned, unsigned>& next, unsigned first) {
    std::vector<unsigned> members{first};
    for (unsigned at = next.at(first); at != first; at = next.at(at)) members.push_back(at);
    std::rotate(members.begin(), std::min_element(members.begin(), members.end()), members.end());
    return members;
}

}  // namespace

std::vector<Cycle> cycles_in(const Snapshot& first, const Snapshot& second) {
    Waiters stuck = in_both(waiters_in(first), waiters_in(second));
    leave_stuck(first, second, stuck);
    const auto next = next_of(stuck);
    std::map<unsigned, Cycle> cycles;  // by the first member
    for (const auto& [number, waiter] : stuck) {
        const std::vector<unsigned> members = members_from(next, end_of_way(next, number));
        Cycle& cycle = cycles[members.front()];
        if (cycle.members.empty())
            for (const unsigned member : members) cycle.members.push_back(stuck.at(member));
        if (std::find(members.begin(), members.end(), number) == members.end())
            cycle.behind.push_back(waiter);
    }
    std::vector<Cycle> all;
    for (auto& [number, cycle] : cycles) all.push_back(std::move(cycle));
    return all;
}

}  // namespace umach::tools
