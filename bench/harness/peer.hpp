// SPDX-License-Identifier: BSL-1.0
// What a peer is: a way to carry messages between one server and its clients, told in one class:
//
//   static constexpr Traits traits     what it is and what it can carry
//   explicit Peer(const Config&)       made once, in the parent, before the roles start
//   Peer::Server(Peer&)                receive(MutableBytes) -> bool, reply(client, Bytes)
//   Peer::Client(Peer&, unsigned id)   send(Bytes), receive(MutableBytes);
//                                      call(MutableBytes) where the answer comes in the request's buffer
//   Peer::Idle(unsigned)               one port and nothing else, where that makes sense; Peer::idle_count
//   Peer::run(server, client)          where both are fibers of one OS thread
//
// Every role copies from and into a buffer of its own, as a user would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace bench {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline constexpr std::size_t kib = 1024;
inline constexpr std::size_t mib = 1024 * kib;
inline constexpr unsigned max_clients = 65;       // 64, and in wait mode one that ends the wait
inline constexpr unsigned queue_depth = 8;        // messages
inline constexpr std::size_t idle_message = 256;  // bytes of a message of the ports that Peer::Idle makes

enum class Mode { rpc, stream, wait };  // wait: all but client 0 wait for an answer, and the server too
enum class Wait { blocking, adaptive, polling };  // how a role waits for a message
enum class Space { processes, threads, fibers };  // what a role is
enum class Place { cross, same, free };           // client core 0 and server core 1; both core 0; unpinned

struct Traits {
    const char* name;
    Wait wait;
    Space space = Space::processes;
    std::size_t max_payload = mib;
    unsigned clients = 1;  // most clients that it is measured with
    bool streams = true;
    bool holds = false;            // can answer later, and another client first: what wait mode needs
    bool lossy = false;            // may drop messages when streaming
    unsigned batch = 1;            // RPCs a latency sample, for those too short to time singly
    const char* daemon = "";       // whose processor time counts too
    const char* environment = "";  // NAME=value: how its programs are started
    const char* note = "";
};

struct Config {
    Mode mode = Mode::rpc;
    Place place = Place::cross;
    std::size_t payload = 64;  // bytes
    unsigned clients = 1;
    unsigned ports = 0;  // further ports in the server's space, for peers that have spaces
    unsigned tasks = 0;  // further tasks, the same
    double seconds = 0.1;
    double warmup = 0.02;
};

enum class Op : std::uint32_t { warm, data, stop };

// Stands at the start of every message; the last eight bytes repeat its sequence number.
struct Header {
    Op op;
    std::uint32_t client;
    std::uint64_t sequence;
};

inline void stamp(MutableBytes message, Header header) {
    std::memcpy(message.data(), &header, sizeof header);
    std::memcpy(message.data() + message.size() - 8, &header.sequence, 8);
}

inline Header read_header(Bytes message) {
    Header header;
    std::memcpy(&header, message.data(), sizeof header);
    return header;
}

inline bool intact(Bytes message) {
    return std::memcmp(message.data() + offsetof(Header, sequence), message.data() + message.size() - 8, 8) ==
           0;
}

// A page-aligned, touched buffer.
class Buffer {
public:
    static constexpr std::size_t headroom =
        64;  // bytes before it that a transport may use for its own header
    explicit Buffer(std::size_t size);
    MutableBytes bytes() { return {storage_.get() + before, size_}; }

private:
    static constexpr std::size_t before = 4096;
    struct Free {
        void operator()(std::byte* p) const;
    };
    std::unique_ptr<std::byte[], Free> storage_;
    std::size_t size_;
};

}  // namespace bench
