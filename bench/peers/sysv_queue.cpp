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
        write_ = Fd(ends[1], "pipe2");
        const Fd read(ends[0], "pipe2");
        if (check(fork(), "fork") > 0) return;
        setsid();  // out of reach of a signal to all of us
        write_ = Fd();
        close(STDOUT_FILENO);
        remove_told(read);
    }
    void tell(int id) { write_all(write_.get(), reinterpret_cast<const std::byte*>(&id), sizeof id); }

private:
    [[noreturn]] static void remove_told(const Fd& told) {
        std::vector<int> ids;
        for (int id = 0; read(told.get(), &id, sizeof id) == sizeof id;) ids.push_back(id);
        for (const int id : ids) msgctl(id, IPC_RMID, nullptr);
        _exit(0);
    }

    Fd write_;
};

class Queue {
public:
    explicit Queue(std::size_t payload)
        : id_(static_cast<int>(check(msgget(IPC_PRIVATE, IPC_CREAT | 0600), "msgget"))) {
        static Warden warden;
        warden.tell(id_);
        msqid_ds state{};
        check(msgctl(id_, IPC_STAT, &state), "IPC_STAT");
        state.msg_qbytes =
            std::min(state.msg_qbytes, queue_depth * payload);  // only a privileged user may raise it
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
        Queue made{idle_message};
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
