// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/posix_names.hpp"

#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <mqueue.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/nap.hpp"
#include "runtime/transport/wire.hpp"
#include "runtime/unseen.hpp"
#include "runtime/warden.hpp"

namespace umach::transport {

using runtime::Descriptor;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;
using runtime::Ward;

namespace {

constexpr long frames = 8;
constexpr long queue_file_system = 0x19800202;
constexpr unsigned patience = 300;  // naps of a millisecond for who removes a name, and needs few calls for it
constexpr int how_opened = O_RDWR | O_NONBLOCK | O_CLOEXEC;

// The system call knows names without the slash that begins them.
UMACH_UNSEEN int open_queue(const char* name) noexcept {
    return static_cast<int>(syscall(SYS_mq_open, name + 1, how_opened, 0, nullptr));
}

// The queue's number, which no other queue has, and of which the system uses 32 bits.
UMACH_UNSEEN int number_of(int queue) noexcept {
    struct stat file {};
    return syscall(SYS_fstat, queue, &file) == 0 ? static_cast<int>(file.st_ino) : -1;
}

UMACH_UNSEEN bool is_name_of(const char* name, int number) noexcept {
    const int queue = open_queue(name);
    if (queue < 0) return false;
    const bool same = number_of(queue) == number;
    syscall(SYS_close, queue);
    return same;
}

// Of the open file: a listener's copies in forked processes keep it.
UMACH_UNSEEN bool lock(int queue, short type, int how = F_OFD_SETLK) noexcept {
    struct flock whole {};
    whole.l_type = type;
    return syscall(SYS_fcntl, queue, how, &whole) == 0;
}

// returns: how others have it locked: F_RDLCK to listen, F_WRLCK to remove its name, F_UNLCK
short lock_of_others(int queue) noexcept {
    struct flock whole {};
    whole.l_type = F_WRLCK;
    return fcntl(queue, F_OFD_GETLK, &whole) == 0 ? whole.l_type : short{F_UNLCK};
}

// The name of a listener that was killed, and whose warden was, or has not removed it yet.
// returns: false when the name is in use
bool set_free(const char* name, const Allowed& allowed) {
    for (runtime::Nap nap; nap.naps() < patience; nap.next()) {
        const Descriptor queue(open_queue(name));
        if (!queue) return true;
        if (!check_queue(queue.get(), name, allowed)) return false;
        if (lock(queue.get(), F_WRLCK)) {
            if (is_name_of(name, number_of(queue.get()))) mq_unlink(name);
            return true;
        }
        if (lock_of_others(queue.get()) == F_RDLCK) return false;
    }
    return false;
}

// Their ids are the numbers of the queues.
class NamesInCare final : public Ward {
public:
    NamesInCare(const std::string& only, const Allowed& allowed)
        : Ward(1), names_{only.c_str(), nullptr}, allowed_(allowed) {}
    NamesInCare(const std::string& first, const std::string& second)
        : Ward(2), names_{first.c_str(), second.c_str()} {}

    UMACH_UNSEEN int make_one(int which, int& id) noexcept override {
        mq_attr attributes{};
        attributes.mq_maxmsg = frames;
        attributes.mq_msgsize = static_cast<long>(queue_message_bytes);
        const int queue = static_cast<int>(
            syscall(SYS_mq_open, names_[which] + 1, how_opened | O_CREAT | O_EXCL, 0600, &attributes));
        id = queue >= 0 ? number_of(queue) : -1;
        return queue >= 0 ? 0 : errno;
    }

    // A child of its maker may still have a copy of the lock: that is waited for.
    UMACH_UNSEEN void remove_one(int which, int id) noexcept override {
        const int queue = open_queue(names_[which]);
        if (queue < 0) return;
        if (number_of(queue) == id && lock(queue, F_WRLCK, F_OFD_SETLKW) && is_name_of(names_[which], id))
            syscall(SYS_mq_unlink, names_[which] + 1);
        syscall(SYS_close, queue);
    }

    void remove_one_by_key(int which) noexcept override { set_free(names_[which], allowed_); }

private:
    const char* names_[most];
    const Allowed allowed_;
};

Outcome<std::string> random_name() {
    std::uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number) return last_fault("drawing a number");
    return "/umach-" + std::to_string(number);
}

}  // namespace

Outcome<void> check_queue(int queue, const std::string& what, const Allowed& allowed) {
    struct stat file {};
    struct statfs system {};
    mq_attr attributes{};
    const bool is_one = fstat(queue, &file) == 0 && fstatfs(queue, &system) == 0 &&
                        system.f_type == queue_file_system && mq_getattr(queue, &attributes) == 0;
    if (!is_one) return make_fault(EPERM, what + " is no queue");
    return check_owner({what, static_cast<long>(file.st_uid), file.st_mode}, allowed);
}

NamedQueue::NamedQueue(std::string name, int number, Descriptor queue, Descriptor lifeline)
    : name_(std::move(name)), number_(number), queue_(std::move(queue)), lifeline_(std::move(lifeline)) {}

NamedQueue::~NamedQueue() {
    if (queue_ && is_name_of(name_.c_str(), number_)) mq_unlink(name_.c_str());
}

// Until it is locked, another listener may take it for one of the killed.
Outcome<NamedQueue> NamedQueue::make(const std::string& name, const Allowed& allowed) {
    for (int times = 0; times < 2 && set_free(name.c_str(), allowed); ++times) {
        NamesInCare one(name, allowed);
        auto made = start_warden(one, "the queue posix:" + name);
        if (!made && made.fault().error != EEXIST) return std::move(made).fault();
        if (!made) continue;
        Descriptor queue(open_queue(name.c_str()));
        if (!queue && errno != ENOENT) return last_fault("opening the queue posix:" + name);
        const int number = number_of(queue.get());
        if (number == made.value().ids[0] && lock(queue.get(), F_RDLCK) && is_name_of(name.c_str(), number))
            return NamedQueue(name, number, std::move(queue), std::move(made.value().lifeline));
    }
    return make_fault(EADDRINUSE, "posix:" + name);
}

Outcome<Descriptor> open_listened(const std::string& name, const Allowed& allowed) {
    Descriptor queue(open_queue(name.c_str()));
    if (queue)
        if (auto good = check_queue(queue.get(), "posix:" + name, allowed); !good) return good.fault();
    if (!queue || lock_of_others(queue.get()) != F_RDLCK)
        return make_fault(ECONNREFUSED, "nobody of this user listens at posix:" + name);
    return queue;
}

Outcome<NamelessQueues> make_nameless_queues() {
    const auto first = random_name(), second = random_name();
    if (!first || !second) return (first ? second : first).fault();
    NamesInCare two(first.value(), second.value());
    auto made = start_warden(two, "two queues");
    if (!made) return std::move(made).fault();
    const auto take = [](const std::string& name) {
        Descriptor queue(open_queue(name.c_str()));
        mq_unlink(name.c_str());
        return queue;
    };
    NamelessQueues queues{take(first.value()), take(second.value())};
    if (!queues.first || !queues.second) return last_fault("opening a queue of this end");
    return queues;
}

}  // namespace umach::transport
