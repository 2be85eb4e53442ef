// SPDX-License-Identifier: BSL-1.0
#include "tasks/keeper.hpp"

#include "runtime/clock.hpp"
#include "runtime/nap.hpp"
#include "tasks/burial.hpp"
#include "tasks/hidden_thread.hpp"
#include "tasks/name_service.hpp"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

namespace umach::tasks {
namespace {

enum class Source : std::uint32_t { listening, newcomer, pidfd, connection };
constexpr std::uint64_t event_of(Source source, std::uint32_t serial) {
    return static_cast<std::uint64_t>(source) << 32 | serial;
}

constexpr int slice_milliseconds = 100;
constexpr std::size_t most_newcomers = 256;  // connected, and have not spoken yet

// A keeper holds two descriptors a process: the soft limit of a program that runs many is soon too low.
bool raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return false;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

Answer hung_up_or_short(int connection) {
    return is_readable(connection) ? Answer::unknown : Answer::no_descriptor;
}

}  // namespace

runtime::Outcome<void> Keeper::start(Host& host, PrivateDescriptor listening) {
    std::shared_ptr<Keeper> keeper(new Keeper(host, std::move(listening)));
    keeper->events_ = PrivateDescriptor::from([] { return epoll_create1(EPOLL_CLOEXEC); });
    if (!keeper->events_) return runtime::last_fault("epoll_create1 for a keeper");
    return start_hidden_thread("umach-keeper", [keeper] { keeper->run(); });
}

void Keeper::run() {
    carrier_ = host_.claim_carrier();
    if (!carrier_) return host_.keeping_failed();  // the name is free again, for somebody with a carrier
    take_role();
    find_members();
    find_work_left();
    start_name_service(host_);
    watch(listening_.get(), event_of(Source::listening, 0));
    serve();
}

bool Keeper::take_role() {
    ports::KernelHeader& header = kernel().header();
    const bool taken = kernel().step(*carrier_, [&](ports::KernelStep& s) {
        s.lock_host();
        s.set(header.keeper, s.self().word());
        s.set(header.keeper_task, host_.task().index);
        s.add(header.keeper_epoch, 1);
        return s.keep(true);
    });
    host_.note_epoch();
    return taken;
}

// Those that an earlier keeper had let in; the dead among them are found out when they are served.
void Keeper::find_members() {
    for (std::uint32_t process = 1; process < kernel().capacity(ports::zone_processes); ++process) {
        const ports::ProcessRecord& record = kernel().process(process);
        if (record.identity.get().life == ports::Life::free || process == host_.process()) continue;
        const Serial serial = ++last_serial_;
        members_[serial].process = ports::ref_of_process(kernel(), process);
        members_[serial].who = identity_of(record);
        left_.push_back(serial);
    }
    end_those_left();
}

// Who is looked at again: a member of which there is no pidfd yet, or one that somebody else was burying.
void Keeper::end_those_left() {
    for (const Serial serial : std::exchange(left_, {})) {
        const auto found = members_.find(serial);
        if (found == members_.end()) continue;
        Member& member = found->second;
        if (member.pidfd || has_ended(member.who, &member.pidfd)) end(serial);
        else if (member.pidfd) watch(member.pidfd.get(), event_of(Source::pidfd, serial));
        else left_.push_back(serial), raise_descriptor_limit();
    }
}

// Ends that a dead keeper had begun: every step of an end can be gone on with.
void Keeper::find_work_left() {
    sweep();
    for (std::uint32_t index = 1; index < kernel().capacity(ports::zone_tasks); ++index)
        if (kernel().task(index).identity.get().life == ports::Life::dying)
            ports::end_task(kernel(), *carrier_, kernel().ref_of_task(index));
}

void Keeper::serve() {
    std::array<epoll_event, 64> events;
    auto next_sweep = runtime::Deadline::in(std::chrono::milliseconds(slice_milliseconds));
    for (;;) {
        const int timeout = members_.empty() && !somebody_ended_ ? -1 : slice_milliseconds;
        const int ready = epoll_wait(events_.get(), events.data(), static_cast<int>(events.size()), timeout);
        carrier_->arm();
        for (int i = 0; i < ready; ++i) serve_one(events[static_cast<std::size_t>(i)].data.u64);
        if (!next_sweep.passed()) continue;
        sweep();
        next_sweep = runtime::Deadline::in(std::chrono::milliseconds(slice_milliseconds));
    }
}

void Keeper::serve_one(std::uint64_t what) {
    const auto serial = static_cast<Serial>(what);
    switch (static_cast<Source>(what >> 32)) {
        case Source::listening: return let_newcomers_speak();
        case Source::newcomer: return hear(serial);
        case Source::pidfd: return end(serial);
        case Source::connection: return end_if_gone(serial);
    }
}

// Threads that died while their process lives, and what they had begun.
void Keeper::sweep() {
    end_those_left();
    if (end_dead_carriers(kernel(), *carrier_, 0) > 0) somebody_ended_ = true;
    if (somebody_ended_) somebody_ended_ = !finish_what_the_dead_began(kernel(), *carrier_);
}

void Keeper::let_newcomers_speak() {
    auto connection = PrivateDescriptor::from(
        [&] { return accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); });
    if (!connection) {
        // Out of descriptors: who waits to be let in waits until some are free again, or gives up.
        if ((errno == EMFILE || errno == ENFILE) && !raise_descriptor_limit()) runtime::Nap().next();
        return;
    }
    if (!same_user(connection.get()) || newcomers_.size() >= most_newcomers) return;
    const Serial serial = ++last_serial_;
    watch(connection.get(), event_of(Source::newcomer, serial));
    newcomers_.emplace(serial, std::move(connection));
}

