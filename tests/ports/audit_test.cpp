// SPDX-License-Identifier: BSL-1.0
// The audit finds nothing wrong in a host at work, and every kind of broken rule by its name.
#include "host_fixture.hpp"

#include "ports/queue.hpp"
#include "ports/space.hpp"

#include <poll.h>
#include <algorithm>

namespace umach::ports {
namespace {

class AuditOf : public HostFixture {
protected:
    AuditOf() : member_(make_member()) {}

    TaskRecord& task() { return k_->task(caller_->task.index); }
    std::uint32_t entry_of(port_name_t name) {
        return find_name(*k_, task(), static_cast<std::uint32_t>(name));
    }
    EntryRecord& record_of(port_name_t name) { return entry(*k_, task(), entry_of(name)); }
    std::uint32_t port_of(port_name_t name) { return record_of(name).port.get().index; }
    PortRecord& port(port_name_t name) { return k_->port(port_of(name)); }

    void send_simple(port_name_t to) {
        msg_header_t header{};
        header.msg_simple = 1;
        header.msg_size = sizeof header;
        header.msg_remote_port = to;
        ASSERT_EQ(send(*caller_, &header, SEND_TIMEOUT, 0), SEND_SUCCESS) << runtime::detail();
    }

    port_name_t make_set_with_port() {
        port_name_t set = 0;
        EXPECT_EQ(set_allocate(*caller_, caller_->task, &set), KERN_SUCCESS);
        EXPECT_EQ(set_add(*caller_, caller_->task, set, port_), KERN_SUCCESS);
        return set;
    }

    std::vector<std::string> violations() { return audit(*k_, *carrier_).violations; }

    // Expects a violation of that rule that names the record, after nothing was wrong before.
    void expect_found(const std::string& rule, const std::string& record) {
        const auto all = violations();
        const bool found = std::any_of(all.begin(), all.end(), [&](const std::string& text) {
            return text.starts_with(rule + ": ") && text.find(record) != std::string::npos;
        });
        EXPECT_TRUE(found) << "no violation of \"" << rule << "\" that names \"" << record << "\" among "
                           << all.size() << (all.empty() ? "" : ", the first: " + all.front());
    }

    static std::string number(const char* kind, std::uint32_t index) {
        return std::string(kind) + " " + std::to_string(index) + "/";
    }

