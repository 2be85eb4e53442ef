// SPDX-License-Identifier: BSL-1.0
// Sending and receiving.
#include "model.hpp"

#include <algorithm>
#include <utility>

namespace umach::model {

namespace {

int ordinary(const Host& host, const Port& port) {
    return static_cast<int>(std::count_if(port.queue.begin(), port.queue.end(),
                                          [&](int message) { return host.messages.at(message).counts; }));
}

bool has_room(const Host& host, const Port& port) {
    return ordinary(host, port) < port.backlog;
}

}  // namespace

// ---- what leaves the sender -------------------------------------------------------------------------------

bool Host::take_own(int task, int message, int destination, unsigned wanted, bool deallocate,
                    port_name_t name, Right* right) {
    Entry* entry = find(task, name);
    const unsigned needed = (wanted & receive) != 0 ? receive : owner;
    if ((entry->rights & needed) == 0) return false;
    const int port = entry->object;
    const unsigned moved = entry->rights & wanted;
    if ((moved & receive) != 0) {
        if (circular(port, destination)) return false;
        if (depth_above(destination) + 1 + depth_below(port) > 16) return false;
    }
    const Place in_message{At::message, message};
    if ((moved & owner) != 0) ports[port].owner = in_message;
    entry->rights &= ~moved;
    if ((entry->rights & (receive | owner)) == 0 && deallocate) {
        const bool could_send = (entry->rights & send) != 0;
        tasks[static_cast<std::size_t>(task)].space.erase(name);
        if (could_send) drop_send(port);
    } else if (entry->rights == 0) {
        *entry = Entry{port, send, 1, none, entry->serial};
        ++ports[port].senders;
    }
    if ((moved & receive) != 0) detach(port, in_message);
    right->port = port;
    right->kind = moved == (receive | owner) ? Carried::all
                  : (moved & receive) != 0   ? Carried::receive
                                             : Carried::ownership;
    return true;
}

bool Host::take_right(int task, int message, int destination, unsigned code, bool deallocate,
                      port_name_t name, Right* right) {
    if (name == PORT_NULL) return true;
    if (name == PORT_DEAD) return right->kind = Carried::dead, true;
    Entry* entry = find(task, name);
    if (entry == nullptr) return false;
    auto& space = tasks[static_cast<std::size_t>(task)].space;
    const int port = entry->object;
    switch (code) {
        case MSG_TYPE_PORT_RECEIVE:
            return take_own(task, message, destination, receive, deallocate, name, right);
        case MSG_TYPE_PORT_OWNERSHIP:
            return take_own(task, message, destination, owner, deallocate, name, right);
        case MSG_TYPE_PORT_ALL:
            return take_own(task, message, destination, receive | owner, deallocate, name, right);
        case MSG_TYPE_MAKE_SEND_ONCE: *right = {Carried::once, port}; return (entry->rights & receive) != 0;
        default: break;
    }
    if ((entry->rights & once) != 0) {
        *right = {Carried::once, port};
        space.erase(name);
        return true;
    }
    if (code == MSG_TYPE_MOVE_SEND_ONCE) return false;
    if ((entry->rights & dead) != 0) {
        right->kind = Carried::dead;
        if (deallocate) remove(task, name);
        return true;
    }
    if ((entry->rights & (send | receive | owner)) == 0) return false;
    *right = {Carried::send, port};
    if (!deallocate) {
        ++ports[port].senders;
        if ((entry->rights & receive) != 0) ++ports[port].made;
        return true;
    }
    if (entry->rights != send) return false;
    space.erase(name);
    return true;
}

bool Host::take_all(int task, int message, int destination, const Sending& sending) {
    Right reply;
    // A dead name is no reply port.
    if (const Entry* entry = find(task, sending.reply); entry != nullptr && (entry->rights & dead) != 0)
        return false;
    if (sending.reply == PORT_DEAD) return false;
    if (!take_right(task, message, destination, MSG_TYPE_PORT, false, sending.reply, &reply)) return false;
    messages[message].reply = reply;
    for (const Item& item : sending.items)
        for (const port_name_t name : item.names) {
            Right right;
            if (!take_right(task, message, destination, item.code, item.deallocate, name, &right))
                return false;
            messages[message].rights.push_back(right);
        }
    return true;
}

// No message of these is a call: nothing in it moves, and a reply says so, at the reply port at once.
int Host::call_kernel(int task, const Sending& sending, int port) {
    const Host before = *this;
    const bool held = take_all(task, next_++, port, sending);
    *this = before;
    if (!held) return SEND_INVALID_PORT;
    const Entry* to = find(task, sending.reply);
    if (to == nullptr || ports[to->object].kernel) return SEND_SUCCESS;
    const int reply = to->object;
    if ((to->rights & once) != 0) tasks[static_cast<std::size_t>(task)].space.erase(sending.reply);
    const int number = next_++;
    messages[number].id = sending.id + 100;
    messages[number].counts = false;
    const bool had_news = has_news(reply);
    ports[reply].queue.push_back(number);
    news(reply, had_news);
    work_off();
    return SEND_SUCCESS;
}

int Host::send_message(int task, const Sending& sending) {
    Entry* to = find(task, sending.destination);
    if (to == nullptr || (to->rights & (send | receive | owner | once)) == 0) return SEND_INVALID_PORT;
    const int port = to->object;
    if (ports[port].kernel) return call_kernel(task, sending, port);
    const bool uses_up = (to->rights & once) != 0;
    const bool room = uses_up || (ports[port].line.empty() && has_room(*this, ports[port]));
    const Task& mine = tasks[static_cast<std::size_t>(task)];
    if (!room && sending.keep && (mine.kept.pending || mine.unheard == 8)) return SEND_NOTIFY_IN_PROGRESS;
    const Host before = *this;
    const int number = next_++;
    messages[number].id = sending.id;
    if (!take_all(task, number, port, sending)) return *this = before, SEND_INVALID_PORT;
    auto& space = tasks[static_cast<std::size_t>(task)].space;
    if (uses_up) {
        const auto still = space.find(sending.destination);
        if (still == space.end()) return *this = before, SEND_INVALID_PORT;
        space.erase(still);
        messages[number].counts = false;
    } else if (!room) {
        if (!sending.keep) return *this = before, SEND_TIMED_OUT;
        tasks[static_cast<std::size_t>(task)].kept = {true, port, sending.destination};
        messages[number].sender = task;
        ports[port].line.push_back(number);
        return SEND_WILL_NOTIFY;
    }
    const bool had_news = has_news(port);
    ports[port].queue.push_back(number);
    news(port, had_news);
    work_off();
    return SEND_SUCCESS;
}

// Acceptances stand together: at the port where one waits already, else at the notify port.
int Host::where_accepted(int task) const {
    for (const auto& [id, port] : ports)
        for (const Notice& notice : port.notices)
            if (notice.about == About::accepted && notice.task == task) return id;
    return tasks[static_cast<std::size_t>(task)].notify;
}

void Host::admit(int port) {
    while (!ports[port].line.empty() && has_room(*this, ports[port])) {
        const int number = ports[port].line.front();
        ports[port].line.pop_front();
        const bool had_news = has_news(port);
        ports[port].queue.push_back(number);
        news(port, had_news);
        const int sender = std::exchange(messages[number].sender, none);
        if (sender == none) continue;
        Task& task = tasks[static_cast<std::size_t>(sender)];
        const Kept kept = std::exchange(task.kept, {});
        if (known(sender, port) != nullptr)
            post(where_accepted(sender), {About::accepted, sender, kept.name, port, NOTIFY_MSG_ACCEPTED});
    }
}

// ---- what enters the receiver -----------------------------------------------------------------------------

int Host::receive_notice(int task, int port, const Received& got) {
    auto& notices = ports[port].notices;
    const auto told = [&](const Notice& n) {
        if (n.id != got.id) return false;
        const port_name_t name = got.names.empty() ? PORT_NULL : got.names[0];
        switch (n.about) {
            case About::deleted: return n.name == name;
            case About::accepted: {
                const port_name_t now = name_of(n.task, n.port, send | receive | owner);
                return name == (now != PORT_NULL ? now : n.name);
            }
            default:
                if (n.id == NOTIFY_PORT_DESTROYED) {
                    const port_name_t before = name_of(task, n.port, send | receive | owner);
                    return before != PORT_NULL ? name == before : find(task, name) == nullptr;
                }
                const Place at = ports.at(n.port).receiver;
                return name == (at.at == At::task ? name_of(at.index, n.port, receive) : PORT_NULL);
        }
    };
    const auto found = std::find_if(notices.begin(), notices.end(), told);
    if (found == notices.end() || !got.kernel)
        return error = "such a notification does not wait", RCV_SUCCESS;
    const Notice notice = *found;
    notices.erase(found);
    if (notice.about == About::deleted) tasks[static_cast<std::size_t>(notice.task)].space.erase(notice.name);
    if (notice.about == About::accepted) --tasks[static_cast<std::size_t>(notice.task)].unheard;
    if (notice.id == NOTIFY_PORT_DESTROYED) {
        ports[notice.port].receiver = ports[notice.port].owner = {At::task, task};
        enter(task, notice.port, receive | owner, got.names[0]);
    }
    taken(port);
    return RCV_SUCCESS;
}

void Host::arrive(int task, int message, Right right, port_name_t given) {
    // The backup that took the port has its ownership too, also when that lay in the port's own queue.
    const bool void_ownership = right.kind == Carried::ownership && ports.count(right.port) != 0 &&
                                ports[right.port].owner != Place{At::message, message};
    const bool lives =
        right.port != none && ports.count(right.port) != 0 && !ports[right.port].dying && !void_ownership;
    if (right.kind == Carried::null || right.kind == Carried::dead || !lives) {
        if (given != (right.kind == Carried::dead ? PORT_DEAD : PORT_NULL))
            error = "a right came out of nothing";
        return;
    }
    Port& port = ports[right.port];
    const Place here{At::task, task};
    unsigned bits = right.kind == Carried::send        ? send
                    : right.kind == Carried::receive   ? receive
                    : right.kind == Carried::ownership ? owner
                                                       : receive | owner;
    if (right.kind == Carried::once) return enter_new(task, Entry{right.port, once, 1, none, 0}, given);
    int id = 0;
    if (right.kind == Carried::receive && port.owner.at == At::nowhere) {
        id = NOTIFY_OWNERSHIP_RIGHTS;
    } else if (right.kind == Carried::ownership && port.receiver == Place{At::message, message}) {
        const auto& rights = messages[message].rights;
        const bool carried = std::any_of(rights.begin(), rights.end(), [&](const Right& other) {
            return other.port == right.port && other.kind == Carried::receive;
        });
        if (!carried) id = NOTIFY_RECEIVE_RIGHTS;
    }
    if (id != 0) bits = receive | owner;
    if ((bits & receive) != 0) port.receiver = here;
    if ((bits & owner) != 0) port.owner = here;
    enter(task, right.port, bits, given);
    if (id != 0) tell_rights(task, right.port, id);
}

int Host::receive_message(int task, port_name_t from, const Received& got) {
    Entry* entry = find(task, from);
    if (entry == nullptr || (entry->rights & (receive | set)) == 0) return RCV_INVALID_PORT;
    int port = entry->object;
    if ((entry->rights & set) != 0) {
        if (sets[port].ready.empty()) return RCV_TIMED_OUT;
        port = sets[port].ready.front();
    } else if (ports[port].in_set != none) {
        return RCV_INVALID_PORT;
    }
    if (!has_news(port)) return RCV_TIMED_OUT;
    if (got.local != name_of(task, port, receive)) error = "it came from another port";
    if (!ports[port].notices.empty()) return receive_notice(task, port, got);
    const int number = ports[port].queue.front();
    ports[port].queue.pop_front();
    taken(port);
    const Message& message = messages[number];
    if (got.id != message.id || got.kernel || got.names.size() != message.rights.size()) {
        error = "another message stands first";
        return RCV_SUCCESS;
    }
    for (std::size_t i = 0; i < message.rights.size(); ++i)
        arrive(task, number, message.rights[i], got.names[i]);
    arrive(task, number, message.reply, got.remote);
    messages.erase(number);
    admit(port);
    return RCV_SUCCESS;
}

}  // namespace umach::model