void Keeper::hear(Serial newcomer) {
    const auto found = newcomers_.find(newcomer);
    if (found == newcomers_.end()) return;
    PrivateDescriptor connection = std::move(found->second);
    newcomers_.erase(found);
    epoll_ctl(events_.get(), EPOLL_CTL_DEL, connection.get(), nullptr);
    Hello hello{.magic = 0};
    const Received heard = receive_record(connection.get(), &hello, sizeof hello, 0);
    if (heard.bytes != sizeof hello || hello.magic != hello_magic) return;
    const int number = connection.get();
    Welcome welcome = answer(hello, connection);
    send_welcome(number, welcome);  // who has gone meanwhile is found out by its pidfd
}

Welcome Keeper::answer(const Hello& hello, PrivateDescriptor& connection) {
    if (hello.version != protocol_version || hello.layout != ports::Kernel::layout_hash())
        return {.answer = Answer::other_version};
    switch (hello.purpose) {
        case Purpose::rejoin: return let_in_again(hello, connection);
        case Purpose::sponsor: return let_in_sponsored(hello);
        case Purpose::join: return let_in(connection);
    }
    return {.answer = Answer::unknown};
}

Welcome Keeper::let_in(PrivateDescriptor& connection) {
    Member member;
    member.pidfd = pidfd_of_peer(connection.get(), &member.who);
    if (!member.pidfd) {
        raise_descriptor_limit();
        member.pidfd = pidfd_of_peer(connection.get(), &member.who);
    }
    if (!member.pidfd) return {.answer = hung_up_or_short(connection.get())};
    if (const Serial expected = sponsored(member.who); expected != 0) {
        Member& known = members_.at(expected);
        known.connection = std::move(connection);
        watch_connection(expected);
        return welcome_of(known);
    }
    const std::uint32_t process =
        ports::add_process(kernel(), *carrier_, static_cast<std::uint64_t>(member.who.pid), member.who.start_time,
                           member.who.pidfd_inode);
    if (process == 0) return {.answer = Answer::host_full};
    member.process = ports::ref_of_process(kernel(), process);
    const Serial serial = ++last_serial_;
    member.connection = std::move(connection);
    Member& kept = members_[serial] = std::move(member);
    watch(kept.pidfd.get(), event_of(Source::pidfd, serial));
    watch_connection(serial);
    return welcome_of(kept);
}

