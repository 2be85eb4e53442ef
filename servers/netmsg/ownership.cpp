// SPDX-License-Identifier: BSL-1.0
// Ownership of a port whose receiver is behind the other side.
//
//   owner here     the proxy is owned: its receive right is ours, and the other side keeps ownership of the port
//   owner there    the holding owns: ownership of the port is ours, and the other side has the proxy's receive right
//
// So whichever of the two is lost, the kernel of that host says so to the server there, which tells the other: the
// receiver then owns the port too (unowned), or the port moves to its owner (inherit).
#include <utility>

#include "servers/netmsg/rights.hpp"

namespace umach::netmsg {

// Another link's proxy is ours to receive from: its owner was behind this one.
void Rights::give_up_ownership(port_t name) {
    const bool receives = type_of(name) == PORT_TYPE_RECEIVE_OWN;
    if (receives) return news_(NOTIFY_OWNERSHIP_RIGHTS, name);
    port_release(task_self(), name, PORT_TYPE_OWN);
}

// The link to the receiver of a port is lost: the port is its owner's, who may be behind another link.
void Rights::give_back(Proxy& proxy) {
    if (proxy.owned) port_set_remove(task_self(), proxy.name);
    proxy.owned ? hand_over(proxy.name) : end_port(proxy.name);
}

// The receive right of a port of ours goes to its owner: one here has it by the kernel, one behind another link has left
// us ownership.
void Rights::hand_over(port_t name) {
    type_of(name) == PORT_TYPE_RECEIVE_OWN ? news_(NOTIFY_RECEIVE_RIGHTS, name) : end_port(name);
}

WireRight Rights::leave_ownership(port_t name) {
    if (Proxy* const proxy = proxy_named(name); proxy != nullptr) {
        ++proxy->in_transit;
        proxy->owned = false;
        return {RightKind::own_home, proxy->id, 0};
    }
    const auto known = held_names_.find(name);
    Holding* kept = known != held_names_.end() ? &holdings_.at(known->second) : nullptr;
    // What is held is a send right, too.
    if (kept == nullptr && holdings_.size() < quota_.rights && make(MSG_TYPE_PORT, name) != PORT_NULL)
        kept = &hold(next_own_++, name, false);
    if (kept == nullptr) {
        give_up_ownership(name);
        return {};
    }
    ++kept->refs;
    ++kept->in_transit;
    kept->owns = true;
    return {RightKind::own, kept->id, 0};
}

std::optional<Arrival> Rights::arrive_ownership(const WireRight& right) {
    const auto arrival = arrive_mine({RightKind::mine, right.id, 0});
    if (!arrival || arrival->kind != RightKind::mine) return arrival ? std::optional(Arrival{}) : std::nullopt;
    Proxy& proxy = proxies_.at(right.id);
    if (proxy.owned) return std::nullopt;
    proxy.owned = proxy.owner_comes = true;
    return Arrival{proxy.name, MSG_TYPE_PORT_OWNERSHIP, right.kind, right.id};
}

void Rights::settle_ownership(const Arrival& arrival, bool sent) {
    const auto moved = held_names_.find(arrival.name);
    if (moved != held_names_.end() && holdings_.at(moved->second).for_owner) {
        Holding& kept = holdings_.at(moved->second);
        kept.for_owner = false;
        hand_over(arrival.name);
        if (kept.refs == 0) drop(kept);
        return;
    }
    const auto found = proxies_.find(arrival.id);
    if (found == proxies_.end() || found->second.gone) return;
    --found->second.arriving;
    found->second.owner_comes = false;
    if (!sent) owner_gone(arrival.name);
}

// It may be on its way to us while the port is on its way to it: then the port's proxy is owned here.
std::optional<Arrival> Rights::arrive_ownership_home(const WireRight& right) {
    Holding* const kept = holding(right.id);
    if (kept == nullptr || kept->once) return std::nullopt;
    if (kept->dead) return Arrival{};
    const Proxy* const moved = proxy_named(kept->name);
    if (!kept->owns && (moved == nullptr || moved->owned)) return std::nullopt;
    ++kept->arriving;
    return Arrival{kept->name, MSG_TYPE_PORT_OWNERSHIP, right.kind, right.id};
}

void Rights::settle_ownership_home(const Arrival& arrival, bool sent) {
    Holding& kept = holdings_.at(arrival.id);
    if (Proxy* const moved = proxy_named(arrival.name); moved != nullptr)
        moved->owned = moved->owned || sent;
    else if (std::exchange(kept.owns, false) && !sent)
        give_up_ownership(arrival.name);
    settle_yours(arrival.id);
}

void Rights::lose_owner(Proxy& proxy) {
    proxy.owned = false;
    if (!proxy.given) proxy.senderless = true;  // who only owned it was the last to want it
    retire(proxy);
}

// ---- what the other side says --------------------------------------------------------------------------

bool Rights::unowned(std::uint32_t id) {
    Holding* const kept = holding(id);
    if (kept == nullptr) return false;
    if (kept->comes) return kept->unowned = kept->owns, true;
    if (kept->owns && !kept->dead) give_up_ownership(kept->name);
    kept->owns = false;
    return true;
}

bool Rights::inherited(std::uint32_t id, std::uint32_t was) {
    const auto known = proxies_.find(was);
    const bool owned = known != proxies_.end() && known->second.owned && !known->second.gone;
    const bool comes = owned && known->second.owner_comes;
    const auto arrival = arrive_receive({RightKind::all, id, was});
    if (!arrival || arrival->name == PORT_NULL) return arrival.has_value();
    if (!owned || make(MSG_TYPE_PORT, arrival->name) == PORT_NULL) return settle(*arrival, false), true;
    control_(Op::credit, id, 1);
    holdings_.at(id).comes = false;
    holdings_.at(id).for_owner = comes;
    if (!comes) hand_over(arrival->name);
    return true;
}

// ---- what the kernel says ------------------------------------------------------------------------------

bool Rights::owner_gone(port_t name) {
    Proxy* const proxy = proxy_named(name);
    if (proxy == nullptr || !proxy->owned) return false;
    proxy->owned = false;
    if (proxy->leaves) return true;  // of which the other side is told when it has the port
    control_(Op::unowned, proxy->id, 1);
    lose_owner(*proxy);
    return true;
}

// Its receiver has lost it; who owns it is behind the other side.
bool Rights::came_back(port_t name) {
    const auto known = held_names_.find(name);
    if (known == held_names_.end() || !holdings_.at(known->second).owns) return false;
    const WireRight right = leave_receive(MSG_TYPE_PORT_ALL, name);
    if (right.kind != RightKind::all) return port_died(name);
    control_(Op::inherit, right.id, right.was);
    return true;
}

}  // namespace umach::netmsg
