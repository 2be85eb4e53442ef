// SPDX-License-Identifier: BSL-1.0
#include "tasks/process_identity.hpp"

#include "ports/process_record.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace umach::tasks {
namespace {

constexpr int so_peerpidfd = 77;          // <asm-generic/socket.h> of Linux 6.5
constexpr long pidfs_magic = 0x50494446;  // <linux/magic.h> of Linux 6.9

std::string proc_path(pid_t pid, const char* file) {
    return "/proc/" + std::to_string(pid) + "/" + file;
}

int open_pidfd(pid_t pid) {
    return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

int peer_pidfd_of_system(int connection) {
    int pidfd = -1;
    socklen_t length = sizeof pidfd;
    if (std::getenv("UMACH_NO_PEERPIDFD") != nullptr) return -1;
    return getsockopt(connection, SOL_SOCKET, so_peerpidfd, &pidfd, &length) == 0 ? pidfd : -1;
}

std::uint64_t inode_of_pidfd(int pidfd) {
    struct statfs system {};
    struct stat status {};
    if (fstatfs(pidfd, &system) != 0 || system.f_type != pidfs_magic) return 0;
    return fstat(pidfd, &status) == 0 ? status.st_ino : 0;
}

bool hung_up(int connection) {
    pollfd look{connection, 0, 0};
    return poll(&look, 1, 0) == 1;
}

// Where a mapping comes from, as /proc/PID/maps has it: device and inode.
struct Origin {
    std::string device_and_inode;
    explicit operator bool() const { return !device_and_inode.empty(); }
    bool operator==(const Origin&) const = default;
};

std::string_view word(std::string_view line, int number) {
    for (;; --number) {
        const auto end = std::min(line.find(' '), line.size());
        if (number == 0) return line.substr(0, end);
        line.remove_prefix(end);
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    }
}

Origin origin_in(const std::string& line) {
    std::string text(word(line, 3));
    return Origin{text.append(" ").append(word(line, 4))};
}

bool covers(const std::string& line, std::uintptr_t address) {
    std::uintptr_t first = 0, end = 0;
    const char* stop = line.data() + line.size();
    const auto at = std::from_chars(line.data(), stop, first, 16).ptr;
    if (at == stop || *at != '-') return false;
    std::from_chars(at + 1, stop, end, 16);
    return first <= address && address < end;
}

Origin origin_of(const void* base) {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
        if (covers(line, reinterpret_cast<std::uintptr_t>(base))) return origin_in(line);
    return {};
}

}  // namespace

namespace {

// What /proc/PID/stat says after the program's name, which may hold anything; empty when there is no such process.
std::string stat_of(pid_t pid) {
    std::ifstream file(proc_path(pid, "stat"));
    std::string line;
    std::getline(file, line);
    const auto end_of_name = line.rfind(") ");
    return end_of_name == std::string::npos ? std::string() : line.substr(end_of_name + 2);
}

}  // namespace

std::uint64_t start_time_of(pid_t pid) {
    const std::string stat = stat_of(pid);
    constexpr int start_time_field = 22, first_field = 3;
    const auto text = stat.empty() ? std::string_view() : word(stat, start_time_field - first_field);
    std::uint64_t time = 0;
    std::from_chars(text.data(), text.data() + text.size(), time);
    return time;
}

bool is_stopped(pid_t pid) {
    const std::string stat = stat_of(pid);
    return stat.starts_with('T') || stat.starts_with('t');
}

ProcessIdentity identity_of(pid_t pid) {
    const auto pidfd = PrivateDescriptor::from([&] { return open_pidfd(pid); });
    return {pid, start_time_of(pid), pidfd ? inode_of_pidfd(pidfd.get()) : 0};
}

ProcessIdentity identity_of(const ports::ProcessRecord& record) {
    return {static_cast<pid_t>(record.pid.get()), record.start_time.get(), record.pidfd_inode.get()};
}

ProcessIdentity own_identity() {
    return identity_of(getpid());
}

PrivateDescriptor pidfd_of_peer(int connection, ProcessIdentity* who) {
    ucred peer{};
    socklen_t length = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.pid <= 0) return {};
    const std::uint64_t before = start_time_of(peer.pid);
    auto pidfd = PrivateDescriptor::from([&] {
        const int direct = peer_pidfd_of_system(connection);
        return direct >= 0 ? direct : open_pidfd(peer.pid);
    });
    if (!pidfd) return {};
    *who = {peer.pid, start_time_of(peer.pid), inode_of_pidfd(pidfd.get())};
    const bool same = before != 0 && before == who->start_time && !hung_up(connection);
    return same && !is_readable(pidfd.get()) ? std::move(pidfd) : PrivateDescriptor{};
}

PrivateDescriptor pidfd_of(const ProcessIdentity& who) {
    auto pidfd = PrivateDescriptor::from([&] { return open_pidfd(who.pid); });
    if (!pidfd || start_time_of(who.pid) != who.start_time) return {};
    if (who.pidfd_inode != 0 && inode_of_pidfd(pidfd.get()) != who.pidfd_inode) return {};
    return pidfd;
}

// Without a descriptor free nothing is known of it: it counts as one that lives.
bool has_ended(const ProcessIdentity& who, PrivateDescriptor* pidfd) {
    *pidfd = PrivateDescriptor::from([&] { return open_pidfd(who.pid); });
    if (!*pidfd) return errno == ESRCH;
    const std::uint64_t time = start_time_of(who.pid);
    if (time == 0) return is_readable(pidfd->get());
    return time != who.start_time || (who.pidfd_inode != 0 && inode_of_pidfd(pidfd->get()) != who.pidfd_inode);
}

bool is_readable(int descriptor) {
    pollfd look{descriptor, POLLIN, 0};
    return poll(&look, 1, 0) == 1;
}

bool still_maps(pid_t pid, const void* base) {
    const Origin ours = origin_of(base);
    std::ifstream maps(proc_path(pid, "maps"));
    if (!maps.is_open()) return errno == EMFILE || errno == ENFILE;  // then nothing is known
    for (std::string line; std::getline(maps, line);)
        if (ours && origin_in(line) == ours) return true;
    return false;
}

}  // namespace umach::tasks
