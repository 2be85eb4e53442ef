// SPDX-License-Identifier: BSL-1.0
// System V message queues: one for requests; replies share another, told apart by message type.
//
// Such a queue outlives its users. So each is told to a process at the end of a pipe, which removes it when
// the last of them has ended, however that was.
#include "harness/run.hpp"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <algorithm>

namespace bench {
namespace {

class Warden {
public:
    Warden() {
        int ends[2];
        check(pipe2(ends, O_CLOEXEC), "pipe2");
        held_ = Fd(ends[1], "pipe2");
        const Fd read(ends[0], "pipe2");
        if (check(fork(), "fork") > 0) return;
        setsid();  // out of reach of a signal to all of us
        held_ = Fd();
        close(STDOUT_FILENO);
        remove_told(read);
    }
    void tell(int id) { told_->ids[told_->count++ % most] = id; }

private:
    static constexpr unsigned most = 4096;  // of queues at a time
    struct Told {
        std::atomic<unsigned> count{0};
        std::array<std::atomic<int>, most> ids;
    };

    [[noreturn]] void remove_told(const Fd& end) {
        char byte = 0;
        while (read(end.get(), &byte, 1) > 0) {
        }
        for (unsigned i = 0; i < std::min(told_->count.load(), most); ++i)
            msgctl(told_->ids[i], IPC_RMID, nullptr);
        _exit(0);
    }

    std::shared_ptr<Told> told_ = shared_object<Told>();
    Fd held_;
};

class Queue {
public:
    Queue() : id_(static_cast<int>(check(msgget(IPC_PRIVATE, IPC_CREAT | 0600), "msgget"))) {
        static Warden warden;
        warden.tell(id_);
    }
    explicit Queue(std::size_t payload) : Queue() {
        msqid_ds state{};
        check(msgctl(id_, IPC_STAT, &state), "IPC_STAT");
        // Only a privileged user may raise it.
        state.msg_qbytes = std::min(state.msg_qbytes, queue_depth * payload);
        check(msgctl(id_, IPC_SET, &state), "IPC_SET");
    }
    Queue(Queue&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
    ~Queue() {
        if (id_ >= 0 && getpid() == owner_) msgctl(id_, IPC_RMID, nullptr);
    }

    // The type stands right before the bytes, in the buffer's headroom.
    void put(long type, Bytes message) {
        std::byte* start = const_cast<std::byte*>(message.data()) - sizeof type;
        std::memcpy(start, &type, sizeof type);
        check(msgsnd(id_, start, message.size(), 0), "msgsnd");
    }
    void get(long type, MutableBytes message) {
        check(msgrcv(id_, message.data() - sizeof type, message.size(), type, 0), "msgrcv");
    }

private:
    int id_;
    pid_t owner_ = getpid();
};

class SysvPeer {
public:
    static constexpr Traits traits{.name = "sysv_queue",
                                   .wait = Wait::blocking,
                                   .max_payload = 4 * kib,
                                   .clients = 64,
                                   .note = "msgmax is 8192, msgmnb 16384 here"};
    static constexpr unsigned idle_count = 500;
    struct Idle {
        Queue made;
        explicit Idle(unsigned) {}
    };

    explicit SysvPeer(const Config& config)
        : requests_(config.payload), replies_(config.payload * std::max(1U, config.clients / queue_depth)) {}

    struct Server {
        SysvPeer& peer;
        explicit Server(SysvPeer& p) : peer(p) {}
        bool receive(MutableBytes message) { return peer.requests_.get(1, message), true; }
        void reply(unsigned client, Bytes message) { peer.replies_.put(client + 1L, message); }
    };

    struct Client {
        SysvPeer& peer;
        long type;
        Client(SysvPeer& p, unsigned id) : peer(p), type(id + 1L) {}
        void send(Bytes message) { peer.requests_.put(1, message); }
        void receive(MutableBytes message) { peer.replies_.get(type, message); }
    };

private:
    Queue requests_, replies_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::SysvPeer>(argc, argv);
}
