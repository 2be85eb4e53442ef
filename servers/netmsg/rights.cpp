// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/rights.hpp"

#include <utility>

namespace umach::netmsg {
namespace {

constexpr std::size_t most_answered = 32;

}  // namespace

Rights::~Rights() {
    for (const port_t port : answered_) end_port(port);
    if (way_ != PORT_NULL) end_port(way_);
    for (auto& [name, id] : proxy_names_) give_back(proxies_.at(id));
    for (auto& [id, holding] : holdings_) {
        if (holding.dead) continue;
        if (holding.owns) give_up_ownership(holding.name);
        if (holding.for_owner) end_port(holding.name);  // the message with its ownership does not go on
        give_up_held(holding);
    }
}

// A port that moved on without its ownership left that here. If it came home meanwhile, another one holds it too.
void Rights::give_up_held(const Holding& holding) {
    give_up(holding.name);
    const auto known = held_names_.find(holding.name);
    if (known == held_names_.end() || known->second != holding.id) return;
    held_names_.erase(known);
    if (type_of(holding.name) == PORT_TYPE_OWN) port_release(task_self(), holding.name, PORT_TYPE_OWN);
}

Holding* Rights::holding(std::uint32_t id) {
    const auto found = holdings_.find(id);
    return found != holdings_.end() ? &found->second : nullptr;
}

Proxy* Rights::proxy_named(port_t name) {
    const auto found = proxy_names_.find(name);
    return found != proxy_names_.end() ? &proxies_.at(found->second) : nullptr;
}

Holding& Rights::hold(std::uint32_t id, port_t name, bool once) {
    Holding& holding = holdings_[id];
    holding.id = id;
    holding.name = name;
    holding.once = once;
    held_names_[name] = id;
    return holding;
}

Proxy* Rights::add_proxy(std::uint32_t id, port_t name, bool once) {
    if (name == PORT_NULL) return nullptr;
    Proxy& proxy = proxies_[id];
    proxy.id = id;
    proxy.name = name;
    proxy.once = once;
    proxy_names_[name] = id;
    return &proxy;
}

void Rights::let_go(Proxy& proxy) {
    proxy_names_.erase(proxy.name);
    proxy.gone = true;
    if (proxy.in_transit > 0) return;
    if (!proxy.once) control_(Op::release, proxy.id, proxy.refs);
    proxies_.erase(proxy.id);
}

// ---- leaving -------------------------------------------------------------------------------------------

WireRight Rights::leave(unsigned code, port_t name) {
    if (name == PORT_NULL) return {};
    if (name == PORT_DEAD) return {RightKind::dead, 0, 0};
    if (code == MSG_TYPE_PORT_RECEIVE || code == MSG_TYPE_PORT_ALL) return leave_receive(code, name);
    if (code == MSG_TYPE_PORT_OWNERSHIP) return leave_ownership(name);
    return type_of(name) == PORT_TYPE_SEND_ONCE ? leave_once(name) : leave_send(name);
}

WireRight Rights::leave_send(port_t name) {
    WireRight right{RightKind::dead, 0, 0};
    const auto known = held_names_.find(name);
    if (Proxy* const proxy = proxy_named(name); proxy != nullptr) {
        right = depart(*proxy);
    } else if (known != held_names_.end()) {
        Holding& holding = holdings_.at(known->second);
        ++holding.refs;
        ++holding.in_transit;
        right = {RightKind::mine, holding.id, 0};
    } else if (type_of(name) != PORT_TYPE_DEAD_NAME && holdings_.size() < quota_.rights) {
        Holding& holding = hold(next_own_++, name, false);
        holding.refs = holding.in_transit = 1;
        return {RightKind::mine, holding.id, 0};
    }
    give_up(name);
    return right;
}

WireRight Rights::leave_once(port_t name) {
    if (holdings_.size() >= quota_.rights) {
        give_up(name);
        return {RightKind::dead, 0, 0};
    }
    Holding& holding = hold(next_own_++, name, true);
    holding.refs = holding.in_transit = 1;
    return {RightKind::once, holding.id, 0};
}

WireRight Rights::depart(Proxy& proxy) {
    ++proxy.in_transit;
    return {RightKind::yours, proxy.id, 0};
}

void Rights::left(const WireRight& right) {
    if (right.moves()) {
        const auto moved = proxies_.find(right.id);
        if (moved == proxies_.end()) return;
        moved->second.leaves = false;
        if (right.kind == RightKind::receive && !moved->second.owned) control_(Op::unowned, right.id, 1);
        return;
    }
    if (right.is_proxy()) {
        const auto found = proxies_.find(right.id);
        if (found == proxies_.end()) return;
        --found->second.in_transit;
        if (found->second.gone) return let_go(found->second);
        return right.kind == RightKind::yours ? retire(found->second) : lose_owner(found->second);
    }
    Holding* const kept = right.is_held() ? holding(right.id) : nullptr;
    if (kept == nullptr) return;
    --kept->in_transit;
    if (kept->dead) tell_dead(*kept);
}

// ---- arriving ------------------------------------------------------------------------------------------

bool Rights::within(std::size_t count, std::size_t quota, const char* of) {
    if (count >= quota) why_ = past(quota, of);
    return count < quota;
}

std::optional<Arrival> Rights::arrive(const WireRight& right) {
    switch (right.kind) {
        case RightKind::none: return Arrival{};
        case RightKind::dead: return Arrival{PORT_DEAD, MSG_TYPE_PORT, right.kind, 0};
        case RightKind::mine: return arrive_mine(right);
        case RightKind::once: return arrive_once(right);
        case RightKind::receive:
        case RightKind::all: return arrive_receive(right);
        case RightKind::own: return arrive_ownership(right);
        case RightKind::own_home: return arrive_ownership_home(right);
        case RightKind::yours: break;
    }
    Holding* const kept = holding(right.id);
    if (kept == nullptr || kept->once) return std::nullopt;
    ++kept->arriving;
    return Arrival{kept->dead ? PORT_DEAD : kept->name, MSG_TYPE_PORT, right.kind, right.id};
}

std::optional<Arrival> Rights::arrive_mine(const WireRight& right) {
    const auto known = proxies_.find(right.id);
    Proxy* proxy = known != proxies_.end() ? &known->second : nullptr;
    const bool possible = proxy != nullptr ? !proxy->once : within(proxies_.size(), quota_.ports, "ports");
    // Of a port that moved there from here, the id is one of ours.
    const bool drawn = right.id != 0 && (right.id < chosen_by_other || right.id < next_other_);
    if (!possible || !drawn || right.id == chosen_by_other) return std::nullopt;
    if (proxy == nullptr) {
        proxy = add_proxy(right.id, new_port(), false);
        if (proxy == nullptr) {
            control_(Op::release, right.id, 1);
            return Arrival{};
        }
        port_set_add(task_self(), set_, proxy->name);
    }
    ++proxy->refs;
    proxy->senderless = false;
    if (proxy->gone) return Arrival{PORT_DEAD, MSG_TYPE_PORT, RightKind::dead, 0};
    ++proxy->arriving;
    return Arrival{proxy->name, MSG_TYPE_PORT, right.kind, right.id};
}

std::optional<Arrival> Rights::arrive_once(const WireRight& right) {
    const bool possible = !proxies_.contains(right.id) && within(proxies_.size(), quota_.ports, "ports");
    if (!possible || right.id == 0 || right.id >= chosen_by_other) return std::nullopt;
    Proxy* const proxy = add_proxy(right.id, port_for_answer(), true);
    const port_t once = proxy != nullptr ? make(MSG_TYPE_MAKE_SEND_ONCE, proxy->name) : PORT_NULL;
    if (once == PORT_NULL) {
        if (proxy != nullptr) used_up(*proxy);
        control_(Op::release, right.id, 1);
        return Arrival{};
    }
    proxy->refs = 1;
    return Arrival{once, MSG_TYPE_PORT, right.kind, right.id};
}

port_t Rights::port_for_answer() {
    if (!answered_.empty()) {
        const port_t port = answered_.back();
        answered_.pop_back();
        return port;
    }
    const port_t port = new_port();
    if (port == PORT_NULL) return port;
    ask(port, NOTIFY_SEND_ONCE);
    port_set_add(task_self(), set_, port);
    return port;
}

port_t Rights::make(unsigned code, port_t port) {
    if (way_ == PORT_NULL) way_ = new_port();
    return make_right(code, port, way_);
}

void Rights::settle(const Arrival& arrival, bool sent) {
    if (arrival.kind == RightKind::mine) {
        settle_mine(arrival, sent);
    } else if (arrival.kind == RightKind::yours) {
        settle_yours(arrival.id);
    } else if (arrival.kind == RightKind::own) {
        settle_ownership(arrival, sent);
    } else if (arrival.kind == RightKind::own_home) {
        settle_ownership_home(arrival, sent);
    } else if (arrival.kind == RightKind::once) {
        if (!sent) give_up(arrival.name);  // of which the kernel tells
    } else if (arrival.kind == RightKind::receive || arrival.kind == RightKind::all) {
        settle_receive(arrival, sent);
    }
}

// The other side may have given all of its own back meanwhile.
void Rights::settle_yours(std::uint32_t id) {
    Holding& kept = holdings_.at(id);
    --kept.arriving;
    if (kept.refs == 0) drop(kept);
}

void Rights::settle_mine(const Arrival& arrival, bool sent) {
    const auto found = proxies_.find(arrival.id);
    if (found == proxies_.end() || found->second.gone) return;
    Proxy& proxy = found->second;
    --proxy.arriving;
    proxy.given = proxy.given || sent;
    if (proxy.given) return ask(proxy.name, NOTIFY_NO_MORE_SENDERS);
    proxy.senderless = true;
    retire(proxy);
}

// ---- what the other side says --------------------------------------------------------------------------

bool Rights::released(std::uint32_t id, std::uint32_t count) {
    Holding* const kept = holding(id);
    if (kept == nullptr || count == 0 || count > kept->refs) return false;
    kept->refs -= count;
    if (kept->refs == 0) drop(*kept);
    return true;
}

void Rights::arrived(std::uint32_t id) {
    Holding* const kept = holding(id);
    if (kept == nullptr) return;
    kept->busy = false;
    if (kept->refs == 0) drop(*kept);
}

void Rights::drop(Holding& holding) {
    if (holding.in_use()) return;
    if (holding.owns && !holding.dead) give_up_ownership(holding.name);
    if (!holding.dead) give_up_held(holding);
    const port_t name = holding.name;
    holdings_.erase(holding.id);
    if (Proxy* const moved = proxy_named(name); moved != nullptr) retire(*moved);
}

void Rights::used_up(Holding& holding) {
    held_names_.erase(holding.name);
    holdings_.erase(holding.id);
}

void Rights::used_up(Proxy& proxy) {
    end_port(proxy.name);
    let_go(proxy);
}

void Rights::answered(Proxy& proxy) {
    if (answered_.size() == most_answered) return used_up(proxy);
    answered_.push_back(proxy.name);
    let_go(proxy);
}

void Rights::died(std::uint32_t id) {
    const auto found = proxies_.find(id);
    if (found == proxies_.end() || found->second.gone) return;
    if (found->second.once) control_(Op::release, id, 1);
    used_up(found->second);
}

port_t Rights::without_credit(std::uint32_t id) const {
    const auto found = proxies_.find(id);
    return found == proxies_.end() || found->second.credit || found->second.gone ? PORT_NULL : found->second.name;
}

void Rights::take_credit(Proxy& proxy) {
    if (std::exchange(proxy.credit, false)) port_set_remove(task_self(), proxy.name);
}

void Rights::give_credit(std::uint32_t id) {
    const auto found = proxies_.find(id);
    if (found == proxies_.end() || found->second.credit || found->second.gone) return;
    found->second.credit = true;
    port_set_add(task_self(), set_, found->second.name);
    retire(found->second);
}

void Rights::retire(Proxy& proxy) {
    const bool idle = proxy.senderless && proxy.credit && proxy.in_transit == 0 && !proxy.once;
    // A message to it from before it moved may be in the ferry, and not in its line yet.
    const auto held = held_names_.find(proxy.name);
    const bool awaited = held != held_names_.end() && holdings_.at(held->second).in_use();
    const bool wanted = proxy.owned || proxy.arriving > 0 || awaited;
    if (!idle || wanted || waiting_at(proxy.name) != 0) return;
    // The news may be older than a right that was given out meanwhile.
    port_set_remove(task_self(), proxy.name);
    if (!has_senders(proxy.name)) return used_up(proxy);
    port_set_add(task_self(), set_, proxy.name);
    proxy.senderless = false;
    ask(proxy.name, NOTIFY_NO_MORE_SENDERS);
}

// ---- what the kernel says ------------------------------------------------------------------------------

bool Rights::port_died(port_t name) {
    const auto found = held_names_.find(name);
    if (found == held_names_.end()) return false;
    Holding& kept = holdings_.at(found->second);
    held_names_.erase(found);
    kept.dead = true;
    tell_dead(kept);
    return true;
}

// Not before every message that has the right has left: the other side has to know what has died.
void Rights::tell_dead(Holding& holding) {
    if (holding.told || holding.in_transit > 0) return;
    holding.told = true;
    control_(Op::dead, holding.id, 1);
}

bool Rights::senders_gone(port_t name) {
    Proxy* const proxy = proxy_named(name);
    if (proxy == nullptr) return false;
    proxy->senderless = true;
    retire(*proxy);
    return true;
}

bool Rights::once_died(port_t name) {
    Proxy* const proxy = proxy_named(name);
    if (proxy == nullptr) return false;
    control_(Op::release, proxy->id, 1);
    used_up(*proxy);
    return true;
}

}  // namespace umach::netmsg
