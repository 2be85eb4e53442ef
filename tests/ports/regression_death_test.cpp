// SPDX-License-Identifier: BSL-1.0
// Bugs that were found in how ports, tasks and processes die, and must not come back: whoever comes after a
// process that was killed in the middle of a call gets on, and nothing of a dying task or port is taken for
// something else.
#include "regression_fixture.hpp"

#include "ports/queue.hpp"

#include <vector>

namespace umach::ports {
namespace {

class DyingPorts : public RegressionFixture {
protected:
    // How many ports the port lies below, by being their backup's.
    std::uint32_t depth_of(PortRef port) {
        std::uint32_t depth = 0;
        if (k_->ref_of_port(port.index) != port) return 0;
        Place place = k_->port(port.index).receiver;
        for (; place.kind == PlaceKind::port && depth < 100; ++depth) place = k_->port(place.index).receiver;
        return depth;
    }

    // That many ports, each the backup of the one before it; the task has a send right to the first.
    std::vector<port_name_t> chain(int length) {
        std::vector<port_name_t> ports{new_port_with_send()};
        while (static_cast<int>(ports.size()) < length) {
            const port_name_t next = new_port();
            port_name_t previous = PORT_NULL;
            EXPECT_EQ(set_backup(*caller_, caller_->task, ports.back(), next, &previous), KERN_SUCCESS);
            ports.push_back(next);
        }
        return ports;
    }
};

TEST_F(DyingPorts, AChainOfSixtyBackupsStaysWithinTheNestAndASendToTheFirstReturns) {
    const std::vector<port_name_t> ports = chain(60);
    const PortRef first = port_of(ports[0]);
    ASSERT_EQ(release(*caller_, caller_->task, ports[0], PORT_TYPE_RECEIVE), KERN_SUCCESS);
    std::uint32_t deepest = depth_of(first);
    for (std::size_t i = 1; i < 50; ++i) {
        drop(ports[i]);
        deepest = std::max(deepest, depth_of(first));
    }
    EXPECT_GT(deepest, 1u);
    EXPECT_LE(deepest, deepest_nest);
    const msg_return_t code = post(Letter(ports[0]));
    EXPECT_TRUE(code == SEND_SUCCESS || code == SEND_INVALID_PORT) << code;
}

TEST_F(DyingPorts, AChainOfBackupsWithinTheNestKeepsItsFirstPortAlive) {
    const std::vector<port_name_t> ports = chain(5);
    ASSERT_EQ(release(*caller_, caller_->task, ports[0], PORT_TYPE_RECEIVE), KERN_SUCCESS);
    for (std::size_t i = 1; i < 4; ++i) drop(ports[i]);
    EXPECT_EQ(post(Letter(ports[0])), SEND_SUCCESS) << runtime::detail();
}

// ---- somebody dies in the middle --------------------------------------------------------------------------

class AfterAKill : public RegressionFixture {
protected:
    static std::function<void(Caller&)> dismantling(const Member& ending) {
        return [task = ending.task](Caller& caller) { end_task(caller.k, caller.carrier, task); };
    }

    // A member's process dies with the lock of a task that was never there before.
    Member die_making_a_task() {
        const Member maker = make_member();
        const std::uint32_t next = k_->zone(zone_tasks).fresh();
        const auto is_locked = [&] { return static_cast<bool>(k_->task(next).lock.holder()); };
        kill_where(maker, is_locked, [&](Caller& caller) {
            create_task(caller.k, caller.carrier, maker.process, {}, "unborn");
        });
        return maker;
    }

    // The member's process has two carriers: the first does `before`, the second dies in the step that moves
    // the member's port.
    void die_moving(const Member& mover, const std::function<void(Caller&)>& before) {
        const PortRef port = port_of(mover.task, mover.own_port);
        const auto is_moving = [&] {
            return !has_committed(mover) && k_->port(port.index).receiver.get().kind == PlaceKind::message;
        };
        kill_where(mover, is_moving, [&](Caller& first) {
            before(first);
            const std::uint32_t slot = first.k.machine().claim_carrier();
            runtime::Carrier carrier(first.k.machine().carrier(slot), slot);
            carrier.record().process.put(mover.process);
            Caller second{first.k, carrier, first.task, begin_thread(first.k, carrier, first.task)};
            post_as(second, Letter(there).with(MSG_TYPE_PORT_ALL, mover.own_port));
        });
    }

