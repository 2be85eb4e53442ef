// SPDX-License-Identifier: BSL-1.0
// PortSet: receive from many ports at once. PortFd: wait for a port or set with poll, select or epoll.
//
// A port is in one set at most, and while it is there it can be received from only through the set.
#pragma once

#include <unistd.h>

#include <umach.h>
#include <umach/message.hpp>

namespace umach {

/// A descriptor that is readable while a port or set has a message. It is closed when this ends.
class PortFd {
public:
    PortFd() = default;
    PortFd(PortFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    PortFd& operator=(PortFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    PortFd(const PortFd&) = delete;
    PortFd& operator=(const PortFd&) = delete;
    ~PortFd() {
        if (fd_ >= 0) {
            close(fd_);
        }
    }

    /// returns: as port_set_fd().
    [[nodiscard]] static Result<PortFd> of(PortName port_or_set) {
        PortFd opened;
        const int code = port_set_fd(task_self(), port_or_set.get(), &opened.fd_);
        return code == KERN_SUCCESS ? Result(std::move(opened)) : Error::last(code);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_ = -1;
};

namespace detail {

struct SetKind {
    static void give_back(port_t name) noexcept { port_set_deallocate(task_self(), name); }
};

}  // namespace detail

/// When it ends its members live on, in no set, with their messages.
class PortSet : public Right<detail::SetKind> {
public:
    using Right::Right;

    /// returns: as port_set_allocate().
    [[nodiscard]] static Result<PortSet> allocate() {
        port_set_name_t name = PORT_NULL;
        const int code = port_set_allocate(task_self(), &name);
        return code == KERN_SUCCESS ? Result(PortSet(name)) : Error::last(code);
    }

    /// Puts a port in, out of the set where it was. returns: as port_set_add().
    Result<void> add(PortName port) const {
        return Result<void>::from(port_set_add(task_self(), name(), port.get()));
    }
    /// returns: as port_set_remove().
    static Result<void> remove(PortName port) {
        return Result<void>::from(port_set_remove(task_self(), port.get()));
    }
    /// waits, returns: as msg_receive(); Message::arrived_at() says which member it came to.
    [[nodiscard]] Result<Message> receive(WhenEmpty when_empty = WhenEmpty::wait()) const {
        return umach::receive(*this, when_empty);
    }
    [[nodiscard]] Result<PortFd> fd() const { return PortFd::of(*this); }
};

}  // namespace umach
