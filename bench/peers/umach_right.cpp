// SPDX-License-Identifier: BSL-1.0
// Our ports between processes, with a send right in each message: it moves to the server, and back in the
// answer.
#include "peers/umach_link.hpp"

namespace bench {
namespace {

struct RightLetter {
    struct Form {
        msg_header_t head;
        msg_type_t right_type;
        port_t right;
        msg_type_t data_type;
    };
    static constexpr std::size_t before = sizeof(Form);
    static_assert(before <= Buffer::headroom);

    static Form& form(Bytes payload) {
        return *reinterpret_cast<Form*>(const_cast<std::byte*>(payload.data()) - before);
    }
    static msg_header_t& head(Bytes payload) { return form(payload).head; }
    // The right is the one that the buffer holds already: received, or put there to begin with.
    static void address(Bytes payload, port_t to, port_t reply_to) {
        Form& letter = form(payload);
        letter.head = {.msg_unused = 0,
                       .msg_simple = FALSE,
                       .msg_size = static_cast<msg_size_t>(before + payload.size()),
                       .msg_type = MSG_TYPE_NORMAL,
                       .msg_local_port = reply_to,
                       .msg_remote_port = to,
                       .msg_id = 0};
        letter.right_type = {MSG_TYPE_PORT, 32, 1, TRUE, FALSE, TRUE, 0};
        letter.data_type = {MSG_TYPE_BYTE, 8, static_cast<unsigned>(payload.size()) & 0xfffU, TRUE, FALSE,
                            FALSE,         0};
    }
};

class UmachRightPeer {
public:
    static constexpr Traits traits{.name = "umach_right",
                                   .wait = Wait::adaptive,
                                   .max_payload = kib,
                                   .streams = false,
                                   .note = "msg_rpc between processes; a send right moves there and back"};

    explicit UmachRightPeer(const Config& config) : config_(config), parent_(config) {}

    class Server {
    public:
        explicit Server(UmachRightPeer& peer) : port_(peer.config_), link_(port_.name()) {}
        bool receive(MutableBytes message) { return link_.receive(message); }
        void reply(unsigned client, Bytes message) { link_.reply(client, message); }

    private:
        FoundPort port_;
        PortServer<RightLetter> link_;
    };

    class Client {
    public:
        Client(UmachRightPeer&, unsigned)
            : server_(find_server()),
              token_(umach::registered_port(token_slot).value()),
              link_(server_.name()) {}
        void send(Bytes message) { link_.send(message); }
        void call(MutableBytes message) {
            RightLetter::form(message).right = token_.release();
            link_.call(message);
            token_ = umach::SendRight(RightLetter::form(message).right);
        }

    private:
        umach::SendRight server_, token_;
        PortClient<RightLetter> link_;
    };

private:
    Config config_;
    PortParent parent_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::UmachRightPeer>(argc, argv);
}
