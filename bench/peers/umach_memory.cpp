// SPDX-License-Identifier: BSL-1.0
// Our ports between processes, with the payload out of line.
//
//   umach_moved    memory that moves to the server, and back in the answer; as with iceoryx's loaned samples only the
//                  ends of it are touched
//   umach_copied   each side's own buffer, which the kernel copies, and which the other copies into its own
//   umach_taken    the same, but the other reads what arrived where it is, as its own memory that it is; its ends touched
#include "peers/moved_letter.hpp"

namespace bench {
namespace {

// Takes the payload out of memory that arrived, which is not needed any more.
void take_copy(MutableBytes message, std::byte* memory) {
    std::memcpy(message.data(), memory, message.size());
    umach::Region({memory, message.size()}).reset();
}

// Looks only at the ends of memory that arrived.
void take_ends(MutableBytes message, std::byte* memory) {
    touch_ends(message.data(), memory, message.size());
    umach::Region({memory, message.size()}).reset();
}

enum class Way { moved, copied, taken };

constexpr Traits traits_of(Way way) {
    Traits traits{.name = "umach_moved",
                  .wait = Wait::adaptive,
                  .max_payload = 64 * mib,
                  .streams = false,
                  .note = "msg_rpc between processes; memory moves there and back, its ends touched"};
    if (way == Way::moved) return traits;
    traits.name = way == Way::copied ? "umach_copied" : "umach_taken";
    traits.note = way == Way::copied ? "msg_rpc between processes; the payload out of line, copied"
                                     : "msg_rpc between processes; heap memory out of line, read where it arrives";
    return traits;
}

template <Way way>
class UmachMemoryPeer {
    static constexpr bool moves = way == Way::moved;
    static void take(MutableBytes message, std::byte* memory) {
        if (way == Way::copied) take_copy(message, memory);
        else take_ends(message, memory);
    }

public:
    static constexpr Traits traits = traits_of(way);

    explicit UmachMemoryPeer(const Config& config) : config_(config), parent_(config) {}

    class Server {
    public:
        explicit Server(UmachMemoryPeer& peer) : port_(peer.config_) {}
        bool receive(MutableBytes message) {
            MovedLetter letter;
            letter.head.msg_size = sizeof letter;
            letter.head.msg_local_port = port_.name();
            check_code(msg_receive(&letter.head, MSG_OPTION_NONE, 0), "msg_receive");
            reply_to_ = letter.head.msg_remote_port;
            memory_ = letter.memory;
            if (moves) touch_ends(message.data(), memory_, message.size());
            else take(message, memory_);
            return true;
        }
        void reply(unsigned, Bytes message) {
            if (moves) touch_ends(memory_, message.data(), message.size());
            const Bytes answer = moves ? Bytes{memory_, message.size()} : message;
            MovedLetter letter = letter_with(answer, moves, reply_to_, PORT_NULL);
            check_code(msg_send(&letter.head, MSG_OPTION_NONE, 0), "msg_send");
        }

    private:
        FoundPort port_;
        std::byte* memory_ = nullptr;
        port_t reply_to_ = PORT_NULL;
    };

    class Client {
    public:
        Client(UmachMemoryPeer& peer, unsigned)
            : server_(find_server()), memory_(umach::Region::allocate(peer.config_.payload).value()) {}
        void send(Bytes) { check_code(KERN_FAILURE, "nothing is streamed"); }
        void call(MutableBytes message) {
            if (moves) touch_ends(memory_.data(), message.data(), message.size());
            const Bytes request = moves ? Bytes(memory_.release()) : Bytes(message);
            MovedLetter letter = letter_with(request, moves, server_.name(), thread_reply());
            check_code(msg_rpc(&letter.head, MSG_OPTION_NONE, sizeof letter, 0, 0), "msg_rpc");
            if (!moves) return take(message, letter.memory);
            memory_ = umach::Region({letter.memory, message.size()});
            touch_ends(message.data(), memory_.data(), message.size());
        }

    private:
        umach::SendRight server_;
        umach::Region memory_;
    };

private:
    Config config_;
    PortParent parent_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::UmachMemoryPeer<bench::Way::moved>, bench::UmachMemoryPeer<bench::Way::copied>,
                            bench::UmachMemoryPeer<bench::Way::taken>>(argc, argv);
}
