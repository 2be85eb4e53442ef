// SPDX-License-Identifier: BSL-1.0
// The calls on names, ports and sets.
#include "model.hpp"

#include <algorithm>
#include <utility>

namespace umach::model {

Entry* Host::find(int task, port_name_t name) {
    auto& space = tasks[static_cast<std::size_t>(task)].space;
    const auto found = space.find(name);
    return found != space.end() ? &found->second : nullptr;
}

Entry* Host::known(int task, int port) {
    for (auto& [name, entry] : tasks[static_cast<std::size_t>(task)].space)
        if (entry.object == port && (entry.rights & (send | receive | owner)) != 0) return &entry;
    return nullptr;
}

port_name_t Host::name_of(int task, int object, unsigned rights) const {
    for (const auto& [name, entry] : tasks[static_cast<std::size_t>(task)].space)
        if (entry.object == object && (entry.rights & rights) != 0) return name;
    return PORT_NULL;
}

void Host::enter_new(int task, Entry entry, port_name_t given) {
    auto& space = tasks[static_cast<std::size_t>(task)].space;
    if (given == PORT_NULL || given == PORT_DEAD || space.count(given) != 0)
        error = "a new name is " + std::to_string(given) + ", which it cannot be";
    space[given] = entry;
    space[given].serial = next_++;
}

void Host::enter(int task, int port, unsigned rights, port_name_t given) {
    Entry* entry = known(task, port);
    if (entry == nullptr) {
        enter_new(task, Entry{port, rights, (rights & send) != 0 ? 1 : 0, none, 0}, given);
        return;
    }
    if (name_of(task, port, send | receive | owner) != given)
        error = "a port that has a name already got another one, " + std::to_string(given);
    if ((rights & send) != 0) {
        if ((entry->rights & send) != 0) {
            ++entry->urefs;
            --ports[port].senders;
        } else {
            entry->urefs = 1;
        }
    }
    entry->rights |= rights;
}

int Host::new_port(int task) {
    const int number = next_++;
    ports[number].receiver = ports[number].owner = {At::task, task};
    return number;
}

int Host::add_task(port_name_t self_name, port_name_t notify_name) {
    tasks.emplace_back();
    const int task = static_cast<int>(tasks.size()) - 1;
    Task& t = tasks.back();
    t.kernel_port = new_port(task);
    t.notify = new_port(task);
    ports[t.kernel_port].kernel = true;
    ports[t.kernel_port].owner = {};
    ports[t.kernel_port].senders = 2;
    ports[t.notify].senders = 1;
    enter_new(task, Entry{t.kernel_port, send, 1, none, 0}, self_name);
    enter_new(task, Entry{t.notify, receive | owner, 0, none, 0}, notify_name);
    return task;
}

int Host::allocate(int task, port_name_t made) {
    enter_new(task, Entry{new_port(task), receive | owner, 0, none, 0}, made);
    return KERN_SUCCESS;
}

void Host::remove(int task, port_name_t name) {
    auto& space = tasks[static_cast<std::size_t>(task)].space;
    const Entry entry = space[name];
    if (entry.notice_at != none) {
        auto& notices = ports[entry.notice_at].notices;
        std::erase_if(notices, [&](const Notice& n) {
            return n.about == About::deleted && n.task == task && n.name == name;
        });
        taken(entry.notice_at);
    }
    space.erase(name);
    if ((entry.rights & send) != 0) drop_send(entry.object);
    if ((entry.rights & receive) != 0)
        lose_receive(entry.object, (entry.rights & owner) != 0);
    else if ((entry.rights & owner) != 0)
        lose_owner(entry.object);
}

int Host::deallocate(int task, port_name_t name) {
    Entry* entry = find(task, name);
    if (entry == nullptr || (entry->rights & set) != 0) return KERN_INVALID_ARGUMENT;
    remove(task, name);
    work_off();
    return KERN_SUCCESS;
}

int Host::release(int task, port_name_t name, port_type_t right) {
    Entry* entry = find(task, name);
    if (entry == nullptr) return KERN_INVALID_ARGUMENT;
    const auto has = [&](unsigned wanted) { return (entry->rights & wanted) != 0; };
    const bool counted =
        (right == PORT_TYPE_SEND && has(send)) || (right == PORT_TYPE_DEAD_NAME && has(dead));
    if (counted && entry->urefs > 1) {
        --entry->urefs;
    } else if (counted && has(receive | owner)) {
        entry->rights &= ~static_cast<unsigned>(send);
        entry->urefs = 0;
        drop_send(entry->object);
    } else if (counted || (right == PORT_TYPE_SEND_ONCE && has(once))) {
        remove(task, name);
    } else {
        // Who gives up receiving from a port that is its own gives up both.
        const bool both = right == PORT_TYPE_RECEIVE_OWN && has(receive) && has(owner);
        const bool receiving = (right == PORT_TYPE_RECEIVE && has(receive)) || both;
        if (!receiving && !(right == PORT_TYPE_OWN && has(owner))) return KERN_INVALID_ARGUMENT;
        const int port = entry->object;
        const bool owned = has(owner);
        entry->rights &= ~static_cast<unsigned>(receiving ? receive | owner : owner);
        if (entry->rights == 0) tasks[static_cast<std::size_t>(task)].space.erase(name);
        if (receiving)
            lose_receive(port, owned);
        else
            lose_owner(port);
    }
    work_off();
    return KERN_SUCCESS;
}

int Host::reference(int task, port_name_t name) {
    Entry* entry = find(task, name);
    if (entry == nullptr || (entry->rights & (send | dead)) == 0) return KERN_INVALID_ARGUMENT;
    ++entry->urefs;
    return KERN_SUCCESS;
}

int Host::rename(int task, port_name_t old_name, port_name_t new_name) {
    auto& space = tasks[static_cast<std::size_t>(task)].space;
    if (find(task, old_name) == nullptr) return KERN_INVALID_ARGUMENT;
    if (new_name == PORT_NULL || new_name == PORT_DEAD) return KERN_INVALID_ARGUMENT;
    if (find(task, new_name) != nullptr) return KERN_NAME_EXISTS;
    const Entry entry = space[old_name];
    if (entry.notice_at != none)
        for (Notice& n : ports[entry.notice_at].notices)
            if (n.about == About::deleted && n.task == task && n.name == old_name) n.name = new_name;
    space.erase(old_name);
    space[new_name] = entry;
    return KERN_SUCCESS;
}

namespace {

// The code of a call that needs the receive right, for a name that does not have it.
int not_receiver(const Entry* entry) {
    return entry == nullptr || (entry->rights & set) != 0 ? KERN_INVALID_ARGUMENT : KERN_NOT_RECEIVER;
}

}  // namespace

int Host::set_backlog(int task, port_name_t name, int backlog) {
    Entry* entry = find(task, name);
    if (entry == nullptr || (entry->rights & receive) == 0) return not_receiver(entry);
    if (backlog < 1 || backlog > PORT_BACKLOG_MAX) return KERN_INVALID_ARGUMENT;
    ports[entry->object].backlog = backlog;
    admit(entry->object);
    return KERN_SUCCESS;
}

bool Host::can_send_to(int task, port_name_t name, int* port) {
    *port = none;
    if (name == PORT_NULL) return true;
    Entry* entry = find(task, name);
    if (entry == nullptr || (entry->rights & (send | receive | owner)) == 0) return false;
    *port = entry->object;
    return true;
}

void Host::hand_out(int task, int port, port_name_t given) {
    if (port == none || ports.count(port) == 0) {
        if (given != PORT_NULL) error = "a right to nothing was handed out";
        return;
    }
    ++ports[port].senders;
    enter(task, port, send, given);
}

int Host::set_backup(int caller, int task, port_name_t name, port_name_t backup, port_name_t previous) {
    Entry* entry = find(task, name);
    if (entry == nullptr || (entry->rights & receive) == 0) return not_receiver(entry);
    const int port = entry->object;
    int to = none;
    if (!can_send_to(caller, backup, &to) || to == port) return KERN_INVALID_ARGUMENT;
    if (to != none) ++ports[to].senders;
    const int old = std::exchange(ports[port].backup, to);
    hand_out(caller, old, previous);
    if (old != none) drop_send(old);
    return KERN_SUCCESS;
}

bool Host::may_ask_no_senders(int task, port_name_t name) const {
    const auto& space = tasks[static_cast<std::size_t>(task)].space;
    const auto found = space.find(name);
    if (found == space.end() || (found->second.rights & receive) == 0) return false;
    const Port& port = ports.at(found->second.object);
    return port.senders > 0 && port.no_senders == none;
}

int Host::ask_no_senders(int task, port_name_t name, port_name_t notify) {
    Entry* entry = find(task, name);
    Entry* to = find(task, notify);
    if (entry == nullptr || (entry->rights & receive) == 0) return not_receiver(entry);
    if (to == nullptr || (to->rights & receive) == 0) return KERN_INVALID_ARGUMENT;
    ports[entry->object].no_senders = to->object;
    return KERN_SUCCESS;
}

// ---- sets -------------------------------------------------------------------------------------------------

int Host::set_allocate(int task, port_name_t made) {
    const int number = next_++;
    sets[number].task = task;
    enter_new(task, Entry{number, set, 0, none, 0}, made);
    return KERN_SUCCESS;
}

int Host::set_deallocate(int task, port_name_t name) {
    Entry* entry = find(task, name);
    if (entry == nullptr || (entry->rights & set) == 0) return KERN_INVALID_ARGUMENT;
    for (auto& [number, port] : ports)
        if (port.in_set == entry->object) leave_set(number);
    sets.erase(entry->object);
    tasks[static_cast<std::size_t>(task)].space.erase(name);
    return KERN_SUCCESS;
}

int Host::set_add(int task, port_name_t set_name, port_name_t name) {
    Entry* to = find(task, set_name);
    if (to == nullptr || (to->rights & set) == 0) return KERN_INVALID_ARGUMENT;
    Entry* entry = find(task, name);
    if (entry == nullptr || (entry->rights & receive) == 0) return not_receiver(entry);
    if (ports[entry->object].in_set == to->object) return KERN_SUCCESS;
    leave_set(entry->object);
    ports[entry->object].in_set = to->object;
    if (has_news(entry->object)) sets[to->object].ready.push_back(entry->object);
    return KERN_SUCCESS;
}

int Host::set_remove(int task, port_name_t name) {
    Entry* entry = find(task, name);
    if (entry == nullptr || (entry->rights & receive) == 0) return not_receiver(entry);
    if (ports[entry->object].in_set == none) return KERN_NOT_IN_SET;
    leave_set(entry->object);
    return KERN_SUCCESS;
}

void Host::leave_set(int port) {
    const int old = std::exchange(ports[port].in_set, none);
    if (old != none) std::erase(sets[old].ready, port);
}

// ---- between spaces ---------------------------------------------------------------------------------------

int Host::can_insert(int task, int port, port_name_t his) {
    if (his == PORT_NULL || his == PORT_DEAD) return KERN_INVALID_ARGUMENT;
    if (find(task, his) != nullptr) return KERN_NAME_EXISTS;
    return known(task, port) != nullptr ? KERN_FAILURE : KERN_SUCCESS;
}

int Host::insert_send(int caller, int task, port_name_t my, port_name_t his) {
    int port = none;
    if (my == PORT_NULL || !can_send_to(caller, my, &port)) return KERN_INVALID_ARGUMENT;
    if (const int code = can_insert(task, port, his); code != KERN_SUCCESS) return code;
    ++ports[port].senders;
    enter(task, port, send, his);
    return KERN_SUCCESS;
}

int Host::extract_send(int caller, int task, port_name_t his, port_name_t my) {
    Entry* entry = find(task, his);
    if (entry == nullptr || entry->rights != send) return KERN_INVALID_ARGUMENT;
    hand_out(caller, entry->object, my);
    if (caller != task) remove(task, his);
    return KERN_SUCCESS;
}

void Host::move_receive(int from, port_name_t name, int to, port_name_t given, bool keep_send) {
    Entry* entry = find(from, name);
    const int port = entry->object;
    const unsigned moved = entry->rights & (receive | owner);
    detach(port, {At::task, to});
    if ((moved & owner) != 0) ports[port].owner = {At::task, to};
    entry->rights &= ~moved;
    if (keep_send && entry->rights == 0) {
        *entry = Entry{port, send, 1, none, entry->serial};
        ++ports[port].senders;
    }
    if (entry->rights == 0) tasks[static_cast<std::size_t>(from)].space.erase(name);
    enter(to, port, moved, given);
    Port& p = ports[port];
    if (p.owner.at != At::nowhere) return;
    p.owner = {At::task, to};
    known(to, port)->rights |= owner;
    tell_rights(to, port, NOTIFY_OWNERSHIP_RIGHTS);
}

int Host::insert_receive(int caller, int task, port_name_t my, port_name_t his) {
    Entry* entry = find(caller, my);
    if (entry == nullptr || (entry->rights & receive) == 0) return KERN_INVALID_ARGUMENT;
    if (const int code = can_insert(task, entry->object, his); code != KERN_SUCCESS) return code;
    move_receive(caller, my, task, his, true);
    return KERN_SUCCESS;
}

int Host::extract_receive(int caller, int task, port_name_t his, port_name_t my) {
    Entry* entry = find(task, his);
    if (entry == nullptr || (entry->rights & receive) == 0) return KERN_INVALID_ARGUMENT;
    if (caller != task) move_receive(task, his, caller, my, false);
    return KERN_SUCCESS;
}

int Host::set_bootstrap(int caller, int task, port_name_t name) {
    int port = none;
    if (!can_send_to(caller, name, &port)) return KERN_INVALID_ARGUMENT;
    if (port != none) ++ports[port].senders;
    const int old = std::exchange(tasks[static_cast<std::size_t>(task)].bootstrap, port);
    if (old != none) drop_send(old);
    return KERN_SUCCESS;
}

int Host::get_bootstrap(int caller, int task, port_name_t name) {
    hand_out(caller, tasks[static_cast<std::size_t>(task)].bootstrap, name);
    return KERN_SUCCESS;
}

int Host::register_ports(int task, const std::vector<port_name_t>& names) {
    std::vector<int> found(4, none);
    for (std::size_t i = 0; i < names.size(); ++i)
        if (!can_send_to(task, names[i], &found[i])) return KERN_INVALID_ARGUMENT;
    for (const int port : found)
        if (port != none) ++ports[port].senders;
    const auto old = std::exchange(tasks[static_cast<std::size_t>(task)].registered, found);
    for (const int port : old)
        if (port != none) drop_send(port);
    return KERN_SUCCESS;
}

// ---- to be seen from outside ------------------------------------------------------------------------------

std::map<port_name_t, port_type_t> Host::types(int task) const {
    std::map<port_name_t, port_type_t> found;
    for (const auto& [name, entry] : tasks[static_cast<std::size_t>(task)].space) {
        const unsigned r = entry.rights;
        found[name] = (r & set) != 0    ? PORT_TYPE_SET
                      : (r & dead) != 0 ? PORT_TYPE_DEAD_NAME
                      : (r & once) != 0
                          ? PORT_TYPE_SEND_ONCE
                          : PORT_TYPE_SEND | ((r & receive) != 0 ? 2 : 0) | ((r & owner) != 0 ? 4 : 0);
    }
    return found;
}

int Host::waiting(int port) const {
    const Port& p = ports.at(port);
    return static_cast<int>(p.queue.size() + p.notices.size());
}

}  // namespace umach::model
