// SPDX-License-Identifier: BSL-1.0
// What stands in the frames of a link: packets, one after the other; of part and memory one, as the last. Numbers are little-endian and unaligned. An *id* names a right that
// one side holds for the other; it is never given twice on a link. The side that holds the port draws ids
// below `chosen_by_other`; for a port that moves, the side that it leaves draws the id, above it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace umach::netmsg {

using Bytes = std::vector<std::byte>;
using View = std::span<const std::byte>;

inline constexpr std::uint8_t protocol_version = 4;
inline constexpr std::uint32_t chosen_by_other = 0x8000'0000;
inline constexpr std::size_t most_host_name = 31;
inline constexpr std::size_t most_port_name = 80;
inline constexpr std::size_t part_head_bytes = 13;
// Of data out of line: on its way over a link in one direction, and so in one message too.
inline constexpr std::size_t most_memory = 256u << 20;

enum class Op : std::uint8_t {
    hello = 1,    // version, the host's name: the first of each side
    part = 2,     // id, length of the whole, offset, bytes: of a message to a port of the receiving side
    credit = 3,   // id: the message was taken, the next one may come
    dead = 4,     // id: the port has died
    release = 5,  // id, count: so many references of a right are given back
    look_up = 6,  // call, name
    found = 7,    // call, code, right
    memory = 8,   // id, length of the whole, offset, bytes: data out of line of the next message to that id
    taken = 9,    // 0, bytes: so much memory of messages is not kept here any more
    version = 10,  // call: which name service is yours?
    told = 11,     // call, text
    unowned = 12,  // id: who owned the port that the receiving side holds does not any more
    room = 14,     // 0, bytes: so much memory is kept here at most
    inherit = 13,  // id, was: the port's receiver has lost it, and it moves to its owner, with the next id for it
};

// Whether a small packet has two numbers.
constexpr bool has_count(Op op) {
    return op == Op::release || op == Op::taken || op == Op::room || op == Op::inherit;
}

// A right in a message or an answer, as the sending side sees it.
enum class RightKind : std::uint8_t {
    none = 0,     // PORT_NULL
    dead = 1,     // PORT_DEAD
    mine = 2,     // a send right to a port behind the sender: id
    yours = 3,    // a send right to the port that the receiver holds under id: it comes home
    once = 4,     // a send-once right to a port behind the sender: id
    receive = 5,  // the receive right moves to the receiver, who holds the port for the sender under id
    all = 6,  // and ownership with it; of both, `was` is the id under which the receiver knew the port, or 0
    own = 7,  // ownership alone of a port behind the sender: id; the sender keeps it for who has it there
    own_home = 8,  // ownership alone, which the receiver keeps under id
};

struct WireRight {
    RightKind kind = RightKind::none;
    std::uint32_t id = 0;
    std::uint32_t was = 0;

    bool moves() const { return kind == RightKind::receive || kind == RightKind::all; }
    // Whether the sender holds it under the id, or has a proxy for it.
    bool is_held() const { return kind == RightKind::mine || kind == RightKind::once || kind == RightKind::own; }
    bool is_proxy() const { return kind == RightKind::yours || kind == RightKind::own_home; }
};

class Writer {
public:
    explicit Writer(Bytes& out) : out_(out) {}
    void u8(std::uint8_t number) { out_.push_back(static_cast<std::byte>(number)); }
    void u32(std::uint32_t number);
    void bytes(View some) { out_.insert(out_.end(), some.begin(), some.end()); }
    void text(const std::string& text);
    void right(const WireRight& right);

private:
    Bytes& out_;
};

// Reads what may be anything. Past the end, or a value that cannot be, everything is zero and ok() false.
class Reader {
public:
    explicit Reader(View bytes) : rest_(bytes) {}
    std::uint8_t u8();
    std::uint32_t u32();
    View bytes(std::size_t count);
    View rest() { return bytes(rest_.size()); }
    std::string text(std::size_t most);  // refuses a zero in it
    WireRight right();
    bool ok() const { return ok_; }
    bool done() const { return ok_ && rest_.empty(); }
    void refuse() { ok_ = false; }

private:
    View rest_;
    bool ok_ = true;
};

}  // namespace umach::netmsg
