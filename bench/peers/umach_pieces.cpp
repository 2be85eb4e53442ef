// SPDX-License-Identifier: BSL-1.0
// Our ports between processes, for payloads larger than a message: they go in pieces of 4 KiB, of which up to
// eight are under way, so that copying in overlaps copying out. The answer goes to the client's port
// likewise.
#include <algorithm>

#include "peers/umach_link.hpp"

namespace bench {
namespace {

constexpr std::size_t piece_size = 4 * kib;

struct Piece {
    msg_header_t head;
    std::byte bytes[piece_size];
};

// Sends and receives payloads of any size; one payload at a time, so one client.
class Pieces {
public:
    void send(port_t to, port_t reply_to, Bytes payload) {
        for (std::size_t at = 0; at < payload.size(); at += piece_size) {
            const Bytes part = payload.subspan(at, std::min(piece_size, payload.size() - at));
            std::memcpy(piece_.bytes, part.data(), part.size());
            piece_.head = {.msg_unused = 0,
                           .msg_simple = TRUE,
                           .msg_size = static_cast<msg_size_t>(sizeof(msg_header_t) + part.size()),
                           .msg_type = MSG_TYPE_NORMAL,
                           .msg_local_port = reply_to,
                           .msg_remote_port = to,
                           .msg_id = 0};
            check_code(msg_send(&piece_.head, MSG_OPTION_NONE, 0), "msg_send");
        }
    }
    // returns: where the answer goes
    port_t receive(port_t from, MutableBytes payload) {
        for (std::size_t at = 0; at < payload.size(); at += piece_size) {
            piece_.head.msg_size = sizeof piece_;
            piece_.head.msg_local_port = from;
            check_code(msg_receive(&piece_.head, MSG_OPTION_NONE, 0), "msg_receive");
            std::memcpy(payload.data() + at, piece_.bytes, std::min(piece_size, payload.size() - at));
        }
        return piece_.head.msg_remote_port;
    }

private:
    Piece piece_{};
};

class UmachPiecesPeer {
public:
    static constexpr Traits traits{.name = "umach_pieces",
                                   .wait = Wait::adaptive,
                                   .streams = false,
                                   .note = "between processes, in messages of 4 KiB"};

    explicit UmachPiecesPeer(const Config& config) : config_(config), parent_(config) {}

    class Server {
    public:
        explicit Server(UmachPiecesPeer& peer) : port_(peer.config_) {}
        bool receive(MutableBytes message) {
            client_ = pieces_.receive(port_.name(), message);
            return true;
        }
        void reply(unsigned, Bytes message) { pieces_.send(client_, PORT_NULL, message); }

    private:
        FoundPort port_;
        Pieces pieces_;
        port_t client_ = PORT_NULL;
    };

    class Client {
    public:
        Client(UmachPiecesPeer&, unsigned)
            : server_(find_server()), own_(umach::ReceiveRight::allocate().value()) {}
        void send(Bytes message) { pieces_.send(server_.name(), own_.name(), message); }
        void receive(MutableBytes message) { pieces_.receive(own_.name(), message); }

    private:
        umach::SendRight server_;
        umach::ReceiveRight own_;
        Pieces pieces_;
    };

private:
    Config config_;
    PortParent parent_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::UmachPiecesPeer>(argc, argv);
}
