// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/internet.hpp"

#include <cerrno>
#include <cstring>

#include <netdb.h>
#include <netinet/in.h>

namespace umach::transport {

using runtime::Descriptor;
using runtime::Fault;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;

Outcome<InternetAddress> internet_address(const std::string& place, int socket_type) {
    const auto colon = place.rfind(':');
    if (colon == std::string::npos || colon == 0)
        return make_fault(EINVAL, "\"" + place + "\" is not HOST:SERVICE");
    std::string host = place.substr(0, colon);
    if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = socket_type;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(host.c_str(), place.substr(colon + 1).c_str(), &wanted, &found);
        error != 0)
        return Fault{EINVAL, "\"" + place + "\": " + gai_strerror(error)};
    InternetAddress address;
    address.bytes = found->ai_addrlen;
    std::memcpy(&address.name, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return address;
}

std::string place_of(const InternetAddress& address) {
    char host[NI_MAXHOST] = "", service[NI_MAXSERV] = "";
    getnameinfo(address.get(), address.bytes, host, sizeof host, service, sizeof service,
                NI_NUMERICHOST | NI_NUMERICSERV);
    const std::string text = address.name.ss_family == AF_INET6 ? "[" + std::string(host) + "]" : host;
    return text + ":" + service;
}

namespace {

bool is_loopback(const InternetAddress& address) {
    if (address.name.ss_family == AF_INET) {
        const auto& four = reinterpret_cast<const sockaddr_in&>(address.name);
        return (ntohl(four.sin_addr.s_addr) >> 24) == 127;
    }
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address.name);
    return address.name.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
}

}  // namespace

Outcome<void> may_be_plain(const InternetAddress& address, const Options& options) {
    if (options.seal != nullptr) return {};
    if (!options.insecure) return Fault{EPERM, place_of(address) + " needs a key, and pinned keys of peers"};
    if (!is_loopback(address))
        return Fault{EPERM, place_of(address) + " is no loopback address: nothing plain leaves the machine"};
    return {};
}

Outcome<Descriptor> internet_socket(const InternetAddress& like, int socket_type) {
    Descriptor socket(::socket(like.name.ss_family, socket_type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return last_fault("making a socket");
    return socket;
}

void share_address(int socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

Outcome<Descriptor> bound_socket(const InternetAddress& address, int socket_type, bool shared) {
    auto socket = internet_socket(address, socket_type);
    if (!socket) return socket;
    if (shared) share_address(socket.value().get());
    if (bind(socket.value().get(), address.get(), address.bytes) != 0)
        return last_fault("binding a socket to " + place_of(address));
    return socket;
}

InternetAddress own_address(int socket) {
    InternetAddress address;
    getsockname(socket, address.get(), &address.bytes);
    return address;
}

}  // namespace umach::transport