    port_name_t name_of_task(const Member& member) {
        Caller as_member = as(member);
        const port_name_t name = next_name_++;
        EXPECT_EQ(insert_send(as_member, caller_->task, self_name(as_member), name), KERN_SUCCESS);
        return name;
    }
};

TEST_F(AfterAKill, TheEndOfATaskGoesOnWhereItsFirstRunnerDiedReturningTheSpace) {
    const Member keeper = make_member();
    const Member ending = make_member();
    Caller as_ending = as(ending);
    for (int i = 0; i < 5; ++i) {
        port_name_t name = PORT_NULL;
        ASSERT_EQ(allocate(as_ending, ending.task, &name), KERN_SUCCESS);
    }
    const auto page = static_cast<std::uint32_t>(k_->task(ending.task.index).pages[0].get());
    const auto returns_space = [&] { return has_committed(keeper) && k_->page(page).chunks[0].get() == 0; };
    kill_where(keeper, returns_space, dismantling(ending));
    bury(keeper);
    EXPECT_EQ(k_->ref_of_task(ending.task.index), ending.task) << "it was to be found half dismantled";
    bury(ending);
    EXPECT_NE(k_->ref_of_task(ending.task.index), ending.task);
}

TEST_F(AfterAKill, TheNameOfADyingTaskStandsForNoTask) {
    const Member keeper = make_member();
    const Member ending = make_member();
    const port_name_t name = name_of_task(ending);
    ASSERT_EQ(task_of_name(*caller_, name), ending.task);
    PortRecord& kernel_port = k_->port(k_->task(ending.task.index).special[special_kernel].get().index);
    // The search for names of the dying port has begun: it counts tasks where the port's own task stood.
    const auto counts_tasks = [&] {
        return has_committed(keeper) && kernel_port.identity.get().detail != 0 &&
               kernel_port.object.get() != ending.task.index;
    };
    kill_where(keeper, counts_tasks, dismantling(ending));
    EXPECT_FALSE(task_of_name(*caller_, name)) << "task " << task_of_name(*caller_, name).index;
    bury(keeper);
    bury(ending);
    EXPECT_FALSE(task_of_name(*caller_, name));
}

TEST_F(AfterAKill, ATaskIsMadeThoughACarrierDiedMakingOne) {
    bury(die_making_a_task());
    const Member made = make_member();
    EXPECT_TRUE(made.task);
    bury(made);
}

TEST_F(AfterAKill, ATaskIsMadeBeforeACarrierThatDiedMakingOneIsBuried) {
    const Member maker = die_making_a_task();
    const Member made = make_member();
    EXPECT_TRUE(made.task);
    bury(maker);
    bury(made);
}

TEST_F(AfterAKill, ASenderToAPortWhoseMoverDiedInMidStepGetsOn) {
    const Member mover = make_member();
    die_moving(mover, [](Caller&) {});
    EXPECT_EQ(post(Letter(mover.its_port)), SEND_SUCCESS) << runtime::detail();
    EXPECT_EQ(k_->port(port_of(mover.task, mover.own_port).index).receiver.get().kind, PlaceKind::task);
    bury(mover);
}

TEST_F(AfterAKill, AProcessIsBuriedThoughOneCarrierOwesAnAdmissionAtAPortThatAnotherDiedMoving) {
    const Member mover = make_member();
    Caller as_mover = as(mover);
    ASSERT_EQ(set_backlog(as_mover, mover.task, mover.own_port, 1), KERN_SUCCESS);
    ASSERT_EQ(post(Letter(mover.its_port)), SEND_SUCCESS);
    ASSERT_EQ(post(Letter(mover.its_port), SEND_NOTIFY), SEND_WILL_NOTIFY);
    const PortRef port = port_of(mover.task, mover.own_port);
    die_moving(mover, [port](Caller& caller) {
        caller.k.step(caller.carrier, [&](KernelStep& s) {
            s.lock(caller.task);
            PortCounts counts = s.k.port(port.index).counts;
            counts.backlog = 2;
            s.set(s.k.port(port.index).counts, counts);
            owe_admission(s, port.index);
            return s.keep(0);
        });
    });
    bury(mover);
}

// ---- somebody is stopped between being woken and looking --------------------------------------------------

class StoppedWhileItWaits : public RegressionFixture {
protected:
    // Starts a process of the member's whose call blocks, and stops it there.
    // expected: what the call is to return
    pid_t start_and_stop(const Member& member, msg_return_t expected,
                         const std::function<msg_return_t(Caller&)>& call) {
        const pid_t child = spawn(member, [&](Caller& caller) { if (call(caller) != expected) _exit(1); });
        while (!waits(member)) {
            kill(child, SIGCONT);
            sched_yield();
            kill(child, SIGSTOP);
            int status = 0;
            EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
            if (!WIFSTOPPED(status)) return ADD_FAILURE() << "it did not block", child;
        }
        return child;
    }

