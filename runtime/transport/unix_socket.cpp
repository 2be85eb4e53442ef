// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/unix_socket.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/transport/lock_file.hpp"
#include "runtime/unseen.hpp"

namespace umach::transport {

using runtime::Deadline;
using runtime::Descriptor;
using runtime::Fault;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;

namespace {

constexpr WireTraits socket_traits{false, true, false, 65'536};

struct Address {
    sockaddr_un name{};
    socklen_t bytes = 0;
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

Outcome<Address> address_of(const std::string& place) {
    Address address;
    const bool fits = !place.empty() && place != "@" && place.size() < sizeof address.name.sun_path;
    if (!fits) return make_fault(EINVAL, "\"" + place + "\" is no name of a Unix socket");
    address.name.sun_family = AF_UNIX;
    std::memcpy(address.name.sun_path, place.data(), place.size());
    const bool in_file_system = place[0] != '@';
    if (!in_file_system) address.name.sun_path[0] = '\0';
    address.bytes =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + place.size() + (in_file_system ? 1 : 0));
    return address;
}

Outcome<Descriptor> new_socket() {
    Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return last_fault("making a Unix socket");
    return socket;
}

Peer peer_of(int socket) {
    ucred who{};
    socklen_t bytes = sizeof who;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &bytes) != 0) return {};
    return {who.pid, static_cast<long>(who.uid), static_cast<long>(who.gid)};
}

// returns: why who is at the other end is refused
Outcome<void> check_peer(const Peer& peer, const std::string& place, const Allowed& allowed) {
    if (allowed.has(peer.user, peer.group)) return {};
    return Fault{EPERM, "refused user " + std::to_string(peer.user) + ", group " + std::to_string(peer.group) +
                            ", process " + std::to_string(peer.process) + " at unix:" + place};
}

// A name that is in no file system can be taken by anybody: who listens there is looked at too.
WireOutcome connect_unix(const std::string& place, const Options& options, Deadline) {
    const auto address = address_of(place);
    if (!address) return address.fault();
    auto socket = new_socket();
    if (!socket) return socket.fault();
    if (::connect(socket.value().get(), address.value().get(), address.value().bytes) != 0) {
        const int error = errno == ENOENT ? ECONNREFUSED : errno;
        return make_fault(error, "connecting to unix:" + place);
    }
    const Peer peer = peer_of(socket.value().get());
    if (auto known = check_peer(peer, place, options.allowed); !known) return known.fault();
    return socket_wire(std::move(socket).value(), socket_traits, peer);
}

class UnixDoor final : public Door {
public:
    UnixDoor(std::string place, std::optional<Listening> lock, Descriptor socket, const struct stat& file,
             const Allowed& allowed)
        : place_(std::move(place)),
          lock_(std::move(lock)),
          socket_(std::move(socket)),
          device_(file.st_dev),
          file_(file.st_ino),
          allowed_(allowed) {}

    ~UnixDoor() override {
        struct stat now {};
        const bool ours =
            file_ != 0 && stat(place_.c_str(), &now) == 0 && now.st_dev == device_ && now.st_ino == file_;
        if (ours) unlink(place_.c_str());
    }

    int descriptor() const noexcept override { return socket_.get(); }
    std::string place() const override { return place_; }

    WireOutcome accept() override {
        Descriptor socket(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket && (moved_by(errno) == Moved::later || errno == ECONNABORTED))
            return std::unique_ptr<Wire>();
        if (!socket) return last_fault("accepting at unix:" + place_);
        const Peer peer = peer_of(socket.get());
        if (auto known = check_peer(peer, place_, allowed_); !known) return known.fault();
        return socket_wire(std::move(socket), socket_traits, peer);
    }

private:
    std::string place_;
    std::optional<Listening> lock_;
    Descriptor socket_;
    dev_t device_;
    ino_t file_;
    Allowed allowed_;
};

// The listener's file, however long its path is.
UMACH_UNSEEN sockaddr_un through_proc(int file) noexcept {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    char* at = name.sun_path;
    for (const char c : "/proc/self/fd/")
        if (c != '\0') *at++ = c;
    int digit = 1;
    while (file / digit > 9) digit *= 10;
    for (; digit > 0; digit /= 10) *at++ = static_cast<char>('0' + file / digit % 10);
    return name;
}

UMACH_UNSEEN bool nobody_answers(int file) noexcept {
    const int probe =
        static_cast<int>(syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_un name = through_proc(file);
    const bool refused = syscall(SYS_connect, probe, &name, sizeof name) != 0 && errno == ECONNREFUSED;
    syscall(SYS_close, probe);
    return refused;
}

class SocketFile final : public LockFile {
public:
    SocketFile(const std::string& place, const Allowed& allowed)
        : LockFile("unix", place, allowed), path_(absolute(place)) {}

    UMACH_UNSEEN void clear() const noexcept override {
        mode_t type = 0;
        if (!look_at(path_text_, type) || !S_ISSOCK(type)) return;
        constexpr int how = O_PATH | O_NOFOLLOW | O_CLOEXEC;
        const int file = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path_text_, how, 0));
        if (file < 0) return;
        if (nobody_answers(file)) remove_file(path_text_);
        syscall(SYS_close, file);
    }

private:
    const std::string path_;
    const char* const path_text_ = path_.c_str();
};

// returns: nothing for a name that is in no file system, since the system keeps none of those
Outcome<std::optional<Listening>> lock_place(const std::string& place, const Allowed& allowed) {
    if (place[0] == '@') return std::optional<Listening>();
    auto lock = Listening::begin(std::make_unique<SocketFile>(place, allowed));
    if (!lock) return std::move(lock).fault();
    return std::optional<Listening>(std::move(lock).value());
}

DoorOutcome listen_unix(const std::string& place, const Options& options) {
    const auto address = address_of(place);
    if (!address) return address.fault();
    auto lock = lock_place(place, options.allowed);
    if (!lock) return std::move(lock).fault();
    auto socket = new_socket();
    if (!socket) return socket.fault();
    const int number = socket.value().get();
    if (bind(number, address.value().get(), address.value().bytes) != 0)
        return last_fault("listening at unix:" + place);
    struct stat file {};
    // Others come as far as the door if there are others that may come in.
    const bool alone = options.allowed.users.empty() && options.allowed.groups.empty();
    if (place[0] != '@' && (chmod(place.c_str(), alone ? 0600 : 0666) != 0 || stat(place.c_str(), &file) != 0))
        return last_fault("closing unix:" + place + " to others");
    if (::listen(number, 16) != 0) return last_fault("listening at unix:" + place);
    return std::unique_ptr<Door>(std::make_unique<UnixDoor>(
        place, std::move(lock).value(), std::move(socket).value(), file, options.allowed));
}

}  // namespace

const Mechanism unix_mechanism{"unix", listen_unix, connect_unix};

}  // namespace umach::transport
