// SPDX-License-Identifier: BSL-1.0
// A port that moves over a link: it stays where it was, as a proxy, and takes the place of the proxy where it goes.
#include <algorithm>
#include <utility>

#include "servers/netmsg/rights.hpp"

namespace umach::netmsg {

// The port stays here and becomes a proxy: who sends to it goes on doing so. It has no credit until the other
// side has taken the message that the right goes in.
WireRight Rights::leave_receive(unsigned code, port_t name) {
    const auto known = held_names_.find(name);
    const std::uint32_t was = known != held_names_.end() ? known->second : 0;
    if (proxies_.size() >= quota_.ports) {
        code == MSG_TYPE_PORT_ALL ? end_port(name) : hand_over(name);
        return {RightKind::dead, 0, 0};
    }
    Proxy* const proxy = add_proxy(next_other_++, name, false);
    proxy->refs = 1;
    proxy->credit = false;
    // Who receives a port whose owner has gone meanwhile owns it, and is told so only now.
    const bool kept = was != 0 && std::exchange(holdings_.at(was).owns, false);
    proxy->owned = code == MSG_TYPE_PORT_RECEIVE && !kept;
    proxy->leaves = true;
    ask(name, NOTIFY_NO_MORE_SENDERS);
    return {code == MSG_TYPE_PORT_ALL ? RightKind::all : RightKind::receive, proxy->id, was};
}

bool Rights::may_leave(const std::vector<WireRight>& rights) const {
    return std::none_of(rights.begin(), rights.end(), [&](const WireRight& right) {
        return right.moves() ? others_have(right.was, rights) : is_moved_by_another(right, rights);
    });
}

bool Rights::others_have(std::uint32_t held, const std::vector<WireRight>& rights) const {
    const auto kept = holdings_.find(held);
    const auto ours = std::count_if(rights.begin(), rights.end(), [held](const WireRight& right) {
        return right.is_held() && right.id == held;
    });
    return kept != holdings_.end() && kept->second.in_transit > ours;
}

bool Rights::is_moved_by_another(const WireRight& right, const std::vector<WireRight>& rights) const {
    const auto proxy = right.is_proxy() ? proxies_.find(right.id) : proxies_.end();
    if (proxy == proxies_.end() || !proxy->second.leaves) return false;
    return std::none_of(rights.begin(), rights.end(), [&](const WireRight& own) {
        return own.moves() && own.id == right.id;
    });
}

// If the port is known here, by a proxy, the proxy becomes the port itself: names and rights stay what they
// are.
std::optional<Arrival> Rights::arrive_receive(const WireRight& right) {
    const bool possible = right.id > chosen_by_other && !holdings_.contains(right.id) &&
                          within(holdings_.size(), quota_.rights, "rights");
    if (!possible) return std::nullopt;
    port_t name = PORT_NULL;
    const auto known = proxies_.find(right.was);
    if (known != proxies_.end() && !known->second.once && !known->second.gone) {
        Proxy& proxy = known->second;
        name = proxy.name;
        port_set_remove(task_self(), name);
        forget(name, NOTIFY_NO_MORE_SENDERS);
        let_go(proxy);
    } else {
        name = new_port();
    }
    const bool held = held_names_.contains(name);
    Holding& holding = hold(right.id, name, false);
    holding.refs = 1;
    holding.owns = right.kind == RightKind::receive && type_of(name) == PORT_TYPE_RECEIVE_OWN;
    // A right that stays when ownership goes. And a message to the port may wait for room since before it left: each of
    // the two holds a right.
    if (held || holding.owns) make(MSG_TYPE_PORT, name);
    if (name == PORT_NULL) {
        holding.dead = true;
        held_names_.erase(name);
        tell_dead(holding);
        return Arrival{};
    }
    holding.comes = true;
    const unsigned code = right.kind == RightKind::all ? MSG_TYPE_PORT_ALL : MSG_TYPE_PORT_RECEIVE;
    return Arrival{name, code, right.kind, right.id};
}

void Rights::settle_receive(const Arrival& arrival, bool sent) {
    Holding& kept = holdings_.at(arrival.id);
    kept.comes = false;
    const bool left_by_owner = std::exchange(kept.unowned, false);
    if (sent) {
        control_(Op::credit, arrival.id, 1);
        if (left_by_owner) unowned(arrival.id);
    } else if (left_by_owner || arrival.kind == RightKind::all || !came_back(arrival.name)) {
        end_port(arrival.name);
        port_died(arrival.name);
    }
    if (kept.refs == 0) drop(kept);
}

}  // namespace umach::netmsg
