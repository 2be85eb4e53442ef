// SPDX-License-Identifier: BSL-1.0
// The rights that one link holds, in two tables.
//
//   holding  a right of ours to a port behind us, kept for the other side under an id. It goes when the other
//            side has given back as many references as it was sent; until then a port that died stays, as
//            dead.
//   proxy    a port of ours that stands for one behind the other side. Who sends to it here sends there; its
//            receive right is ours, so its queue is the whole of what waits. It has a credit, or it is not
//            received from: one message at a time is on its way to a port.
//
// Who owns the port may be on the one side and its receiver on the other. Then each side has ownership of its port, or
// the receive right, for who has it behind the other (ownership.cpp).
//
//   a proxy: served --message taken--> waits for credit --credit--> served
//              \--nobody can send, nothing waits: its references go back--> gone <--the port has died--
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <unordered_map>

#include "servers/netmsg/packet.hpp"
#include "servers/netmsg/quota.hpp"
#include "servers/netmsg/space.hpp"

namespace umach::netmsg {

struct Holding {
    std::uint32_t id = 0;
    port_t name = PORT_NULL;
    std::uint32_t refs = 0;   // that the other side has, or will have
    unsigned in_transit = 0;  // messages with the right that are not sent whole yet
    bool once = false;
    bool dead = false;
    bool told = false;  // that it is dead
    bool busy = false;  // a message to it waits for room
    bool owns = false;  // ownership is kept here for somebody behind the other side
    bool for_owner = false;  // the receive right is kept here until the message with ownership has been sent on
    unsigned arriving = 0;   // messages with a right to it that are not sent on here yet
    bool comes = false;      // the message in which its port moves is not sent on here yet
    bool unowned = false;    // and the other side has said meanwhile that nobody there owns it

    // Whether the name is still needed, whatever the other side gives back.
    bool in_use() const { return busy || for_owner || comes || arriving > 0; }
};

struct Proxy {
    std::uint32_t id = 0;
    port_t name = PORT_NULL;
    std::uint32_t refs = 0;   // that came
    unsigned in_transit = 0;  // messages to it, or with its right, that are not sent whole yet
    bool once = false;
    bool credit = true;
    bool given = false;       // somebody here had a right to send to it
    unsigned arriving = 0;    // messages with a right to it that are not sent on here yet
    bool senderless = false;  // nobody could send when that was last heard
    bool owned = false;       // somebody here owns it, or will
    bool owner_comes = false;  // the message with ownership is not sent on here yet
    bool leaves = false;      // the message in which its port moves is not sent whole yet
    bool gone = false;        // it stands for nothing any more, and is kept for what is in transit
};

// What becomes of a right that has arrived: a name to send on, and how.
struct Arrival {
    port_t name = PORT_NULL;
    unsigned code = MSG_TYPE_PORT;
    RightKind kind = RightKind::none;
    std::uint32_t id = 0;
};

class Rights {
public:
    using Control = std::function<void(Op op, std::uint32_t id, std::uint32_t count)>;
    // Of a port that is one link's proxy and held by another: what the kernel would have told, had the two been tasks.
    using News = std::function<void(int notification, port_t name)>;

    // takes: nothing; proxies are members of `set` while they have credit
    Rights(port_set_name_t set, const Quota& quota, Control control, News news)
        : set_(set), quota_(quota), control_(std::move(control)), news_(std::move(news)) {}
    Rights(const Rights&) = delete;
    Rights& operator=(const Rights&) = delete;
    ~Rights();  // proxies die, holdings are given up

    // takes: the right under `name`, which came in a message with this code
    // returns: how the other side is to see it; `none` for what does not cross, which is given up
    WireRight leave(unsigned code, port_t name);
    // A right that moves is spoken of in the order of its moves: the message that moves it goes after those that have it,
    // and before those that have it from then on.
    // returns: whether a message with these rights may go now
    bool may_leave(const std::vector<WireRight>& rights) const;
    // A message to this proxy is on its way, as its `yours` says to left().
    WireRight depart(Proxy& proxy);
    // The message with that right, or to it, was sent whole.
    void left(const WireRight& right);

