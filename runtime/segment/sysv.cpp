// SPDX-License-Identifier: BSL-1.0
// The System V segment: shmget with IPC_PRIVATE, attached, and marked for removal (IPC_RMID) at once.
//
// Why others can still attach by id: on Linux IPC_RMID on a segment that is attached only sets SHM_DEST and
// takes away its key. The id stays valid, and shmat accepts it, until the last attachment has gone; then the
// kernel frees the segment. POSIX leaves that open; Linux documents it (shmctl(2), NOTES).
//
// IPC_RMID before the first attachment would free the segment, so between shmget and IPC_RMID it could
// outlive a maker that is killed there. Those three calls are therefore made sheltered, in a process that a
// kill of ours does not reach; and if that one is killed, we find what it made by its creator's pid.
#include <cerrno>

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "runtime/segment/mapping.hpp"
#include "runtime/segment/sheltered.hpp"
#include "runtime/unseen.hpp"

namespace umach::runtime {

namespace {

struct Making {
    std::size_t bytes;
    int id = -1;
    int error = 0;
    void* hold = nullptr;  // keeps the segment alive until it is mapped properly
    bool done = false;
};

UMACH_UNSEEN int make_segment(void* argument) {
    Making& making = *static_cast<Making*>(argument);
    making.id = shmget(IPC_PRIVATE, making.bytes, IPC_CREAT | IPC_EXCL | 0600);
    if (making.id >= 0) {
        making.hold = shmat(making.id, nullptr, 0);
        making.error = making.hold == reinterpret_cast<void*>(-1) ? errno : 0;
        shmctl(making.id, IPC_RMID, nullptr);
    } else {
        making.error = errno;
    }
    making.done = true;
    return 0;
}

void remove_all_made_by(pid_t process) noexcept {
    shm_info in_use{};
    const int last = shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&in_use));
    for (int slot = 0; slot <= last; ++slot) {
        shmid_ds segment{};
        const int id = shmctl(slot, SHM_STAT, &segment);
        if (id >= 0 && segment.shm_cpid == process) shmctl(id, IPC_RMID, nullptr);
    }
}

Fault refused(int error, const char* call, std::size_t bytes) {
    return make_fault(error, call + (" of a segment of " + std::to_string(bytes) + " bytes"));
}

// System V segments cannot be allocated ahead; MADV_POPULATE_WRITE touches every page, and says so where a
// plain touch would end in SIGBUS.
Outcome<void> touch_all(void* base, std::size_t bytes) {
    while (madvise(base, bytes, MADV_POPULATE_WRITE) != 0) {
        if (errno != EINTR && errno != EAGAIN) return last_fault("touching a System V segment");
    }
    return {};
}

}  // namespace

Outcome<Segment> SegmentMaker::map_sysv(int id, std::size_t bytes) {
    auto mapping = map_segment(id, true, bytes);
    if (!mapping) return std::move(mapping).fault();
    return Segment(SegmentKind::sysv, Descriptor(), id, std::move(mapping).value());
}

Outcome<Segment> SegmentMaker::create_sysv(std::size_t bytes) {
    if (auto available = check_available(bytes); !available) return std::move(available).fault();
    Making making{.bytes = bytes};
    const pid_t process = run_sheltered(make_segment, &making);
    if (process < 0) return last_fault("clone for a System V segment");
    if (!making.done) remove_all_made_by(process);
    reap_sheltered(process);
    if (!making.done) return refused(ECHILD, "shmget", bytes);
    if (making.error != 0) return refused(making.error, making.id < 0 ? "shmget" : "shmat", bytes);
    auto segment = map_sysv(making.id, bytes);
    shmdt(making.hold);
    if (!segment) return segment;
    if (auto touched = touch_all(segment.value().base(), bytes); !touched) return std::move(touched).fault();
    return segment;
}

Outcome<Segment> SegmentMaker::attach_sysv(int id, std::size_t bytes) {
    shmid_ds segment{};
    if (shmctl(id, IPC_STAT, &segment) != 0) return last_fault("IPC_STAT of segment " + std::to_string(id));
    if (segment.shm_perm.uid != geteuid() || (segment.shm_perm.mode & 0777) != 0600) {
        return make_fault(EPERM, "segment " + std::to_string(id) + " of another user, or open to others");
    }
    if (segment.shm_segsz != bytes) {
        const std::string size = std::to_string(segment.shm_segsz);
        return make_fault(EINVAL, "segment " + std::to_string(id) + " of " + size + " bytes, not " +
                                      std::to_string(bytes));
    }
    return map_sysv(id, bytes);
}

}  // namespace umach::runtime
