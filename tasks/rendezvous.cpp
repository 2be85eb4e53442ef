// SPDX-License-Identifier: BSL-1.0
#include "tasks/rendezvous.hpp"

#include "runtime/clock.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>

namespace umach::tasks {
namespace {

constexpr int waiting_joiners = 4096;

struct Address {
    sockaddr_un socket{};
    socklen_t length = 0;

    explicit Address(const std::string& name) {
        const std::string path = "umach/" + std::to_string(geteuid()) + "/" + name;
        socket.sun_family = AF_UNIX;
        std::memcpy(socket.sun_path + 1, path.data(), path.size());
        length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
    }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&socket); }
};

PrivateDescriptor make_socket() {
    return PrivateDescriptor::from([] { return ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0); });
}

int connect_patiently(int socket, const Address& address) {
    int result = 0;
    do result = ::connect(socket, address.get(), address.length);
    while (result != 0 && errno == EINTR);
    return result;
}

union DescriptorRoom {
    char bytes[CMSG_SPACE(most_descriptors * sizeof(int))];
    cmsghdr header;
};

void put_descriptors(msghdr& message, DescriptorRoom& room, std::initializer_list<int> descriptors) {
    std::array<int, most_descriptors> numbers{};
    const auto end = std::copy_if(descriptors.begin(), descriptors.end(), numbers.begin(), [](int number) { return number >= 0; });
    const auto count = static_cast<std::size_t>(end - numbers.begin());
    if (count == 0) return;
    message.msg_control = room.bytes;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    *header = {CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    std::memcpy(CMSG_DATA(header), numbers.data(), count * sizeof(int));
}

void take_descriptors(msghdr& message, Received& received) {
    for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = std::min((h->cmsg_len - CMSG_LEN(0)) / sizeof(int), most_descriptors);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(h) + i * sizeof(int), sizeof number);
            received.descriptors[i].reset(number);
        }
    }
}

bool wait_readable(int connection, int milliseconds) {
    const auto deadline = runtime::Deadline::in(std::chrono::milliseconds(milliseconds));
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining());
        pollfd look{connection, POLLIN, 0};
        const int ready = poll(&look, 1, static_cast<int>(left.count()));
        if (ready > 0) return true;
        if (ready == 0) errno = ETIMEDOUT;
        if (ready == 0 || errno != EINTR) return false;
    }
}

}  // namespace

bool is_host_name(const std::string& name) {
    return !name.empty() && name.size() <= longest_host_name && name.find('/') == std::string::npos &&
           name.find('\0') == std::string::npos;
}

runtime::Outcome<PrivateDescriptor> listen_as(const std::string& name) {
    const Address address(name);
    PrivateDescriptor socket = make_socket();
    if (!socket) return runtime::last_fault("a socket for a keeper");
    if (::bind(socket.get(), address.get(), address.length) != 0)
        return runtime::last_fault("taking the name " + name);
    if (::listen(socket.get(), waiting_joiners) != 0) return runtime::last_fault("listening as " + name);
    return socket;
}

runtime::Outcome<PrivateDescriptor> connect_to(const std::string& name) {
    const Address address(name);
    PrivateDescriptor socket = make_socket();
    if (!socket) return runtime::last_fault("a socket for a member");
    if (connect_patiently(socket.get(), address) != 0) return runtime::last_fault("connecting to " + name);
    if (!same_user(socket.get()))
        return runtime::make_fault(EPERM, "the host " + name + " is another user's");
    return socket;
}

bool is_another_users(const std::string& name) {
    std::ifstream sockets("/proc/net/unix");
    const std::string end = "/" + name;
    for (std::string line; std::getline(sockets, line);) {
        const auto path = line.find("@umach/");
        if (path != std::string::npos && line.size() >= end.size() && line.ends_with(end) &&
            line.find('/', path + 7) == line.size() - end.size())
            return true;
    }
    return false;
}

bool same_user(int connection) {
    ucred peer{};
    socklen_t length = sizeof peer;
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid();
}

bool send_record(int connection, const void* record, std::size_t bytes, std::initializer_list<int> descriptors) {
    iovec data{const_cast<void*>(record), bytes};
    DescriptorRoom room{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    put_descriptors(message, room, descriptors);
    return sendmsg(connection, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(bytes);
}

Received receive_record(int connection, void* record, std::size_t bytes, int milliseconds) {
    Received received;
    if (!wait_readable(connection, milliseconds)) return received;
    iovec data{record, bytes};
    DescriptorRoom room{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = room.bytes;
    message.msg_controllen = sizeof room.bytes;
    received.bytes = recvmsg(connection, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received.bytes > 0) take_descriptors(message, received);
    return received;
}

}  // namespace umach::tasks