Welcome Keeper::welcome_of(const Member& member) {
    return {.process = member.process};
}

Welcome Keeper::let_in_again(const Hello& hello, PrivateDescriptor& connection) {
    ProcessIdentity who;
    const PrivateDescriptor pidfd = pidfd_of_peer(connection.get(), &who);
    for (auto& [serial, member] : members_) {
        if (member.process.index != hello.process || member.who.pid != who.pid) continue;
        member.connection = std::move(connection);
        watch_connection(serial);
        return welcome_of(member);
    }
    return {.answer = Answer::unknown};
}

bool Keeper::send_welcome(int connection, Welcome& welcome) {
    runtime::Machine& machine = kernel().machine();
    welcome.bytes = machine.segment().bytes();
    welcome.segment_kind = static_cast<std::uint32_t>(machine.segment().kind());
    welcome.segment_id = machine.segment().sysv_id();
    if (welcome.answer != Answer::welcome) return send_record(connection, &welcome, sizeof welcome);
    return send_record(connection, &welcome, sizeof welcome,
                       {kernel().pool().descriptor(), machine.segment().descriptor(), machine.doorbells().lifeline()});
}

// A process that its maker holds back until it is a member: it has not ended, so its pid is its own.
Welcome Keeper::let_in_sponsored(const Hello& hello) {
    Member member;
    const auto pid = static_cast<pid_t>(hello.process);
    member.who = identity_of(pid);
    member.pidfd = pidfd_of(member.who);
    if (!member.pidfd) return {.answer = Answer::no_descriptor};
    const std::uint32_t process = ports::add_process(kernel(), *carrier_, static_cast<std::uint64_t>(pid),
                                                     member.who.start_time, member.who.pidfd_inode, true);
    if (process == 0) return {.answer = Answer::host_full};
    member.process = ports::ref_of_process(kernel(), process);
    const Serial serial = ++last_serial_;
    Member& kept = members_[serial] = std::move(member);
    watch(kept.pidfd.get(), event_of(Source::pidfd, serial));
    return welcome_of(kept);
}

// Its record says so, which outlives a keeper.
Keeper::Serial Keeper::sponsored(const ProcessIdentity& who) {
    for (const auto& [serial, member] : members_)
        if (kernel().process(member.process.index).sponsored.get() != 0 && member.who.pid == who.pid && member.who.start_time == who.start_time) return serial;
    return 0;
}

void Keeper::end_if_gone(Serial serial) {
    const auto found = members_.find(serial);
    if (found == members_.end()) return;
    Member& member = found->second;
    epoll_ctl(events_.get(), EPOLL_CTL_DEL, member.connection.get(), nullptr);
    member.connection.close();
    if (!still_maps(member.who.pid, kernel().machine().base())) end(serial);
}

void Keeper::end(Serial serial) {
    const auto found = members_.find(serial);
    if (found == members_.end()) return;
    if (!bury(kernel(), *carrier_, found->second.process)) {
        epoll_ctl(events_.get(), EPOLL_CTL_DEL, found->second.pidfd.get(), nullptr);
        return left_.push_back(serial);
    }
    somebody_ended_ = true;
    members_.erase(found);
}

void Keeper::watch(int descriptor, std::uint64_t what) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = what;
    epoll_ctl(events_.get(), EPOLL_CTL_ADD, descriptor, &event);
}

// Only its end: a member says nothing more.
void Keeper::watch_connection(Serial serial) {
    epoll_event event{};
    event.events = EPOLLRDHUP;
    event.data.u64 = event_of(Source::connection, serial);
    epoll_ctl(events_.get(), EPOLL_CTL_ADD, members_.at(serial).connection.get(), &event);
}

}  // namespace umach::tasks
