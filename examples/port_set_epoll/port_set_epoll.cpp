// SPDX-License-Identifier: BSL-1.0
// A server with two ports in a program whose loop belongs to epoll. port_set_fd() of <umach.h> gives a
// descriptor that is readable while any port of the set has a message, so ports stand beside sockets, timers
// and, here, the client's process descriptor, which ends the loop however the client ends. A handler sees at
// which port a request came in: two ports, two conversions, one message id.
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include <umach/umach.hpp>

namespace {

constexpr msg_id_t convert_id = 1;

int client() {
    const auto to_fahrenheit = umach::registered_port(0).value();
    const auto to_celsius = umach::registered_port(1).value();
    const double warm = umach::call<double, double>(to_fahrenheit, convert_id, 20.0).value();
    const double cold = umach::call<double, double>(to_celsius, convert_id, 14.0).value();
    std::printf("20 C = %.0f F, 14 F = %.0f C\n", warm, cold);
    return 0;
}

void watch(int epoll, int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

int main() {
    umach::Server server;
    const umach::PortName to_fahrenheit = server.add_port().value();
    const umach::PortName to_celsius = server.add_port().value();
    server.handle<double, double>(convert_id, [&](double degrees, umach::MessageReader& request) {
        return request.arrived_at() == to_celsius ? (degrees - 32) / 1.8 : degrees * 1.8 + 32;
    });
    umach::register_ports({to_fahrenheit, to_celsius}).value();
    const pid_t child = fork();
    if (child == 0) return client();

    const umach::PortFd requests = server.fd().value();
    const int ended = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, requests.get());
    watch(epoll, ended);
    epoll_event event{};
    while (epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd != ended) {
        while (server.serve_one(umach::WhenEmpty::never_wait())) {}
    }
    int status = 1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
