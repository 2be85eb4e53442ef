// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/crier.hpp"

#include <cerrno>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

namespace umach::transport {

using runtime::Descriptor;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;

namespace {

struct Interface {
    in_addr own, broadcast;
};

in_addr v4_of(const sockaddr* address) {
    sockaddr_in name{};
    std::memcpy(&name, address, sizeof name);
    return name.sin_addr;
}

std::vector<Interface> interfaces() {
    ifaddrs* list = nullptr;
    std::vector<Interface> found;
    if (getifaddrs(&list) != 0) return found;
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & IFF_UP) == 0) continue;
        const bool reaches_all = (one->ifa_flags & IFF_BROADCAST) != 0 && one->ifa_broadaddr != nullptr;
        found.push_back({v4_of(one->ifa_addr), v4_of(reaches_all ? one->ifa_broadaddr : one->ifa_addr)});
    }
    freeifaddrs(list);
    return found;
}

sockaddr_in named(const InternetAddress& address) {
    sockaddr_in name{};
    std::memcpy(&name, &address.name, sizeof name);
    return name;
}

InternetAddress with(sockaddr_in name, in_addr machine) {
    name.sin_addr = machine;
    InternetAddress address;
    std::memcpy(&address.name, &name, sizeof name);
    address.bytes = sizeof name;
    return address;
}

bool hear(int socket, Bytes& bytes, InternetAddress& from) {
    bytes.resize(most_cried);
    const ssize_t got = recvfrom(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_TRUNC, from.get(), &from.bytes);
    const bool whole = got >= 0 && static_cast<std::size_t>(got) <= most_cried;
    bytes.resize(whole ? static_cast<std::size_t>(got) : 0);
    return got >= 0;
}

void send_to(int socket, const InternetAddress& to, View bytes) {
    sendto(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL, to.get(), to.bytes);
}

// returns: a fault when no interface has the group
Outcome<void> join(int socket, in_addr group) {
    bool joined = false;
    for (const Interface& one : interfaces()) {
        const ip_mreq request{group, one.own};
        joined = setsockopt(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) == 0 || errno == EADDRINUSE ||
                 joined;
    }
    if (!joined) return last_fault("joining a multicast group");
    return {};
}

}  // namespace

Outcome<Crier> Crier::open(const std::string& place) {
    const bool broadcast = place.starts_with("broadcast:");
    if (!broadcast && !place.starts_with("multicast:"))
        return make_fault(EINVAL, "\"" + place + "\" is neither multicast:GROUP:SERVICE nor broadcast:SERVICE");
    const std::string rest = place.substr(10);
    auto group = internet_address(broadcast ? "255.255.255.255:" + rest : rest, SOCK_DGRAM);
    if (!group) return group.fault();
    const sockaddr_in name = named(group.value());
    if (name.sin_family != AF_INET || (!broadcast && !IN_MULTICAST(ntohl(name.sin_addr.s_addr))))
        return make_fault(EINVAL, "\"" + place + "\" has no multicast group of IPv4");
    auto heard = bound_socket(with(name, in_addr{INADDR_ANY}), SOCK_DGRAM, true);
    if (!heard) return heard.fault();
    auto own = internet_socket(group.value(), SOCK_DGRAM);
    if (!own) return own.fault();
    const int on = 1;
    setsockopt(own.value().get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    if (!broadcast)
        if (const auto joined = join(heard.value().get(), name.sin_addr); !joined) return joined.fault();
    return Crier(std::move(heard).value(), std::move(own).value(), group.value(), broadcast);
}

void Crier::ask(View bytes) const {
    const sockaddr_in name = named(group_);
    for (const Interface& one : interfaces()) {
        if (!broadcast_)
            setsockopt(own_socket_.get(), IPPROTO_IP, IP_MULTICAST_IF, &one.own, sizeof one.own);
        send_to(own_socket_.get(), with(name, broadcast_ ? one.broadcast : name.sin_addr), bytes);
    }
}

void Crier::answer(const InternetAddress& to, View bytes) const {
    send_to(own_socket_.get(), to, bytes);
}

bool Crier::hear_question(Bytes& bytes, InternetAddress& from) const {
    return hear(group_socket_.get(), bytes, from);
}

bool Crier::hear_answer(Bytes& bytes, InternetAddress& from) const {
    return hear(own_socket_.get(), bytes, from);
}

std::string as_heard_from(const std::string& address, const InternetAddress& from) {
    const auto kind = address.find(':'), service = address.rfind(':');
    const std::string machine = place_of(from);
    return address.substr(0, kind + 1) + machine.substr(0, machine.rfind(':')) + address.substr(service);
}

}  // namespace umach::transport