    Member member_;
};

TEST_F(AuditOf, AHostAtWorkFindsNothing) {
    send_rights_to(member_);
    send_simple(member_.its_port);
    make_set_with_port();
    send_simple(port_);
    const Audit found = audit(*k_, *carrier_);
    EXPECT_EQ(found.violations, std::vector<std::string>{});
    EXPECT_EQ(found.tasks, 2u);
    EXPECT_EQ(found.messages, 3u);
    EXPECT_GE(found.ports, 6u);
    EXPECT_GE(found.rights, found.names + 3);
}

TEST_F(AuditOf, AHostWithDeadNamesAndKeptMessagesFindsNothing) {
    for (int i = 0; i < 8; ++i) send_simple(member_.its_port);
    msg_header_t header{};
    header.msg_simple = 1;
    header.msg_size = sizeof header;
    header.msg_remote_port = member_.its_port;
    ASSERT_EQ(send(*caller_, &header, SEND_NOTIFY, 0), SEND_WILL_NOTIFY);
    EXPECT_EQ(violations(), std::vector<std::string>{});
    end_task(*k_, *carrier_, member_.task);
    EXPECT_EQ(violations(), std::vector<std::string>{});
}

TEST_F(AuditOf, LooksLeaveEveryLockFree) {
    violations();
    EXPECT_FALSE(k_->host_lock().holder());
    for (std::uint32_t i = 1; i < k_->capacity(zone_tasks); ++i)
        EXPECT_FALSE(k_->task(i).lock.holder()) << "task " << i;
}

TEST_F(AuditOf, AMiscountedSendRightIsNamedWithItsPort) {
    port(member_.its_port).send_rights.put(7);
    expect_found("send rights", number("port", port_of(member_.its_port)));
}

TEST_F(AuditOf, AReceiveRightInNoPlaceIsNamed) {
    EntryRecord& e = record_of(port_);
    EntryBits bits = e.bits;
    bits.rights = static_cast<std::uint8_t>(bits.rights & ~right_receive);
    e.bits.put(bits);
    expect_found("receive rights", number("port", port_of(port_)));
    expect_found("counts", "receive rights");
}

TEST_F(AuditOf, AnOwnerThatIsElsewhereIsNamed) {
    port(port_).owner.put(Place::of(PlaceKind::task, member_.task.index, member_.task.generation));
    expect_found("ownership", "(fixture, pid " + std::to_string(getpid()) + ")");
}

TEST_F(AuditOf, AWrongQueueCountIsNamed) {
    send_simple(member_.its_port);
    PortRecord& record = port(member_.its_port);
    PortCounts counts = record.counts;
    counts.ordinary = 2;
    record.counts.put(counts);
    expect_found("queues", "ordinary queued messages");
}

TEST_F(AuditOf, AQueueThatIsARingIsNamed) {
    send_simple(member_.its_port);
    send_simple(member_.its_port);
    const Pair ends = port(member_.its_port).queue;
    k_->message(ends.second).links.put(Pair{ends.first, ends.first});
    expect_found("queues", "points back");
    k_->message(ends.first).links.put(Pair{ends.second, ends.second});
    expect_found("queues", "the queue of " + number("port", port_of(member_.its_port)));
}

TEST_F(AuditOf, AMessageInNoPlaceIsNamed) {
    send_simple(member_.its_port);
    const std::uint32_t message = port(member_.its_port).queue.get().first;
    port(member_.its_port).queue.put(Pair{});
    expect_found("messages", number("message", message));
}

TEST_F(AuditOf, ARecordThatIsBothFreeAndInUseIsNamed) {
    Field<Pair>& link = k_->port(port_of(port_)).link;
    link.put(Pair{k_->zone(zone_ports).free_head(), 0});
    k_->header().zone[zone_ports].free.put(Pair{port_of(port_), k_->zone(zone_ports).on_free_list() + 1});
    expect_found("zones",
                 "record " + std::to_string(port_of(port_)) + " of the zone of ports is in use and free");
}

TEST_F(AuditOf, ARecordThatIsNeitherFreeNorInUseIsNamed) {
    k_->header().zone[zone_threads].fresh.put(k_->zone(zone_threads).fresh() + 1);
    expect_found("zones", "is neither in use nor free");
}

TEST_F(AuditOf, ANameThatTheMapHasLostIsNamed) {
    const std::uint32_t lost = entry_of(port_);
    for (std::uint32_t i = 0; i < task().used_names.get(); ++i) {
        Field<Pair>& map = entry(*k_, task(), i).map;
        if (map.get().first == lost) map.put(Pair{0, map.get().second});
        if (map.get().second == lost) map.put(Pair{map.get().first, 0});
    }
    expect_found("maps", "name " + std::to_string(port_));
}

TEST_F(AuditOf, AMapThatIsARingIsNamed) {
    Field<Pair>& map = record_of(port_).map;
    map.put(Pair{map.get().first, entry_of(port_)});
    expect_found("maps", "leads twice, or astray");
}

TEST_F(AuditOf, AReadyPortThatItsSetDoesNotListIsNamed) {
    const port_name_t set = make_set_with_port();
    send_simple(port_);
    k_->set(record_of(set).port.get().index).ready.put(Pair{});
    expect_found("ready lists", number("port", port_of(port_)));
}

TEST_F(AuditOf, AMemberThatBelongsToNoSetIsNamed) {
    make_set_with_port();
    port(port_).set.put(SetRef{});
    expect_found("port sets", number("port", port_of(port_)));
}

TEST_F(AuditOf, AThreadThatWaitsInNoListIsNamed) {
    ThreadRecord& thread = k_->thread(caller_->thread.index);
    thread.wait.put(Wait{9, WaitKind::receive, WaitState::waiting, 0});
    thread.wait_at.put(record_of(port_).port);
    expect_found("waits", number("thread", caller_->thread.index));
}

TEST_F(AuditOf, AListOfThreadsThatIsARingIsNamed) {
    const std::uint32_t own = caller_->thread.index;
    Field<Pair>& links = k_->thread(own).siblings;
    const Pair before = links;
    links.put({before.first, own});
    expect_found("threads", "the list of threads of task " + std::to_string(caller_->task.index));
    links.put(before);
}

TEST_F(AuditOf, ANoticeThatStandsNowhereIsNamed) {
    end_task(*k_, *carrier_, member_.task);
    EntryRecord& e = record_of(member_.its_port);
    ASSERT_NE(e.bits.get().flags & entry_noticed, 0);
    port(notify_name(*caller_)).notices.put(Pair{});
    expect_found("notices", "name " + std::to_string(member_.its_port));
}

TEST_F(AuditOf, ALostFreeNameIsNamed) {
    port_name_t name = 0;
    ASSERT_EQ(allocate(*caller_, caller_->task, &name), KERN_SUCCESS);
    ASSERT_EQ(deallocate(*caller_, caller_->task, name), KERN_SUCCESS);
    task().free_names.put(Pair{});
    expect_found("free names", "(fixture, pid ");
}

TEST_F(AuditOf, ALineThatNobodyMovesUpIsNamed) {
    for (int i = 0; i < 8; ++i) send_simple(member_.its_port);
    msg_header_t header{};
    header.msg_simple = 1;
    header.msg_size = sizeof header;
    header.msg_remote_port = member_.its_port;
    ASSERT_EQ(send(*caller_, &header, SEND_NOTIFY, 0), SEND_WILL_NOTIFY);
    PortRecord& record = port(member_.its_port);
    k_->step(*carrier_, [&](KernelStep& s) {
        s.lock(member_.task);
        const std::uint32_t head = record.queue.get().first;
        dequeue(s, port_of(member_.its_port), head);
        set_state(s, k_->message(head), MessageState::prep);
        s.set(s.mine().in_hand, head);
        return s.keep(0);
    });
    expect_found("debts", "the line of " + number("port", port_of(member_.its_port)));
}

TEST_F(AuditOf, ADeadCarriersHalfStepIsTakenBackBeforeItIsJudged) {
    const pid_t child = spawn(member_, [&](Caller& caller) {
        caller.k.step(caller.carrier, [&](KernelStep& s) {
            s.lock(caller.task);
            s.set(caller.k.task(caller.task.index).names, 999);
            _exit(0);
            return s.keep(0);
        });
    });
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(violations(), std::vector<std::string>{});
    EXPECT_NE(k_->task(member_.task.index).names.get(), 999u);
    EXPECT_FALSE(k_->task(member_.task.index).lock.holder());
}

TEST_F(AuditOf, AHostWhoseMembersSendAllTheWhileFindsNothing) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = spawn(member_, [&](Caller& caller) {
        msg_header_t header{};
        for (int i = 0; i < 1'000'000; ++i) {
            if (i == 1 && write(ready[1], "", 1) != 1) _exit(4);
            header = {};
            header.msg_simple = 1;
            header.msg_size = sizeof header;
            header.msg_remote_port = member_.own_port;
            send(caller, &header, SEND_TIMEOUT, 0);
            header.msg_size = sizeof header;
            header.msg_local_port = member_.own_port;
            receive(caller, &header, RCV_TIMEOUT, 0);
        }
    });
    pollfd wait{ready[0], POLLIN, 0};
    ASSERT_EQ(poll(&wait, 1, 10'000), 1);
    for (int i = 0; i < 20; ++i) check("look " + std::to_string(i));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    check("after the kill");
    bury(member_);
    check("after the burial");
    close(ready[0]);
    close(ready[1]);
}

}  // namespace
}  // namespace umach::ports
