// SPDX-License-Identifier: BSL-1.0
// A host of the test's own, with its keeper in the test's thread, and members in forked processes that come
// and go.
#pragma once

#include "ports/audit.hpp"
#include "ports/calls.hpp"
#include "ports/receive.hpp"
#include "ports/send.hpp"
#include "ports/task.hpp"
#include "ports/thread.hpp"
#include "runtime/detail.hpp"

#include <array>
#include <csignal>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <optional>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace umach::ports {

// A task that a forked process is given.
struct Member {
    std::uint32_t process = 0;
    TaskRef task;
    port_name_t own_port = 0;   // in its own space; it receives
    port_name_t its_port = 0;   // the same port in the fixture's space
    pid_t pid = -1;
};

// How many records of each zone are in use.
using Counts = std::array<std::uint32_t, zones>;

class HostFixture : public testing::Test {
protected:
    static constexpr port_name_t there = 1000;   // in a member's space: the fixture's port

    static HostSizes usual_sizes() {
        HostSizes sizes;
        sizes.tasks = 64;
        sizes.ports = 2048;
        sizes.message_bytes = 1 << 20;
        return sizes;
    }

    explicit HostFixture(const HostSizes& sizes = usual_sizes()) {
        auto made = Kernel::make(sizes);
        EXPECT_TRUE(made.ok());
        k_.emplace(std::move(made).value());
        const std::uint32_t slot = k_->machine().claim_carrier();
        carrier_.emplace(k_->machine().carrier(slot), slot);
        k_->machine().doorbells().prepare(carrier_->record().doorbell, slot);
        process_ = add_process(*k_, *carrier_, static_cast<std::uint64_t>(getpid()), 0, 0);
        carrier_->record().process.put(process_);
        const TaskRef task = create_task(*k_, *carrier_, process_, {}, "fixture");
        caller_.emplace(Caller{*k_, *carrier_, task, begin_thread(*k_, *carrier_, task)});
        allocate(*caller_, task, &port_);
    }

    // A caller that acts for the member's task, from here.
    Caller as(const Member& member) { return {*k_, *carrier_, member.task, caller_->thread}; }

    Member make_member() {
        Member member;
        member.process = add_process(*k_, *carrier_, 1, 0, 0);
        member.task = create_task(*k_, *carrier_, member.process, {}, "member");
        EXPECT_TRUE(member.task) << runtime::detail();
        Caller as_member = as(member);
        EXPECT_EQ(allocate(as_member, member.task, &member.own_port), KERN_SUCCESS);
        member.its_port = next_name_++;
        EXPECT_EQ(insert_send(as_member, caller_->task, member.own_port, member.its_port), KERN_SUCCESS);
        EXPECT_EQ(insert_send(*caller_, member.task, port_, there), KERN_SUCCESS);
        return member;
    }

    // Runs `body` in a process of the member's own, which ends when it returns.
    pid_t spawn(const Member& member, const std::function<void(Caller&)>& body) {
        runtime::Segment& segment = k_->machine().segment();
        const int descriptor = segment.descriptor();
        const int memory = k_->pool().descriptor();
        const std::size_t bytes = segment.bytes();
        const pid_t child = fork();
        if (child != 0) return child;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        auto mapped = runtime::Segment::attach(runtime::SegmentKind::anonymous,
                                               runtime::Descriptor(dup(descriptor)), bytes);
        if (!mapped.ok()) _exit(2);
        auto joined = Kernel::join(std::move(mapped).value(), runtime::Descriptor{}, runtime::Descriptor(dup(memory)));
        const std::uint32_t slot = joined.ok() ? joined.value().machine().claim_carrier() : 0;
        if (slot == 0) _exit(3);
        Kernel& k = joined.value();
        runtime::Carrier carrier(k.machine().carrier(slot), slot);
        k.machine().doorbells().prepare(carrier.record().doorbell, slot);
        carrier.record().process.put(member.process);
        Caller caller{k, carrier, member.task, begin_thread(k, carrier, member.task)};
        body(caller);
        _exit(0);
    }

    // What the keeper does once a process has ended.
    void bury(const Member& member) {
        for (std::uint32_t slot = 1; slot < k_->machine().carriers(); ++slot) {
            runtime::CarrierRecord& record = k_->machine().carrier(slot);
            if (record.life.load() != 0 && record.process.get() == member.process)
                record.life.store(FUTEX_OWNER_DIED | FUTEX_WAITERS);
        }
        end_process(*k_, *carrier_, member.process);
        deallocate(*caller_, caller_->task, member.its_port);
    }

    // Puts a message with rights of every kind into the member's port.
    void send_rights_to(const Member& member) {
        port_name_t fresh = 0;
        allocate(*caller_, caller_->task, &fresh);
        struct {
            msg_header_t header;
            msg_type_t all;
            port_t moved;
            msg_type_t copy;
            port_t copied;
            msg_type_t once;
            port_t made;
        } m{};
        m.header.msg_size = sizeof m;
        m.header.msg_remote_port = member.its_port;
        m.all = {MSG_TYPE_PORT_ALL, 32, 1, 1, 0, 1, 0};
        m.copy = {MSG_TYPE_PORT, 32, 1, 1, 0, 0, 0};
        m.once = {MSG_TYPE_MAKE_SEND_ONCE, 32, 1, 1, 0, 0, 0};
        m.moved = fresh;
        m.copied = m.made = port_;
        EXPECT_EQ(send(*caller_, &m.header, SEND_TIMEOUT, 0), SEND_SUCCESS) << runtime::detail();
    }

    void receive_all(port_name_t name) {
        std::array<char, 1024> text{};
        auto* header = reinterpret_cast<msg_header_t*>(text.data());
        do {
            header->msg_size = text.size();
            header->msg_local_port = name;
        } while (receive(*caller_, header, RCV_TIMEOUT, 0) == RCV_SUCCESS);
    }

    // Receives everything that was sent here and drops every right that came with it.
    void take_what_came() {
        receive_all(port_);
        std::vector<NameAndType> all;
        names(*caller_, caller_->task, &all);
        for (const NameAndType& one : all)
            if (one.name != port_ && one.name != self_name(*caller_) && one.name != notify_name(*caller_))
                deallocate(*caller_, caller_->task, one.name);
        receive_all(port_);
        receive_all(notify_name(*caller_));
    }

    void check(const std::string& when) {
        const Audit found = audit(*k_, *carrier_);
        for (const std::string& violation : found.violations) ADD_FAILURE() << when << ": " << violation;
    }

    Counts counts() {
        Counts in_use{};
        for (std::uint32_t i = 0; i < zones; ++i)
            in_use[i] = k_->zone(i).fresh() - 1 - k_->zone(i).on_free_list();
        for (const Field<Pair>& stock : k_->header().stock) in_use[zone_regions] -= stock.get().second;
        for (std::uint32_t i = 0; i < runtime::most_stocks; ++i)
            in_use[i] -= carrier_->record().stock[i].get().second;
        if (const auto spare = static_cast<std::uint32_t>(carrier_->record().in_hand.get()); spare != 0)
            --in_use[zone_messages + Kernel::message_class(spare)];
        return in_use;
    }

    std::optional<Kernel> k_;
    std::optional<runtime::Carrier> carrier_;
    std::optional<Caller> caller_;
    std::uint32_t process_ = 0;
    port_name_t port_ = 0;
    port_name_t next_name_ = 50'000;
};

}  // namespace umach::ports
