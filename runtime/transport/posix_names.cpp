// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/posix_names.hpp"

#include <cerrno>

#include <fcntl.h>
#include <mqueue.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/transport/wire.hpp"
#include "runtime/unseen.hpp"

namespace umach::transport {

using runtime::Descriptor;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;

namespace {

constexpr long frames = 8;
constexpr long queue_file_system = 0x19800202;
constexpr int how_opened = O_RDWR | O_NONBLOCK | O_CLOEXEC;

// The system calls know names without the slash that begins them.
class QueueName final : public ListenedName {
public:
    QueueName(const std::string& name, const Allowed& allowed)
        : ListenedName(name, "posix:" + name), allowed_(allowed) {}

    UMACH_UNSEEN int make() const noexcept override {
        mq_attr attributes{};
        attributes.mq_maxmsg = frames;
        attributes.mq_msgsize = static_cast<long>(queue_message_bytes);
        return static_cast<int>(
            syscall(SYS_mq_open, bare(), how_opened | O_CREAT | O_EXCL, 0600, &attributes));
    }
    UMACH_UNSEEN int open() const noexcept override {
        return static_cast<int>(syscall(SYS_mq_open, bare(), how_opened, 0, nullptr));
    }
    UMACH_UNSEEN void unlink() const noexcept override { syscall(SYS_mq_unlink, bare()); }
    Outcome<void> check(int queue) const override { return check_queue(queue, address(), allowed_); }

private:
    UMACH_UNSEEN const char* bare() const noexcept { return text() + 1; }

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

std::unique_ptr<const ListenedName> queue_name(const std::string& name, const Allowed& allowed) {
    return std::make_unique<QueueName>(name, allowed);
}

Outcome<Descriptor> open_listened(const std::string& name, const Allowed& allowed) {
    const QueueName door(name, allowed);
    Descriptor queue(door.open());
    if (queue)
        if (auto good = door.check(queue.get()); !good) return good.fault();
    if (!queue || !is_listened(queue.get()))
        return make_fault(ECONNREFUSED, "nobody of this user listens at " + door.address());
    return queue;
}

Outcome<NamelessQueues> make_nameless_queues() {
    const auto to = random_name(), from = random_name();
    if (!to || !from) return (to ? from : to).fault();
    const QueueName first(to.value(), {}), second(from.value(), {});
    auto made = make_names(first, second, "two queues");
    if (!made) return std::move(made).fault();
    const auto take = [](const QueueName& name) {
        Descriptor queue(name.open());
        name.unlink();
        return queue;
    };
    NamelessQueues queues{take(first), take(second)};
    if (!queues.first || !queues.second) return last_fault("opening a queue of this end");
    return queues;
}

}  // namespace umach::transport