    // returns: nothing when the other side cannot have sent that, and why() then says so
    std::optional<Arrival> arrive(const WireRight& right);
    const std::string& why() const { return why_; }
    // The message that was to carry what arrived was sent on, or could not be.
    void settle(const Arrival& arrival, bool sent);

    Holding* holding(std::uint32_t id);
    // The message that waited for room at its port waits no more.
    void arrived(std::uint32_t id);
    Proxy* proxy_named(port_t name);
    // A message to the port of a send-once right has used it up.
    void used_up(Holding& holding);
    void used_up(Proxy& proxy);
    // The message for which the proxy of a send-once right stood has come.
    void answered(Proxy& proxy);
    // returns: the proxy that waits for a credit under this id; PORT_NULL if none does
    port_t without_credit(std::uint32_t id) const;
    void take_credit(Proxy& proxy);
    void give_credit(std::uint32_t id);

    // The other side's news. returns: false when it cannot be
    bool released(std::uint32_t id, std::uint32_t count);
    void died(std::uint32_t id);
    bool unowned(std::uint32_t id);
    bool inherited(std::uint32_t id, std::uint32_t was);

    // The kernel's news of a name. returns: whether it was one of this link's
    bool port_died(port_t name);
    bool senders_gone(port_t name);
    bool once_died(port_t name);
    bool came_back(port_t name);
    bool owner_gone(port_t name);

    void each_proxy(const std::function<void(const Proxy&)>& visit) const {
        for (const auto& [id, proxy] : proxies_) visit(proxy);
    }
    void each_holding(const std::function<void(const Holding&)>& visit) const {
        for (const auto& [id, holding] : holdings_) visit(holding);
    }

private:
    WireRight leave_send(port_t name);
    WireRight leave_once(port_t name);
    WireRight leave_receive(unsigned code, port_t name);
    bool others_have(std::uint32_t held, const std::vector<WireRight>& rights) const;
    bool is_moved_by_another(const WireRight& right, const std::vector<WireRight>& rights) const;
    WireRight leave_ownership(port_t name);
    std::optional<Arrival> arrive_mine(const WireRight& right);
    std::optional<Arrival> arrive_once(const WireRight& right);
    std::optional<Arrival> arrive_receive(const WireRight& right);
    std::optional<Arrival> arrive_ownership(const WireRight& right);
    std::optional<Arrival> arrive_ownership_home(const WireRight& right);
    void settle_mine(const Arrival& arrival, bool sent);
    void settle_yours(std::uint32_t id);
    void settle_receive(const Arrival& arrival, bool sent);
    void settle_ownership(const Arrival& arrival, bool sent);
    void settle_ownership_home(const Arrival& arrival, bool sent);
    void lose_owner(Proxy& proxy);
    void give_back(Proxy& proxy);
    void give_up_ownership(port_t name);
    void hand_over(port_t name);
    Holding& hold(std::uint32_t id, port_t name, bool once);
    Proxy* add_proxy(std::uint32_t id, port_t name, bool once);
    port_t port_for_answer();
    port_t make(unsigned code, port_t port);
    void let_go(Proxy& proxy);  // gives the references back once nothing is in transit
    void retire(Proxy& proxy);  // if nobody can send and nothing waits
    void tell_dead(Holding& holding);
    void drop(Holding& holding);  // the right is given up
    void give_up_held(const Holding& holding);

    bool within(std::size_t count, std::size_t quota, const char* of);

    port_set_name_t set_;
    Quota quota_;
    std::string why_ = "the peer sent a right that it cannot have";
    Control control_;
    News news_;
    std::unordered_map<std::uint32_t, Holding> holdings_;
    std::unordered_map<port_t, std::uint32_t> held_names_;
    std::unordered_map<std::uint32_t, Proxy> proxies_;
    std::unordered_map<port_t, std::uint32_t> proxy_names_;
    std::vector<port_t> answered_;  // ports that nobody has a right to, in the set, to stand for the next answers
    port_t way_ = PORT_NULL;        // on which rights are made
    std::uint32_t next_own_ = 1, next_other_ = chosen_by_other + 1;
};

}  // namespace umach::netmsg
