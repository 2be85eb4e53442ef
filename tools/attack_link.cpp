// SPDX-License-Identifier: BSL-1.0
#include "attack.hpp"
#include "command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <mach.h>
#include <unistd.h>

#include <optional>

#include "servers/netmsg/parcel.hpp"
#include "servers/netmsg/server.hpp"

namespace umach::tools {
namespace {

using netmsg::Bytes;
using netmsg::Op;
using netmsg::RightKind;
using netmsg::Writer;
using transport::Deadline;
using transport::Moved;

constexpr auto enough = std::chrono::seconds(10);

Bytes packet(Op op, const std::function<void(Writer&)>& write) {
    Bytes bytes;
    Writer writer(bytes);
    writer.u8(static_cast<std::uint8_t>(op));
    write(writer);
    return bytes;
}

Bytes part(std::uint32_t id, std::uint32_t length, const Bytes& bytes) {
    return packet(Op::part, [&](Writer& w) {
        w.u32(id);
        w.u32(length);
        w.u32(0);
        w.bytes(bytes);
    });
}

Bytes message(std::uint32_t id, const netmsg::WireRight& reply = {}) {
    netmsg::Parcel parcel;
    parcel.reply = reply;
    Bytes bytes;
    netmsg::encode_parcel(parcel, bytes);
    return part(id, static_cast<std::uint32_t>(bytes.size()), bytes);
}

std::shared_ptr<const transport::Seal> seal_that_trusts(const transport::Key& own, const std::string& other) {
    auto made = transport::Seal::make(own, [other](const std::string& shown) { return shown == other; });
    if (!made.ok()) throw Trouble(made.fault().what);
    return std::move(made).value();
}

// A server of the host, and a bare way to it.
class Link {
public:
    enum class Way { pipe, pinned, unpinned, plain };

    Link(const Victim& victim, Way way)
        : server_(victim.host, [this](const std::string& what) { log_ += what + "\n"; }) {
        server_.serve_wall(std::set<std::string>{victim.given, victim.full});
        netmsg::Quota quota;
        quota.ports = 4;
        server_.set_quota(quota);
        server_.set_patience(std::chrono::milliseconds(500));
        peer_ = way == Way::pipe ? by_pipe() : by_tcp(way);
    }

    void put(const Bytes& frame) {
        const Deadline late = Deadline::in(enough);
        while (peer_->send(frame, Deadline::in(std::chrono::seconds(0))) == Moved::later && !late.passed())
            turn();
        for (int i = 0; i < 3; ++i) turn();
    }

    void hello() {
        put(packet(Op::hello, [](Writer& w) {
            w.u8(netmsg::protocol_version);
            w.text("attacker");
        }));
    }

    // returns: the id of what was found; 0 when it was not
    std::uint32_t look_up(const std::string& name) {
        put(packet(Op::look_up, [&](Writer& w) {
            w.u32(++call_);
            w.text(name);
        }));
        for (const Deadline late = Deadline::in(enough); !late.passed(); turn()) {
            netmsg::Reader reader(last_);
            const bool answer = reader.u8() == static_cast<std::uint8_t>(Op::found) && reader.u32() == call_;
            if (answer) return reader.u32() == 0 ? reader.right().id : 0;
        }
        return 0;
    }

    // returns: the reason for which the server has cut it off; "" when it did not
    std::string cut_off() {
        const std::string parted = "parted from ";
        for (const Deadline late = Deadline::in(enough);
             log_.find(parted) == std::string::npos && !late.passed();)
            turn();
        const auto begin = log_.find(": ", log_.find(parted));
        return begin == std::string::npos ? "" : log_.substr(begin + 2, log_.find(" (", begin) - begin - 2);
    }

private:
    void turn() {
        server_.turn(1, -1);
        Bytes got;
        while (peer_->receive(got, Deadline::in(std::chrono::seconds(0))) == Moved::done) last_ = got;
    }

    std::unique_ptr<transport::Transport> joined(const std::string& address,
                                                 const transport::Options& options) {
        auto made = transport::connect(address, options, Deadline::in(enough));
        if (!made.ok()) throw Trouble(made.fault().what);
        return std::move(made).value();
    }

    std::unique_ptr<transport::Transport> by_pipe() {
        int there[2], back[2];
        if (pipe2(there, O_CLOEXEC) != 0 || pipe2(back, O_CLOEXEC) != 0)
            throw Trouble("there can be no more pipes");
        server_.add(joined(fmt::format("pipe:{},{}", there[0], back[1]), {}));
        return joined(fmt::format("pipe:{},{}", back[0], there[1]), {});
    }

