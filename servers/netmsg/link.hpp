// SPDX-License-Identifier: BSL-1.0
// One link to another host: what comes in over its transport goes to ports here, and what comes to its
// proxies goes out. A peer that breaks the protocol is cut off: the link ends with a reason, and nothing
// else.
//
//   opened --hello of the other server--> joined --transport ends, protocol broken--> ended
#pragma once

#include <memory>
#include <set>

#include "runtime/transport/transport.hpp"
#include "servers/netmsg/ferry.hpp"
#include "servers/netmsg/parcel.hpp"
#include "servers/netmsg/rights.hpp"
#include "servers/netmsg/seen.hpp"

namespace umach::netmsg {

// The names that a peer may look up; nothing said: all.
using Given = std::optional<std::set<std::string>>;

class Link {
public:
    // What all links of a server have in common. set: where their ports are received from
    struct Terms {
        std::string host_name;
        port_set_name_t set;
        Quota quota;
        Given given;
        bool walled;                        // nothing of a peer's is looked up
        std::chrono::nanoseconds patience;  // how long a peer may not say who it is
        Rights::News news;                  // for the other links
    };
    // number: tells this link from all others of the server
    Link(std::uint64_t number, std::unique_ptr<transport::Transport> transport, const Terms& terms, Ferry& ferry);
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link();

    std::uint64_t number() const { return number_; }
    int descriptor() const { return transport_->descriptor(); }
    // Does what there is to do; to be called when the descriptor is readable, and after anything else here.
    void attend();
    // It could send on, and is to be attended to again, soon.
    bool has_more() const { return has_more_; }
    bool open() const { return !ended_; }
    // When there is something to do, whatever comes: check_due() does it.
    transport::Deadline due() const;
    void check_due();
    const std::string& reason() const { return reason_; }
    const std::string& peer_name() const { return peer_name_; }  // "" until joined
    std::string counts() const;                                  // in words
    // Where it leads, and whether the other side came to us.
    void came_about(const std::string& address, bool listened) {
        address_ = address;
        listened_ = listened;
    }
    SeenLink seen() const;
    void see_proxies(std::vector<SeenProxy>& rows) const;
    std::string who() const;  // what the transport knows of the peer: ", key 12.."; "" if nothing

    // What was received from the server's set, or told by the kernel, about a port of this link.
    // takes: the message, when it is this link's
    // returns: whether it is
    bool take(Buffer& message);
    bool notified(const notification_t& notice);
    // Asks the other host for a name, for a search of the server's, which is told: by its number, and a right
    // of ours, or PORT_NULL; it says whether it has taken the right.
    // returns: false when it cannot be asked now
    using Found = std::function<bool(std::uint64_t search, port_t port)>;
    bool ask(const std::string& name, std::uint64_t search);
    void tell_found(Found found) { found_ = std::move(found); }
    // The ferry brought a message over, or could not.
    void landed(std::unique_ptr<Delivery> delivery, msg_return_t code);

private:
    struct Outgoing {
        std::uint32_t id = 0;
        bool packet = false;         // the bytes are a packet of their own, with a right
        std::vector<Memory> memory;  // goes first
        std::size_t memory_bytes = 0, memory_sent = 0;
        Bytes bytes;
        std::size_t sent = 0;
        std::vector<WireRight> rights;
        bool ahead = false;  // its memory goes before there is a credit for it
        port_t waits_at = PORT_NULL;  // a port of its own in which it waits for that credit, whole
    };
    struct Incoming {
        Memory memory;
        std::uint32_t memory_length = 0, memory_come = 0;
        Bytes bytes;
        std::uint32_t length = 0;
    };

    bool end(const std::string& reason);
    void flush();
    bool flush_controls(std::size_t may_wait);
    bool waits_for_company() const;
    bool send_frame(transport::Parts parts);
    std::size_t board(Bytes& frame, std::size_t room) const;
    void boarded(std::size_t count);
    Bytes part_head(Op op, std::uint32_t id, std::size_t length, std::size_t offset) const;
    bool send_part(Outgoing& message);
    bool send_memory(Outgoing& message);
    bool may_go_on(const Outgoing& message) const;
    bool take_next(std::uint32_t id, bool ahead);
    void put(Buffer& message, Proxy& proxy, bool ahead);
    void load(Buffer& message, Outgoing& outgoing);
    bool follows(Outgoing& message);
    void control(Op op, std::uint32_t id, std::uint32_t count);
    void put_in_turn(Bytes packet, const WireRight& right);
    Parcel pack(Buffer& message, Outgoing& outgoing);
    void pack(std::byte* body, const Item& item, Parcel& parcel, Outgoing& outgoing);

    bool process(View frame);
    bool hear(Reader& reader);
    bool hear_hello(Reader& reader);
    bool may_send_to(const Holding* to);
    bool hear_part(Reader& reader);
    bool hear_memory(Reader& reader);
    bool hear_credit(std::uint32_t id);
    void forget_incoming(std::uint32_t id);
    bool hear_look_up(Reader& reader);
    bool hear_found(Reader& reader);
    bool message_for(std::uint32_t id, Incoming whole);
    bool unpack(const Parcel& parcel, Delivery& delivery);
    bool unpack_rights(const Parcel& parcel, std::size_t first, const Item& item, Delivery& delivery);
    void unpack_memory(const Parcel& parcel, Delivery& delivery);
    static bool cut_up(const Parcel& parcel, std::vector<Memory>& memory);
    void deliver(std::unique_ptr<Delivery> delivery);
    void finish(Delivery& delivery, bool sent);
    static bool mark_dead(Delivery& delivery);
    void give_credit(const Delivery& delivery);
    bool hear_version(Reader& reader);
    bool hear_told(Reader& reader);
    struct Asked {
        Op op;
        port_t reply = PORT_NULL;   // where to answer
        std::uint64_t search = 0;  // or for whom it is, if that is not 0
    };
    void put_question(const std::string& name, const Asked& asked);
    std::optional<Asked> asked_by(Op op, std::uint32_t call);
    void ask_peer(Buffer& message);
    void check_in();
    void push_control(Bytes packet);
    bool within_quota();

    const std::uint64_t number_;
    std::unique_ptr<transport::Transport> transport_;
    port_set_name_t set_;
    Quota quota_;
    Given given_;
    bool walled_;
    transport::Deadline due_;
    Ferry& ferry_;
    Rights rights_;
    std::string peer_name_, reason_, address_;
    bool listened_ = false;
    bool ended_ = false, has_more_ = false, tells_at_once_ = false;
    std::size_t bytes_ = 0;     // that count for the quota
    std::size_t messages_ = 0;  // that wait for room
    std::deque<Bytes> controls_;
    std::size_t control_bytes_ = 0;                   // in controls_
    std::optional<transport::Deadline> alone_until_;  // until then, what controls_ holds waits for a message to go with
    std::deque<Outgoing> outgoing_;
    std::map<std::uint32_t, Incoming> incoming_;
    port_t look_up_port_ = PORT_NULL;
    std::map<std::uint32_t, Asked> look_ups_;  // by call
    Found found_;
    std::uint32_t next_call_ = 1;
    std::size_t memory_out_ = 0, memory_in_ = 0;  // sent and not said to be taken; kept here
    std::size_t peer_memory_ = most_memory;       // that may be sent and not taken
    std::uint64_t messages_in_ = 0, messages_out_ = 0;
};

}  // namespace umach::netmsg
