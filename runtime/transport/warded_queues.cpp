// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/warded_queues.hpp"

#include <cerrno>
#include <ctime>

#include <poll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/unseen.hpp"

namespace umach::transport {

using runtime::Outcome;
using runtime::Ward;

namespace {

class QueuesInCare final : public Ward {
public:
    explicit QueuesInCare(key_t only) : Ward(1), keys_{only, IPC_PRIVATE} {}
    QueuesInCare(key_t first, key_t second, int peer) : Ward(2), keys_{first, second} { kept_[0] = peer; }

    UMACH_UNSEEN int make_one(int which, int& id) noexcept override {
        id = static_cast<int>(syscall(SYS_msgget, keys_[which], IPC_CREAT | IPC_EXCL | 0600));
        return id < 0 ? errno : 0;
    }

    // While the peer lives it may still read; it removes them when it is done, and is asked for that now and
    // then.
    UMACH_UNSEEN void wait_for_others(const int (&ids)[most]) noexcept override {
        timespec while_it_reads{0, 200'000'000};
        pollfd look{kept_[0], POLLIN, 0};
        while (look.fd >= 0 && (is_there(0, ids[0]) || is_there(1, ids[1])) &&
               syscall(SYS_ppoll, &look, 1L, &while_it_reads, nullptr, 0L) == 0)
            while_it_reads = {0, 200'000'000};
    }

    UMACH_UNSEEN void remove_one(int which, int id) noexcept override {
        if (is_there(which, id)) syscall(SYS_msgctl, id, IPC_RMID, 0L);
    }

    void remove_one_by_key(int which) noexcept override {
        const int id = msgget(keys_[which], 0);
        if (id >= 0) msgctl(id, IPC_RMID, nullptr);
    }

private:
    // Somebody may have removed it, and the id may name another one by now.
    UMACH_UNSEEN bool is_there(int which, int id) noexcept {
        msqid_ds seen{};
        return syscall(SYS_msgctl, id, IPC_STAT, &seen) == 0 && seen.msg_perm.__key == keys_[which];
    }

    const key_t keys_[most];
};

Outcome<WardedQueues> in_care(QueuesInCare& queues, const std::string& what) {
    auto made = start_warden(queues, what);
    if (!made) return std::move(made).fault();
    return WardedQueues{{made.value().ids[0], made.value().ids[1]}, std::move(made.value().lifeline)};
}

}  // namespace

Outcome<WardedQueues> make_warded_queue(key_t key, const std::string& what) {
    QueuesInCare queue(key);
    return in_care(queue, what);
}

Outcome<WardedQueues> make_warded_pair(int peer) {
    for (;;) {
        const auto first = runtime::random_key(), second = runtime::random_key();
        if (!first || !second) return (first ? second : first).fault();
        QueuesInCare queues(first.value(), second.value(), peer);
        auto made = in_care(queues, "two queues");
        if (made || made.fault().error != EEXIST) return made;
    }
}

}  // namespace umach::transport
