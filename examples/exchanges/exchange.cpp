// SPDX-License-Identifier: BSL-1.0
#include "exchange.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <stdexcept>

namespace exchange {

using umach::transport::Bytes;
using umach::transport::Deadline;
using umach::transport::Moved;
using umach::transport::View;

namespace {

Deadline patience() {
    return Deadline::in(std::chrono::seconds(10));
}

}  // namespace

int start(const std::function<void()>& work) {
    std::fflush(nullptr);
    const int child = fork();
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work();
    std::fflush(nullptr);
    _exit(0);
}

int end_of(int child) {
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// Both ends are on this machine: what goes over its loopback need not be sealed.
umach::transport::Options plain() {
    umach::transport::Options options;
    options.insecure = true;
    return options;
}

Listener listen_at(const std::string& address) {
    auto listener = umach::transport::listen(address, plain());
    if (!listener.ok()) throw std::runtime_error(listener.fault().what);
    return std::move(listener).value();
}

std::unique_ptr<Transport> guest_of(Listener& listener) {
    for (;;) {
        pollfd look{listener.descriptor(), POLLIN, 0};
        poll(&look, 1, -1);
        auto guest = listener.accept();
        if (!guest.ok()) throw std::runtime_error(guest.fault().what);
        if (guest.value() != nullptr) return std::move(guest).value();
    }
}

std::unique_ptr<Transport> connected_to(const std::string& address) {
    auto link = umach::transport::connect(address, plain(), patience());
    if (!link.ok()) throw std::runtime_error(link.fault().what);
    return std::move(link).value();
}

void say(Transport& to, const std::string& text) {
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    if (to.send(View(begin, text.size()), Deadline::never()) != Moved::done)
        throw std::runtime_error(to.reason());
}

namespace {

bool hear_until(Transport& from, std::string* text, Deadline deadline) {
    Bytes bytes;
    if (from.receive(bytes, deadline) != Moved::done) return false;
    text->assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
}

}  // namespace

bool hear(Transport& from, std::string* text) {
    return hear_until(from, text, Deadline::never());
}

bool hear_now(Transport& from, std::string* text) {
    return hear_until(from, text, Deadline::in(std::chrono::seconds(0)));
}

void part_from(Transport& other) {
    other.close(patience());
}

}  // namespace exchange
