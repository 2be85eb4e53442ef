// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/listened_name.hpp"

#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/nap.hpp"

namespace umach::transport {

using runtime::Descriptor;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;
using runtime::Ward;
using runtime::Warded;

namespace {

constexpr unsigned patience = 300;  // naps of a millisecond, for who removes a name by a few calls

UMACH_UNSEEN bool is_name_of(const ListenedName& name, int file) noexcept {
    const int now = name.open();
    if (now < 0) return false;
    struct stat one {}, other {};
    const bool seen = syscall(SYS_fstat, now, &one) == 0 && syscall(SYS_fstat, file, &other) == 0;
    syscall(SYS_close, now);
    return seen && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// Of the open file: a listener's copies in forked processes keep it.
UMACH_UNSEEN bool lock(int file, short type, int how = F_OFD_SETLK) noexcept {
    struct flock whole {};
    whole.l_type = type;
    return syscall(SYS_fcntl, file, how, &whole) == 0;
}

// returns: how others have it locked: F_RDLCK to listen, F_WRLCK to remove its name, F_UNLCK
short lock_of_others(int file) noexcept {
    struct flock whole {};
    whole.l_type = F_WRLCK;
    return fcntl(file, F_OFD_GETLK, &whole) == 0 ? whole.l_type : short{F_UNLCK};
}

UMACH_UNSEEN void remove_name(const ListenedName& name) noexcept {
    name.clear();
    name.unlink();
}

// Removes the name of a listener that was killed, and whose warden was, or has not removed it yet.
// returns: why the name is not free
Outcome<void> set_free(const ListenedName& name) {
    for (runtime::Nap nap; nap.naps() < patience; nap.next()) {
        const Descriptor file(name.open());
        if (!file) return {};
        if (auto good = name.check(file.get()); !good) return good;
        if (lock(file.get(), F_WRLCK)) {
            if (is_name_of(name, file.get())) remove_name(name);
            return {};
        }
        if (is_listened(file.get())) break;
    }
    return make_fault(EADDRINUSE, name.address());
}

// Kept open, so that nothing else can have its number.
class NamesInCare final : public Ward {
public:
    explicit NamesInCare(const ListenedName& only) : Ward(1), names_{&only, nullptr} {}
    NamesInCare(const ListenedName& first, const ListenedName& second) : Ward(2), names_{&first, &second} {}

    UMACH_UNSEEN int make_one(int which, int& id) noexcept override {
        kept_[which] = names_[which]->make();
        id = which;
        return kept_[which] < 0 ? errno : 0;
    }

    // A child of its maker may still have a copy of the lock: that is waited for.
    UMACH_UNSEEN void remove_one(int which, int) noexcept override {
        const ListenedName& name = *names_[which];
        const int file = kept_[which];
        if (is_name_of(name, file) && lock(file, F_WRLCK, F_OFD_SETLKW) && is_name_of(name, file))
            remove_name(name);
    }

    void remove_one_by_key(int which) noexcept override { static_cast<void>(set_free(*names_[which]).ok()); }

private:
    const ListenedName* const names_[most];
};

}  // namespace

bool is_listened(int file) { return lock_of_others(file) == F_RDLCK; }

Outcome<Warded> make_names(const ListenedName& first, const ListenedName& second, const std::string& what) {
    NamesInCare two(first, second);
    return start_warden(two, what);
}

Listening::Listening(std::unique_ptr<const ListenedName> name, Descriptor file, Descriptor lifeline)
    : name_(std::move(name)), file_(std::move(file)), lifeline_(std::move(lifeline)) {}

Listening::~Listening() {
    if (file_ && is_name_of(*name_, file_.get())) remove_name(*name_);
}

// Until it is locked, another listener may take it for one of the killed, remove it, and make its own, which
// may then seem to be ours.
Outcome<Listening> Listening::begin(std::unique_ptr<const ListenedName> name) {
    for (int times = 0; times < 2; ++times) {
        if (auto is_free = set_free(*name); !is_free) return is_free.fault();
        NamesInCare one(*name);
        auto made = start_warden(one, name->address());
        if (!made && made.fault().error != EEXIST) return std::move(made).fault();
        if (!made) continue;
        Descriptor file(name->open());
        if (!file && errno != ENOENT) return last_fault("opening " + name->address());
        if (!file || !lock(file.get(), F_RDLCK) || !is_name_of(*name, file.get()) || is_listened(file.get()))
            continue;
        name->clear();
        return Listening(std::move(name), std::move(file), std::move(made.value().lifeline));
    }
    return make_fault(EADDRINUSE, name->address());
}

}  // namespace umach::transport
