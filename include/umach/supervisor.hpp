// SPDX-License-Identifier: BSL-1.0
// Supervisor: starts children, learns of their ends, and starts them again. A child is a callable on any
// carrier, or a program.
//
//     umach::Supervisor supervisor({.restarts = 3, .within = 10s});
//     supervisor.start("printer", umach::Carrier::process, print).value();
//     supervisor.run().value();
//
// A child ends when its callable returns, when it is terminated or when its process dies; the kernel says so
// to a port of the supervisor's, and to no other. Whoever dies too often is not helped by another start: then
// run() ends with an error. What still runs at the supervisor's own end is terminated and joined.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <list>
#include <string>

#include <umach/notification.hpp>
#include <umach/port_set.hpp>
#include <umach/task.hpp>

namespace umach {

class Supervisor {
public:
    /// So many restarts of one child within that time are borne; the next end is one too many.
    struct Limit {
        unsigned restarts = 5;
        std::chrono::milliseconds within{10000};
    };
    /// Is told of an end. returns: whether to start the child again, which is what happens without it.
    using OnEnd = std::function<bool(const std::string& name)>;

    Supervisor() : Supervisor(Limit()) {}
    /// Where there is no room for its port, the first call on the supervisor says so.
    explicit Supervisor(Limit limit, OnEnd on_end = {}) : limit_(limit), on_end_(std::move(on_end)) {}
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;
    /// waits: for the end of its children.
    ~Supervisor();

    /// Starts a child, of which a copy of the callable is made at each start.
    /// returns: as Thread::spawn(); KERN_NAME_EXISTS there is a child of that name.
    Result<void> start(std::string name, Carrier carrier, std::function<void()> callable) {
        return add({std::move(name), thread_terminate,
                    [carrier, callable = std::move(callable)]() -> Result<SendRight> {
                        Result<Thread> thread = Thread::spawn(carrier, callable);
                        return thread ? Result<SendRight>(thread->detach()) : thread.error();
                    }});
    }
    /// The same with a program. returns: as Task::spawn(), and KERN_NAME_EXISTS.
    Result<void> start_program(std::string name, std::string path, std::vector<std::string> arguments = {}) {
        return add({std::move(name), task_terminate,
                    [path = std::move(path), arguments = std::move(arguments)]() -> Result<SendRight> {
                        Result<Task> task = Task::spawn(path, arguments);
                        return task ? Result<SendRight>(std::move(*task)) : task.error();
                    }});
    }

    /// Starts again what dies, until there is no child left, or stop().
    /// returns: success; or the error of the child that its detail names: KERN_ABORTED it died too often.
    Result<void> run();
    /// Deals with one end at most. returns: as run(); RCV_TIMED_OUT nothing has ended.
    Result<void> step(WhenEmpty when_empty = WhenEmpty::wait());
    /// Ends run() when the end in hand is dealt with. May be called by other threads of the task.
    void stop() {
        stopping_.store(true);
        nudge();
    }
    /// returns: a descriptor for poll or epoll: while it is readable, step(WhenEmpty::never_wait()).
    [[nodiscard]] Result<PortFd> fd() const {
        return news_ ? PortFd::of(*news_) : Result<PortFd>(news_.error());
    }

    [[nodiscard]] std::size_t children() const noexcept { return children_.size(); }
    /// returns: the name of the child's kernel port; empty when there is no such child.
    [[nodiscard]] PortName port_of(const std::string& name) const {
        const auto child = std::ranges::find(children_, name, &Child::name);
        return child != children_.end() ? PortName(child->port) : PortName();
    }

private:
    using Clock = std::chrono::steady_clock;
    struct Child {
        std::string name;
        kern_return_t (*terminate)(port_t);
        std::function<Result<SendRight>()> begin;
        SendRight port{};
        std::deque<Clock::time_point> ends{};
    };

    Result<void> add(Child child);
    Result<void> begin(Child& child);
    Result<void> ended(std::list<Child>::iterator child);
    bool too_often(Child& child) const;
    void nudge();

    Limit limit_;
    OnEnd on_end_;
    Result<ReceiveRight> news_ = ReceiveRight::allocate();  ///< of ends; all else only ends a wait
    std::list<Child> children_;
    std::atomic<bool> stopping_{false};
};

inline Result<void> Supervisor::add(Child child) {
    if (!news_) {
        return news_.error();
    }
    if (std::ranges::find(children_, child.name, &Child::name) != children_.end()) {
        return Error(KERN_NAME_EXISTS, "a child is called " + child.name);
    }
    children_.push_back(std::move(child));
    Result<void> begun = begin(children_.back());
    if (!begun) {
        children_.pop_back();
    }
    return begun;
}

/// One that has ended before it could be asked about has no port, and the next step deals with it.
inline Result<void> Supervisor::begin(Child& child) {
    Result<SendRight> started = child.begin();
    if (!started) {
        return Error(started.code(), child.name + ": " + std::string(started.error().detail()));
    }
    child.port = std::move(*started);
    if (!request_notification(child.port, NOTIFY_PORT_DELETED, *news_)) {
        child.port.reset();
        nudge();
    }
    return {};
}

inline bool Supervisor::too_often(Child& child) const {
    const auto now = Clock::now();
    child.ends.push_back(now);
    std::erase_if(child.ends, [&](auto end) { return now - end > limit_.within; });
    return child.ends.size() > limit_.restarts;
}

inline Result<void> Supervisor::ended(std::list<Child>::iterator child) {
    if (on_end_ && !on_end_(child->name)) {
        children_.erase(child);
        return {};
    }
    Result<void> again =
        too_often(*child) ? Error(KERN_ABORTED, child->name + " ends too often") : begin(*child);
    if (!again) {
        children_.erase(child);
    }
    return again;
}

inline Result<void> Supervisor::step(WhenEmpty when_empty) {
    if (!news_) {
        return news_.error();
    }
    const auto port_name = [](const Child& child) { return child.port.name(); };
    auto child = std::ranges::find(children_, PORT_NULL, port_name);
    Result<Message> message = news_->receive(child == children_.end() ? when_empty : WhenEmpty::never_wait());
    if (!message && child == children_.end()) {
        return message.error();
    }
    const Result<Notification> told = message ? decode_notification(*message) : message.error();
    if (const auto* gone = told ? std::get_if<PortDeleted>(&*told) : nullptr; gone != nullptr) {
        child = std::ranges::find(children_, gone->name, port_name);
    }
    return child != children_.end() ? ended(child) : Result<void>();
}

inline Result<void> Supervisor::run() {
    Result<void> stepped;
    while (stepped && !children_.empty() && !stopping_.load()) {
        stepped = step();
    }
    stopping_.store(false);
    return stepped;
}

inline void Supervisor::nudge() {
    MessageWriter message;
    if (news_) {
        news_->send(message, WhenFull::never_wait());  // a full queue wakes as well
    }
}

inline Supervisor::~Supervisor() {
    for (const Child& child : children_) {
        child.terminate(child.port.name());
        while (umach_thread_join(child.port.name(), UMACH_FOREVER) == KERN_ABORTED) {
        }
    }
}

}  // namespace umach