    std::unique_ptr<transport::Transport> by_tcp(Way way) {
        auto ours = transport::Key::make(), theirs = transport::Key::make();
        if (!ours.ok() || !theirs.ok()) throw Trouble("there can be no key");
        const std::string pinned =
            way == Way::unpinned ? ours.value().fingerprint() : theirs.value().fingerprint();
        transport::Options host, guest;
        host.patience = guest.patience = std::chrono::milliseconds(500);
        host.seal = seal_that_trusts(ours.value(), pinned);
        guest.insecure = way == Way::plain;
        if (way != Way::plain) guest.seal = seal_that_trusts(theirs.value(), ours.value().fingerprint());
        auto door = transport::listen("tcp:127.0.0.1:0", host);
        if (!door.ok()) throw Trouble(door.fault().what);
        const std::string place = door.value().address();
        server_.add(std::move(door).value());
        return joined(place, guest);
    }

    std::string log_;
    netmsg::Server server_;
    std::unique_ptr<transport::Transport> peer_;
    Bytes last_;
    std::uint32_t call_ = 0;
};

// returns: what it met, "" when it succeeded
using Attack = std::string (*)(Link& link, const Victim& victim);

constexpr struct {
    const char* name;
    Attack play;
} attacks[] = {
    {"look up a port that was not given",
     [](Link& link, const Victim& victim) {
         return link.look_up(victim.secret) == 0 ? std::string("no such name") : "";
     }},
    {"forge the id of a port",
     [](Link& link, const Victim& victim) {
         link.put(message(link.look_up(victim.given) + 1));
         return link.cut_off();
     }},
    {"use an id that was given back",
     [](Link& link, const Victim& victim) {
         const std::uint32_t id = link.look_up(victim.given);
         link.put(packet(Op::release, [=](Writer& w) {
             w.u32(id);
             w.u32(1);
         }));
         link.put(message(id));
         return link.cut_off();
     }},
    {"give a right back twice",
     [](Link& link, const Victim& victim) {
         const std::uint32_t id = link.look_up(victim.given);
         for (int i = 0; i < 2; ++i)
             link.put(packet(Op::release, [=](Writer& w) {
                 w.u32(id);
                 w.u32(1);
             }));
         return link.cut_off();
     }},
    {"forge a right in a message",
     [](Link& link, const Victim& victim) {
         link.put(message(link.look_up(victim.given), {RightKind::yours, 4711, 0}));
         return link.cut_off();
     }},
    {"take over a port by a forged receive right",
     [](Link& link, const Victim& victim) {
         const std::uint32_t id = link.look_up(victim.given);
         link.put(message(id, {RightKind::all, id, id}));
         return link.cut_off();
     }},
    {"lie about the length of a packet",
     [](Link& link, const Victim& victim) {
         link.put(part(link.look_up(victim.given), 0xFFFF'FFFF, Bytes(16)));
         return link.cut_off();
     }},
    {"end a message early",
     [](Link& link, const Victim& victim) {
         link.put(part(link.look_up(victim.given), 5, Bytes(5)));
         return link.cut_off();
     }},
    {"flood a port",
     [](Link& link, const Victim& victim) {
         const std::uint32_t id = link.look_up(victim.full);
         for (int i = 0; i < 20; ++i) link.put(message(id));
         return link.cut_off();
     }},
    {"flood with ports",
     [](Link& link, const Victim& victim) {
         const std::uint32_t id = link.look_up(victim.given);
         for (std::uint32_t i = 1; i < 7; ++i) link.put(message(id, {RightKind::mine, i, 0}));
         return link.cut_off();
     }},
    {"answer what was not asked",
     [](Link& link, const Victim&) {
         link.put(packet(Op::found, [](Writer& w) {
             w.u32(1);
             w.u32(0);
             w.right({RightKind::mine, 1, 0});
         }));
         return link.cut_off();
     }},
    {"take another name",
     [](Link& link, const Victim&) {
         link.hello();
         return link.cut_off();
     }},
};

}  // namespace

void attack_by_link(const Victim& victim, Level level, const Tell& tell) {
    const bool remote = level == Level::remote;
    for (const auto& attack : attacks) {
        Link link(victim, remote ? Link::Way::pinned : Link::Way::pipe);
        link.hello();
        const std::string met = attack.play(link, victim);
        tell({attack.name, level, !met.empty(), met});
    }
    {
        Link silent(victim, remote ? Link::Way::pinned : Link::Way::pipe);
        const std::string met = silent.cut_off();
        tell({"come in and say nothing", level, !met.empty(), met});
    }
    if (!remote) return;
    const std::pair<const char*, Link::Way> strangers[] = {
        {"come in with a key that is not pinned", Link::Way::unpinned},
        {"come in without a key", Link::Way::plain}};
    for (const auto& [name, way] : strangers) {
        Link link(victim, way);
        std::string met = link.cut_off();
        if (const auto digits = met.find("key "); digits != std::string::npos && met.size() > digits + 68)
            met.replace(digits + 12, 56, "...");
        tell({name, level, !met.empty(), met});
    }
}

}  // namespace umach::tools
