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
    explicit QueuesInCare(key_t first, key_t second = IPC_PRIVATE) : keys_{first, second} {}

    UMACH_UNSEEN int make(int (&ids)[most]) noexcept override {
        ids[0] = create(keys_[0]);
        if (ids[0] < 0) return errno;
        ids[1] = keys_[1] != IPC_PRIVATE ? create(keys_[1]) : -1;
        if (ids[1] >= 0 || keys_[1] == IPC_PRIVATE) return 0;
        const int error = errno;
        syscall(SYS_msgctl, ids[0], IPC_RMID, 0L);
        return error;
    }

    // While the peer lives it may still read; it removes them when it is done, and is asked for that now and
    // then.
    UMACH_UNSEEN void remove(const int (&ids)[most], int sign) noexcept override {
        timespec while_it_reads{0, 200'000'000};
        pollfd look{sign, POLLIN, 0};
        while (sign >= 0 && (is_there(ids, 0) || is_there(ids, 1)) &&
               syscall(SYS_ppoll, &look, 1L, &while_it_reads, nullptr, 0L) == 0)
            while_it_reads = {0, 200'000'000};
        for (int i = 0; i < most; ++i)
            if (is_there(ids, i)) syscall(SYS_msgctl, ids[i], IPC_RMID, 0L);
    }

    void remove_by_key() noexcept override {
        for (const key_t key : keys_) {
            const int id = key != IPC_PRIVATE ? msgget(key, 0) : -1;
            if (id >= 0) msgctl(id, IPC_RMID, nullptr);
        }
    }

private:
    UMACH_UNSEEN static int create(key_t key) noexcept {
        return static_cast<int>(syscall(SYS_msgget, key, IPC_CREAT | IPC_EXCL | 0600));
    }
    // Somebody may have removed it, and the id may name another one by now.
    UMACH_UNSEEN bool is_there(const int (&ids)[most], int which) noexcept {
        msqid_ds seen{};
        return ids[which] >= 0 && syscall(SYS_msgctl, ids[which], IPC_STAT, &seen) == 0 &&
               seen.msg_perm.__key == keys_[which];
    }

    const key_t keys_[most];
};

Outcome<WardedQueues> in_care(QueuesInCare& queues, const std::string& what, int sign) {
    auto made = start_warden(queues, what, sign);
    if (!made) return std::move(made).fault();
    return WardedQueues{{made.value().ids[0], made.value().ids[1]}, std::move(made.value().lifeline)};
}

}  // namespace

Outcome<WardedQueues> make_warded_queue(key_t key, const std::string& what) {
    QueuesInCare queue(key);
    return in_care(queue, what, -1);
}

Outcome<WardedQueues> make_warded_pair(int peer) {
    for (;;) {
        const auto first = runtime::random_key(), second = runtime::random_key();
        if (!first || !second) return (first ? second : first).fault();
        QueuesInCare queues(first.value(), second.value());
        auto made = in_care(queues, "two queues", peer);
        if (made || made.fault().error != EEXIST) return made;
    }
}

}  // namespace umach::transport
