// SPDX-License-Identifier: BSL-1.0
#include "runtime/doorbell/warded_set.hpp"

#include <cerrno>
#include <cstdint>

#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/unseen.hpp"

namespace umach::runtime {

namespace {

class SetInCare final : public Ward {
public:
    SetInCare(key_t key, std::uint32_t slots) : Ward(1), key_(key), slots_(slots) {}

    UMACH_UNSEEN int make_one(int, int& id) noexcept override {
        id = static_cast<int>(
            syscall(SYS_semget, key_, static_cast<int>(slots_), IPC_CREAT | IPC_EXCL | 0600));
        return id < 0 ? errno : 0;
    }

    // Somebody may have removed the set, and the id may name another one by now.
    UMACH_UNSEEN void remove_one(int, int id) noexcept override {
        semid_ds set{};
        if (syscall(SYS_semctl, id, 0, IPC_STAT, &set) == 0 && set.sem_perm.__key == key_)
            syscall(SYS_semctl, id, 0, IPC_RMID, 0L);
    }

    void remove_one_by_key(int) noexcept override {
        const int id = semget(key_, 0, 0600);
        if (id >= 0) semctl(id, 0, IPC_RMID);
    }

private:
    const key_t key_;
    const std::uint32_t slots_;
};

}  // namespace

Outcome<WardedSet> make_warded_set(std::uint32_t slots) {
    const std::string what = "a set of " + std::to_string(slots) + " semaphores";
    if (slots == 0 || slots > INT32_MAX) return make_fault(EINVAL, what);
    for (;;) {
        const auto key = random_key();
        if (!key) return key.fault();
        SetInCare set(key.value(), slots);
        auto warded = start_warden(set, what);
        if (warded) return WardedSet{warded.value().ids[0], warded.value().warden, std::move(warded.value().lifeline)};
        if (warded.fault().error != EEXIST) return std::move(warded).fault();
    }
}

}  // namespace umach::runtime
