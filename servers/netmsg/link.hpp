// SPDX-License-Identifier: BSL-1.0
// One link to another host: what comes in over its transport goes to ports here, and what comes to its
// proxies goes out. A peer that breaks the protocol is cut off: the link ends with a reason, and nothing
// else.
//
//   opened --hello of the other server--> joined --transport ends, protocol broken--> ended
#pragma once

#include <memory>

#include "runtime/transport/transport.hpp"
#include "servers/netmsg/ferry.hpp"
#include "servers/netmsg/parcel.hpp"
#include "servers/netmsg/rights.hpp"

namespace umach::netmsg {

class Link {
public:
    // number: tells this link from all others of the server; `set`: where its ports are received from
    Link(std::uint64_t number, std::unique_ptr<transport::Transport> transport, const std::string& host_name,
         port_set_name_t set, Ferry& ferry);
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link();

    std::uint64_t number() const { return number_; }
    int descriptor() const { return transport_->descriptor(); }
    // Does what there is to do; to be called when the descriptor is readable, and after anything else here.
    void attend();
    bool open() const { return !ended_; }
    const std::string& reason() const { return reason_; }
    const std::string& peer_name() const { return peer_name_; }  // "" until joined
    std::string counts() const;                                  // in words

    // What was received from the server's set, or told by the kernel, about a port of this link.
    // takes: the message, when it is this link's
    // returns: whether it is
    bool take(Buffer& message);
    bool notified(const notification_t& notice);
    // The ferry brought a message over, or could not.
    void landed(Delivery& delivery, msg_return_t code);

private:
    struct Outgoing {
        std::uint32_t id = 0;
        Bytes bytes;
        std::size_t sent = 0;
        std::vector<WireRight> rights;
    };
    struct Incoming {
        Bytes bytes;
        std::uint32_t length = 0;
    };

    bool end(const std::string& reason);
    void flush();
    bool send_frame(const Bytes& frame);
    bool send_part(Outgoing& message);
    void control(Op op, std::uint32_t id, std::uint32_t count);
    Parcel pack(Buffer& message);

    bool process(View frame);
    bool hear_hello(Reader& reader);
    bool hear_part(Reader& reader);
    bool hear_look_up(Reader& reader);
    bool hear_found(Reader& reader);
    bool message_for(std::uint32_t id, View bytes);
    bool unpack(const Parcel& parcel, Delivery& delivery);
    void deliver(std::unique_ptr<Delivery> delivery);
    void finish(Delivery& delivery, bool sent);
    void ask_peer(Buffer& message);
    void check_in();

    const std::uint64_t number_;
    std::unique_ptr<transport::Transport> transport_;
    port_set_name_t set_;
    Ferry& ferry_;
    Rights rights_;
    std::string peer_name_, reason_;
    bool ended_ = false;
    std::deque<Bytes> controls_;
    std::deque<Outgoing> outgoing_;
    std::map<std::uint32_t, Incoming> incoming_;
    port_t look_up_port_ = PORT_NULL;
    std::map<std::uint32_t, port_t> look_ups_;  // call, and where to answer
    std::uint32_t next_call_ = 1;
    std::uint64_t messages_in_ = 0, messages_out_ = 0;
};

}  // namespace umach::netmsg