    // Lets the process go on to its end.
    static void go_on(pid_t child) {
        kill(child, SIGCONT);
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
    }

    // A client that calls with a buffer too small for the answer, and whose reply port goes away in between.
    template <class Lose>
    void answer_a_call_whose_reply_port_is_lost(Lose lose) {
        const Member client = make_member();
        const pid_t child = start_and_stop(client, RCV_TOO_LARGE, [&](Caller& caller) {
            Letter letter(there);
            letter.header()->msg_local_port = client.own_port;
            return rpc(caller, letter.header(), MSG_OPTION_NONE, sizeof(msg_header_t), 0, 0);
        });
        Letter got(PORT_NULL);
        ASSERT_EQ(fetch(port_, &got), RCV_SUCCESS);
        const port_name_t reply = got.header()->msg_remote_port;
        ASSERT_EQ(post(Letter(reply).with(MSG_TYPE_PORT, port_)), SEND_SUCCESS) << runtime::detail();
        lose(client);
        go_on(child);
        check("after the call");
        bury(client);
    }

private:
    // Whether the member's thread waits, between two steps: a step has its locks a little longer than its log.
    bool waits(const Member& member) {
        const std::uint32_t thread = k_->task(member.task.index).thread_list.get().first;
        const bool has_locks = k_->host_lock().holder() || k_->task(member.task.index).lock.holder() ||
                               task().lock.holder();
        return thread != 0 && is_blocked(*k_, thread) && has_committed(member) && !has_locks;
    }
};

TEST_F(StoppedWhileItWaits, AReceiverThatHearsLateThatThePortHasMovedLeavesItsNewReceiverAlone) {
    const Member first = make_member();
    const pid_t child = start_and_stop(first, RCV_INVALID_PORT, [&](Caller& caller) {
        Letter got = Letter::from(first.own_port);
        return receive(caller, got.header(), MSG_OPTION_NONE, 0);
    });
    Caller as_first = as(first);
    ASSERT_EQ(post_as(as_first, Letter(there).with(MSG_TYPE_PORT_ALL, first.own_port)), SEND_SUCCESS);
    Letter got(PORT_NULL);
    ASSERT_EQ(fetch(port_, &got), RCV_SUCCESS);
    ASSERT_EQ(got.name(0), first.its_port);
    Receiver second(*caller_, first.its_port);
    go_on(child);
    EXPECT_EQ(post(Letter(first.its_port)), SEND_SUCCESS);
    EXPECT_EQ(second.result(), RCV_SUCCESS);
    bury(first);
}

TEST_F(RegressionFixture, ATaskThatWasMadeForTheHostByOneWhoDiedIsTheHosts) {
    const TaskRef left = create_task(*k_, *carrier_, ProcessRef{}, {}, "host");
    const Counts before = counts();
    const PortRef port = host_port(*k_, *carrier_);
    ASSERT_TRUE(port);
    EXPECT_EQ(k_->port(port.index).receiver.get(), Place::of(PlaceKind::task, left.index, left.generation));
    EXPECT_EQ(counts()[zone_tasks], before[zone_tasks]);
    EXPECT_EQ(host_port(*k_, *carrier_), port);
}

TEST_F(StoppedWhileItWaits, AnAnswerTooLargeIsNotLeftAtAReplyPortThatIsGone) {
    answer_a_call_whose_reply_port_is_lost([&](const Member& client) {
        Caller as_client = as(client);
        ASSERT_EQ(deallocate(as_client, client.task, client.own_port), KERN_SUCCESS);
    });
}

TEST_F(StoppedWhileItWaits, AnAnswerTooLargeIsNotLeftAtAReplyPortThatIsAnothers) {
    answer_a_call_whose_reply_port_is_lost([&](const Member& client) {
        Caller as_client = as(client);
        ASSERT_EQ(post_as(as_client, Letter(there).with(MSG_TYPE_PORT_ALL, client.own_port)), SEND_SUCCESS);
        Letter got(PORT_NULL);
        ASSERT_EQ(fetch(port_, &got), RCV_SUCCESS);
        ASSERT_EQ(fetch(got.name(0), &got), RCV_TIMED_OUT);
    });
}

}  // namespace
}  // namespace umach::ports
