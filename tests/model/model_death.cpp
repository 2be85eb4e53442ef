// SPDX-License-Identifier: BSL-1.0
// How rights are lost, and how ports and tasks end.
#include "model.hpp"

#include <algorithm>
#include <utility>

namespace umach::model {

// ---- notices and news -------------------------------------------------------------------------------------

bool Host::has_news(int port) const {
    const auto found = ports.find(port);
    return found != ports.end() && (!found->second.queue.empty() || !found->second.notices.empty());
}

void Host::news(int port, bool had_news) {
    if (!had_news && ports[port].in_set != none) sets[ports[port].in_set].ready.push_back(port);
}

// The member that was served goes to the end.
void Host::taken(int port) {
    if (ports[port].in_set == none) return;
    auto& ready = sets[ports[port].in_set].ready;
    if (std::erase(ready, port) != 0 && has_news(port)) ready.push_back(port);
}

void Host::post(int port, const Notice& notice) {
    if (port == none || ports.count(port) == 0 || ports[port].dying || ports[port].kernel) return;
    const bool had_news = has_news(port);
    ports[port].notices.push_back(notice);
    if (notice.about == About::deleted) find(notice.task, notice.name)->notice_at = port;
    if (notice.about == About::accepted) ++tasks[static_cast<std::size_t>(notice.task)].unheard;
    news(port, had_news);
}

void Host::withdraw_rights_notice(int port) {
    for (auto& [number, p] : ports) {
        const auto gone = std::erase_if(
            p.notices, [&](const Notice& n) { return n.about == About::rights && n.port == port; });
        if (gone != 0) taken(number);
    }
}

void Host::tell_rights(int task, int port, msg_id_t id) {
    withdraw_rights_notice(port);
    post(tasks[static_cast<std::size_t>(task)].notify, {About::rights, none, 0, port, id});
}

// ---- losing rights ----------------------------------------------------------------------------------------

void Host::drop_send(int port) {
    if (ports.count(port) == 0) return;
    Port& p = ports[port];
    --p.senders;
    if (p.dying || p.senders != 0 || p.no_senders == none) return;
    const int notify = std::exchange(p.no_senders, none);
    for (const auto& [number, other] : ports)
        for (const Notice& n : other.notices)
            if (n.about == About::no_senders && n.port == port) return;
    post(notify, {About::no_senders, none, 0, port, NOTIFY_NO_MORE_SENDERS});
}

namespace {

// The port at which a message stands; none while it is being destroyed.
int stands_at(const Host& host, int message) {
    for (const auto& [number, port] : host.ports)
        for (const auto* list : {&port.queue, &port.line})
            if (std::find(list->begin(), list->end(), message) != list->end()) return number;
    return none;
}

// The port above a place; none at the top.
int above(const Host& host, Place place) {
    if (place.at == At::notice) return place.index;
    return place.at == At::message ? stands_at(host, place.index) : none;
}

}  // namespace

bool Host::below(Place place, int port) const {
    for (int at = above(*this, place); at != none && ports.count(at) != 0;
         at = above(*this, ports.at(at).receiver))
        if (at == port) return true;
    return false;
}

bool Host::circular(int moving, int destination) const {
    return destination == moving || below(ports.at(destination).receiver, moving);
}

int Host::depth_above(int port) const {
    const int next = above(*this, ports.at(port).receiver);
    return next == none ? 0 : 1 + depth_above(next);
}

int Host::depth_below(int port) const {
    int deepest = 0;
    for (const auto& [number, inner] : ports)
        if (inner.receiver.at != At::task && above(*this, inner.receiver) == port)
            deepest = std::max(deepest, 1 + depth_below(number));
    return deepest;
}

void Host::detach(int port, Place to) {
    leave_set(port);
    ports[port].receiver = to;
    ports[port].made = 0;
}

void Host::lose_receive(int port, bool owner_too) {
    if (ports.count(port) == 0 || ports[port].dying) return;
    Port& p = ports[port];
    const Place owner_at = p.owner;
    if (!owner_too && (owner_at.at == At::task || owner_at.at == At::message) && !below(owner_at, port)) {
        detach(port, owner_at);
        if (owner_at.at != At::task) return;
        known(owner_at.index, port)->rights |= receive;
        tell_rights(owner_at.index, port, NOTIFY_RECEIVE_RIGHTS);
        return;
    }
    const int backup = p.backup;
    const bool lives = backup != none && ports.count(backup) != 0 && !ports[backup].dying && !ports[backup].kernel;
    if (lives && backup != port && !below({At::notice, backup}, port)) {
        withdraw_rights_notice(port);
        detach(port, {At::notice, backup});
        p.owner = p.receiver;
        p.backup = none;
        post(backup, {About::rights, none, 0, port, NOTIFY_PORT_DESTROYED});
        drop_send(backup);
        return;
    }
    leave_set(port);
    p.dying = true;
    p.receiver = p.owner = {};
    dying_.push_back(port);
}

void Host::lose_owner(int port) {
    if (ports.count(port) == 0 || ports[port].dying) return;
    Port& p = ports[port];
    if (p.receiver.at == At::message && p.receiver == p.owner) {
        const auto& rights = messages[p.receiver.index].rights;
        const bool carried = std::any_of(rights.begin(), rights.end(), [&](const Right& right) {
            return right.port == port && right.kind == Carried::receive;
        });
        if (!carried) return lose_receive(port, true);
    }
    p.owner = {};
    if (p.receiver.at != At::task) return;
    p.owner = p.receiver;
    known(p.receiver.index, port)->rights |= owner;
    tell_rights(p.receiver.index, port, NOTIFY_OWNERSHIP_RIGHTS);
}

// ---- the end of messages and ports ------------------------------------------------------------------------

void Host::doom(int message) {
    doomed_.push_back(message);
}

void Host::release_one(int message, Right right) {
    const bool void_ownership = right.kind == Carried::ownership && ports.count(right.port) != 0 &&
                                ports[right.port].owner != Place{At::message, message};
    if (void_ownership) return;
    switch (right.kind) {
        case Carried::send: return drop_send(right.port);
        case Carried::receive: return lose_receive(right.port, false);
        case Carried::all: return lose_receive(right.port, true);
        case Carried::ownership: return lose_owner(right.port);
        default: return;
    }
}

void Host::drop_notice(const Notice& notice) {
    if (notice.about == About::deleted) find(notice.task, notice.name)->notice_at = none;
    if (notice.about == About::accepted) --tasks[static_cast<std::size_t>(notice.task)].unheard;
    if (notice.about == About::rights && notice.id == NOTIFY_PORT_DESTROYED) lose_receive(notice.port, true);
}

// One piece of the end of a port.
void Host::dismantle(int port) {
    Port& p = ports[port];
    if (!p.line.empty()) {
        const int message = p.line.front();
        p.line.pop_front();
        if (messages[message].sender != none)
            tasks[static_cast<std::size_t>(messages[message].sender)].kept = {};
        return doom(message);
    }
    if (!p.queue.empty()) {
        const int message = p.queue.front();
        p.queue.pop_front();
        return doom(message);
    }
    if (!p.notices.empty()) {
        const Notice notice = p.notices.front();
        p.notices.erase(p.notices.begin());
        return drop_notice(notice);
    }
    for (auto& [number, other] : ports) {
        const auto gone = std::erase_if(other.notices, [&](const Notice& n) {
            return (n.about == About::no_senders || n.about == About::rights) && n.port == port;
        });
        if (gone != 0) taken(number);
    }
    dying_.pop_front();
    const int backup = p.backup;
    ports.erase(port);
    if (backup != none) drop_send(backup);
    for (std::size_t task = 0; task < tasks.size(); ++task)
        for (auto& [name, entry] : tasks[task].space) {
            if (entry.object != port || (entry.rights & (send | receive | owner | once)) == 0) continue;
            entry = Entry{none, dead, std::max(entry.urefs, 1), none, entry.serial};
            post(tasks[task].notify,
                 {About::deleted, static_cast<int>(task), name, none, NOTIFY_PORT_DELETED});
        }
}

// Messages that nobody will receive come first, one right at a time; then ports that are dying.
void Host::work_off() {
    for (;;) {
        if (!doomed_.empty()) {
            Message& message = messages[doomed_.front()];
            Right* next = message.reply.kind != Carried::null ? &message.reply : nullptr;
            for (Right& right : message.rights)
                if (next == nullptr && right.kind != Carried::null) next = &right;
            if (next != nullptr) {
                const Right right = *next;
                next->kind = Carried::null;
                release_one(doomed_.front(), right);
                continue;
            }
            messages.erase(doomed_.front());
            doomed_.pop_front();
        } else if (!dying_.empty()) {
            dismantle(dying_.front());
        } else {
            return;
        }
    }
}

// ---- the end of a task ------------------------------------------------------------------------------------

void Host::end_task(int number, const std::vector<port_name_t>& order) {
    Task& task = tasks[static_cast<std::size_t>(number)];
    task.alive = false;
    for (auto& [id, message] : messages)
        if (message.sender == number) message.sender = none;
    task.kept = {};
    task.unheard = 0;
    for (auto& [id, port] : ports)
        if (std::erase_if(port.notices, [&](const Notice& n) {
                return n.about == About::accepted && n.task == number;
            }) != 0)
            taken(id);
    const int kernel_port = task.kernel_port;
    drop_send(kernel_port);
    drop_send(std::exchange(task.notify, none));
    if (task.bootstrap != none) drop_send(std::exchange(task.bootstrap, none));
    for (int& port : task.registered)
        if (port != none) drop_send(std::exchange(port, none));
    lose_receive(kernel_port, true);
    work_off();
    for (const port_name_t name : order) {
        if (find(number, name) == nullptr) continue;
        if ((find(number, name)->rights & set) != 0)
            set_deallocate(number, name);
        else
            remove(number, name);
        work_off();
    }
}

}  // namespace umach::model
