// SPDX-License-Identifier: BSL-1.0
// What is explored: two or three members who get into each other's way.
#include "ports/thread_calls.hpp"
#include "runtime/nap.hpp"
#include "tests/explore/host.hpp"

namespace umach::explore {
namespace {

Letter bare(port_name_t to) { return Letter(to); }

Act sends(std::size_t to, msg_id_t number, msg_option_t options = SEND_TIMEOUT, msg_timeout_t timeout = 0) {
    return [=](Host& host, Member& self) { host.post(self, number, bare(Host::to(to)), options, timeout); };
}

Act receives(int times = 1) {
    return [=](Host& host, Member& self) {
        for (int i = 0; i < times; ++i)
            if (host.fetch(self, self.own) != RCV_SUCCESS) return;
    };
}

Act ends_own_port() {
    return [](Host&, Member& self) { deallocate(self, self.task(), self.own); };
}

Act both(const Act& first, const Act& second) {
    return [=](Host& host, Member& self) {
        first(host, self);
        second(host, self);
    };
}

// Fills a member's queue from the keeper, with the numbers from 1000 on.
void fill(Host& host, std::size_t member) {
    for (msg_id_t number = 1000; number < 1008; ++number) host.post(host.keeper(), number, bare(Host::to(member)));
}

// Whoever waits at a member's port gets one message a waiter, from the keeper.
std::function<void(Host&)> send_endings(std::size_t to, int messages = 2) {
    return [=](Host& host) {
        const auto first = static_cast<msg_id_t>(2000 + 10 * to);
        for (msg_id_t number = first; number < first + messages; ++number) host.post(host.keeper(), number, bare(Host::to(to)));
    };
}

std::string expect(bool holds, const char* what) { return holds ? "" : what; }

// Member 0's call of member 1.
std::string call_ended(Host& host, int code) {
    const int result = host.result(0);
    if (!host.lives(0) || result == code) return "";
    const bool because_it_died = result == MIG_SERVER_DIED || result == SEND_INVALID_PORT;
    return expect(!host.lives(1) && because_it_died, "the caller was told something else");
}
std::string call_was_answered(Host& host) { return call_ended(host, RPC_SUCCESS); }
std::string call_was_dropped(Host& host) { return call_ended(host, MIG_SERVER_DIED); }

// Member 0's message 1 for member 1.
std::string notified_if_kept(Host& host) {
    if (!host.lives(0)) return "";
    const int told = host.notices(host.member(0), NOTIFY_MSG_ACCEPTED), kept = host.code(1) == SEND_WILL_NOTIFY ? 1 : 0;
    return expect(host.lives(1) ? told == kept : told <= kept, "not each kept message was notified of, once");
}

void call(Host& host, Member& self, std::size_t server, msg_id_t number) {
    Letter letter = bare(Host::to(server));
    letter.header()->msg_id = number;
    letter.header()->msg_local_port = self.own;
    host.notes_sent(number, in_flight, server);
    host.expects(number + 1, self);
    const msg_return_t code = rpc(self, letter.header(), MSG_OPTION_NONE, Letter::most_bytes, 0, 0);
    if (code == RPC_SUCCESS || code == MIG_SERVER_DIED) host.notes_sent(number, SEND_SUCCESS, server);
    if (code == RPC_SUCCESS) host.notes_got(letter.header()->msg_id);
    host.put_result(0, code);
}

void serve_one(Host& host, Member& self) {
    Letter got = Letter::from(self.own);
    if (host.fetch(self, self.own, MSG_OPTION_NONE, 0, &got) != RCV_SUCCESS) return;
    if (got.header()->msg_remote_port == PORT_NULL) return;   // it was no call
    host.post(self, got.header()->msg_id + 1, bare(got.header()->msg_remote_port));
}

void drop_one(Host& host, Member& self) {
    Letter got = Letter::from(self.own);
    if (host.fetch(self, self.own, MSG_OPTION_NONE, 0, &got) != RCV_SUCCESS) return;
    deallocate(self, self.task(), got.header()->msg_remote_port);
}

void abort_of(Host& host, Member& by, std::size_t whom) {
    by.caller->step([&](KernelStep& s) {
        if (!s.lock(host.member(whom).task())) return s.undo(0);
        abort_wait(s, host.member(whom).caller->thread.index);
        return s.keep(0);
    });
}

void own_extra(Host& host, std::size_t member) {
    Member& who = host.member(member);
    allocate(who, who.task(), &who.extra);
}

void own_set(Host& host, std::size_t member) {
    Member& who = host.member(member);
    set_allocate(who, who.task(), &who.extra);
    set_add(who, who.task(), who.extra, who.own);
}

std::vector<Scene> scenes_of_sending() {
    return {
        {"OneSendsAndOneReceives", {sends(1, 1), receives()}, {}, send_endings(1)},
        {"TwoSendToOneThatReceives", {sends(2, 1), sends(2, 2), receives(2)}, {}, send_endings(2)},
        {"EachSendsToTheOther", {sends(1, 1), sends(0, 2)}},
        {"TwoReceiversAndOneMessage", {receives(), receives(), sends(0, 1)}, {}, [](Host& host) {
             send_endings(0, 1)(host);
             send_endings(1, 1)(host);
         }},
        {"ThreeSendToOneThatReceives", {sends(3, 1), sends(3, 2), sends(3, 3), receives(3)}, {}, send_endings(3, 3)},
    };
}

std::vector<Scene> scenes_of_waiting() {
    return {
        {"ASenderWaitsForRoomAndTheReceiverMakesSome", {sends(1, 1, MSG_OPTION_NONE), receives()},
         [](Host& host) { fill(host, 1); }, [](Host& host) { host.fetch(host.member(1), host.member(1).own); }},
        {"TwoSendersWaitForRoom", {sends(2, 1, MSG_OPTION_NONE), sends(2, 2, MSG_OPTION_NONE), receives(2)},
         [](Host& host) { fill(host, 2); },
         [](Host& host) { for (int i = 0; i < 4; ++i) host.fetch(host.member(2), host.member(2).own, RCV_TIMEOUT); }},
        {"ASenderGivesUpWhileRoomIsMade", {sends(1, 1, SEND_TIMEOUT, 50), receives()}, [](Host& host) { fill(host, 1); }},
        {"AMessageIsKeptWhileRoomIsMade", {sends(1, 1, SEND_NOTIFY), receives()}, [](Host& host) { fill(host, 1); },
         {}, notified_if_kept},
        {"ABacklogGrowsWhileASenderWaits",
         {sends(1, 1, MSG_OPTION_NONE), [](Host&, Member& self) { set_backlog(self, self.task(), self.own, 9); }},
         [](Host& host) { fill(host, 1); }, [](Host& host) { host.fetch(host.member(1), host.member(1).own, RCV_TIMEOUT); }},
        {"AKeptMessageIsWaitedForByItsReceiver", {both(sends(1, 1, SEND_NOTIFY), sends(1, 2)), receives(3)},
         [](Host& host) { fill(host, 1); }, {}, notified_if_kept},
        {"ACallWaitsForRoomAndIsAnswered",
         {[](Host& host, Member& self) { call(host, self, 1, 10); }, both(receives(8), serve_one)},
         [](Host& host) { fill(host, 1); }, send_endings(1), call_was_answered},
        {"AReceiverGivesUpWhileSomebodySends",
         {sends(1, 1), [](Host& host, Member& self) { host.fetch(self, self.own, RCV_TIMEOUT, 50); }}},
        {"AReceiverIsAbortedWhileSomebodySends",
         {sends(1, 1), [](Host& host, Member& self) { host.fetch(self, self.own); },
          [](Host& host, Member& self) { abort_of(host, self, 1); }}, {}, send_endings(1)},
        {"ASenderIsAbortedWhileRoomIsMade",
         {sends(1, 1, MSG_OPTION_NONE), receives(), [](Host& host, Member& self) { abort_of(host, self, 0); }},
         [](Host& host) { fill(host, 1); }},
    };
}

std::vector<Scene> scenes_of_calling() {
    return {
        {"ACallIsAnswered", {[](Host& host, Member& self) { call(host, self, 1, 10); }, serve_one}, {}, send_endings(1, 1),
         call_was_answered},
        {"ACallIsDropped", {[](Host& host, Member& self) { call(host, self, 1, 10); }, drop_one}, {}, send_endings(1, 1),
         call_was_dropped},
        {"ACallMeetsThePortsEnd", {[](Host& host, Member& self) { call(host, self, 1, 10); }, ends_own_port()}, {}, {},
         [](Host& host) {
             return expect(!host.lives(0) || host.result(0) != RPC_SUCCESS, "nobody answered, but somebody was");
         }, Loss::with_a_port},
        {"TwoCallOneThatServesOne",
         {[](Host& host, Member& self) { call(host, self, 2, 10); }, [](Host& host, Member& self) { call(host, self, 2, 20); },
          both(serve_one, ends_own_port())}, {}, send_endings(2, 1), {}, Loss::with_a_port},
    };
}

std::vector<Scene> scenes_of_moving() {
    return {
        {"RightsCrossEachOther",
         {[](Host& host, Member& self) { host.post(self, 1, bare(Host::to(1)).with(MSG_TYPE_PORT, self.own)); },
          [](Host& host, Member& self) { host.post(self, 2, bare(Host::to(0)).with(MSG_TYPE_PORT, self.own)); }}},
        {"AReceiveRightMovesWhileSomebodySendsToIt",
         {[](Host& host, Member& self) { host.post(self, 1, bare(Host::to(1)).with(MSG_TYPE_PORT_ALL, self.extra, true)); },
          receives(), [](Host& host, Member& self) { host.post(self, 3, bare(self.extra)); }},
         [](Host& host) {
             own_extra(host, 0);
             host.introduce(host.member(0), host.member(0).extra, host.member(2), 500);
             host.member(2).extra = 500;
         }, send_endings(1)},
        {"TwoReceiveRightsMoveIntoEachOther",
         {[](Host& host, Member& self) { host.post(self, 1, bare(Host::to(1)).with(MSG_TYPE_PORT_ALL, self.own, true)); },
          [](Host& host, Member& self) { host.post(self, 2, bare(Host::to(0)).with(MSG_TYPE_PORT_ALL, self.own, true)); }},
         {}, {}, {}, Loss::with_a_port},
        {"AReceiveRightMovesWhileItsReceiverWaits",
         {[](Host& host, Member& self) { host.put_result(0, host.fetch(self, self.own)); },
          [](Host& host, Member&) {
              port_name_t moved = 0;
              extract_receive(host.member(1), host.member(0).task(), host.member(0).own, &moved);
              host.put_result(1, moved);
          }},
         {}, send_endings(0), [](Host& host) {
             const bool told = host.result(0) == RCV_INVALID_PORT;
             return expect(!host.lives(0) || host.result(1) == 0 || told, "who received from what moved was not told");
         }},
        {"TwoTakeTheSameReceiveRight",
         {[](Host& host, Member& self) { host.put_result(0, extract_receive(self, host.member(2).task(), host.member(2).own, &self.extra)); },
          [](Host& host, Member& self) { host.put_result(1, extract_receive(self, host.member(2).task(), host.member(2).own, &self.extra)); },
          [](Host&, Member&) {}},
         {}, {}, [](Host& host) {
             int takers = 0;
             for (const std::size_t who : {0u, 1u}) takers += host.lives(who) && host.result(who) == KERN_SUCCESS ? 1 : 0;
             return expect(host.all_live() ? takers == 1 : takers <= 1, "it was not taken by one");
         }},
        {"APortIsRenamedWhileSomebodySendsToIt",
         {sends(1, 1), [](Host& host, Member& self) {
              rename(self, self.task(), self.own, 777);
              host.fetch(self, 777);
          }}, {}, [](Host& host) { host.post(host.keeper(), 2000, bare(Host::to(1))); }},
        {"AFullPortMovesWhileItsSenderWaits",
         {sends(1, 1, MSG_OPTION_NONE),
          [](Host& host, Member& self) { host.post(self, 2, bare(Host::to(2)).with(MSG_TYPE_PORT_ALL, self.own, true)); }, [](Host&, Member&) {}},
         [](Host& host) { fill(host, 1); },
         [](Host& host) {
             Letter got = Letter::from(host.member(2).own);
             if (host.fetch(host.member(2), host.member(2).own, RCV_TIMEOUT, 0, &got) != RCV_SUCCESS) return;
             host.fetch(host.member(2), got.name(0), RCV_TIMEOUT);
         }, {}, Loss::with_anybody},
    };
}

std::vector<Scene> scenes_of_sets() {
    return {
        {"ASetsReceiverMeetsASender",
         {sends(1, 1), [](Host& host, Member& self) { host.fetch(self, self.extra); }}, [](Host& host) { own_set(host, 1); },
         send_endings(1)},
        {"APortJoinsASetWhileSomebodySendsToIt",
         {sends(1, 1), [](Host& host, Member& self) {
              set_add(self, self.task(), self.extra, self.own);
              host.fetch(self, self.extra);
          }},
         [](Host& host) { set_allocate(host.member(1), host.member(1).task(), &host.member(1).extra); }, send_endings(1)},
        {"APortLeavesASetWhileItsReceiverWaits",
         {[](Host& host, Member& self) { host.fetch(self, self.extra, RCV_TIMEOUT, 50); },
          [](Host& host, Member&) { set_remove(host.member(1), host.member(0).task(), host.member(0).own); }, sends(0, 1)},
         [](Host& host) { own_set(host, 0); }},
        {"ASetEndsWhileItsReceiverWaits",
         {[](Host& host, Member& self) { host.put_result(0, host.fetch(self, self.extra)); },
          [](Host& host, Member&) { set_deallocate(host.member(1), host.member(0).task(), host.member(0).extra); }, sends(0, 1)},
         [](Host& host) { own_set(host, 0); }, send_endings(0), [](Host& host) {
             return expect(host.result(0) == RCV_SUCCESS || host.result(0) == RCV_INVALID_PORT, "the receiver was told something else");
         }},
    };
}

std::vector<Scene> scenes_of_ports_that_end() {
    return {
        {"ARightIsSentWhileItsPortEnds",
         {[](Host& host, Member& self) { host.post(self, 1, bare(Host::to(1)).with(MSG_TYPE_PORT, Host::to(2))); }, receives(), ends_own_port()},
         {}, send_endings(1)},
        {"APortEndsWhileSomebodySendsToIt", {sends(1, 1), ends_own_port()}, {}, {}, {}, Loss::with_a_port},
        {"APortEndsWhileASenderWaits", {sends(1, 1, MSG_OPTION_NONE), ends_own_port()}, [](Host& host) { fill(host, 1); },
         {}, {}, Loss::with_a_port},
        {"APortEndsWhileItsReceiverWaits",
         {[](Host& host, Member& self) { host.put_result(0, host.fetch(self, self.own)); },
          [](Host& host, Member&) { deallocate(host.member(1), host.member(0).task(), host.member(0).own); }},
         {}, send_endings(0), [](Host& host) {
             const bool told = host.result(0) == RCV_INVALID_PORT, got = host.result(0) == RCV_SUCCESS && !host.lives(1);
             return expect(!host.lives(0) || told || got, "the receiver was not told");
         }, Loss::with_a_port},
        {"TheLastTwoSendRightsAreGivenUp",
         {[](Host&, Member& self) { deallocate(self, self.task(), self.extra); }, [](Host&, Member&) {},
          [](Host&, Member& self) { deallocate(self, self.task(), self.extra); }},
         [](Host& host) {
             own_extra(host, 1);
             Member& receiver = host.member(1);
             port_name_t previous = 0;
             request_notification(receiver, receiver.task(), receiver.extra, NOTIFY_NO_MORE_SENDERS, notify_name(receiver), &previous);
             for (const std::size_t who : {0u, 2u}) {
                 host.introduce(receiver, receiver.extra, host.member(who), 500);
                 host.member(who).extra = 500;
             }
         }, {}, [](Host& host) {
             const bool once = host.notices(host.member(1), NOTIFY_NO_MORE_SENDERS) == 1;
             return expect(!host.lives(1) || once, "it was not told once that nobody can send");
         }},
        {"APortsDeathIsTold",
         {ends_own_port(), [](Host& host, Member& self) { deallocate(self, self.task(), Host::to(0)); (void)host; }, sends(0, 3)},
         {}, {}, {}, Loss::with_a_port},
        {"TwoTakeFromTheSameZone",
         {[](Host&, Member& self) { allocate(self, self.task(), &self.extra); },
          [](Host&, Member& self) { allocate(self, self.task(), &self.extra); }}},
        {"TwoPortsWithEachOthersRightsEnd",
         {ends_own_port(), ends_own_port()},
         [](Host& host) {
             for (const std::size_t from : {0u, 1u}) {
                 Letter letter = bare(Host::to(1 - from)).with(MSG_TYPE_PORT, host.member(from).own);
                 send(host.member(from), letter.header(), SEND_TIMEOUT, 0);
             }
         }, {}, {}, Loss::with_a_port},
    };
}

// As a trap does.
Act inside(const std::function<void(Member&)>& call) {
    return [=](Host& host, Member& self) {
        ThreadRecord& own = host.kernel().thread(self.caller->thread.index);
        come_inside(own);
        if (!is_terminated(host.kernel(), self.caller->thread)) call(self);
        go_outside(own);
    };
}

// As tasks/termination.cpp does.
void terminate(Host& host, Member& self, std::size_t whom) {
    const ThreadRef thread = host.member(whom).caller->thread;
    begin_termination(self, thread);
    Kernel& k = host.kernel();
    for (runtime::Nap nap; k.ref_of_thread(thread.index) == thread && may_be_inside(k.thread(thread.index)); nap.next()) {}
    end_thread(k, *self.carrier, thread, true);
}

std::vector<Scene> scenes_of_termination() {
    const Act ends_the_first = [](Host& host, Member& self) { terminate(host, self, 0); };
    // What a keeper sees to in its next sweep, if who terminates has died; who was not terminated is woken.
    const auto next_sweep = [](Host& host) {
        const ThreadRef thread = host.member(0).caller->thread;
        finish_terminations(host.kernel(), *host.keeper().carrier);
        if (is_terminated(host.kernel(), thread)) return;
        unpark(host.keeper(), thread);
        send_endings(0)(host);
    };
    return {
        {"AThreadIsTerminatedAsItBeginsToWait",
         {inside([](Member& self) {
              Letter letter = Letter::from(self.own);
              receive(self, letter.header(), MSG_OPTION_NONE, 0);
          }), ends_the_first},
         {}, next_sweep, {}, Loss::with_a_port},
        {"AThreadIsTerminatedAsItParks",
         {inside([](Member& self) { park_self(self, runtime::Deadline::never()); }), ends_the_first}, {}, next_sweep, {}, Loss::with_a_port},
    };
}

std::vector<Scene> scenes_of_other_ends() {
    return {
        {"OwnerAndReceiverEndInTheSameInstant",
         {[](Host&, Member& self) { deallocate(self, self.task(), self.extra); },
          [](Host&, Member& self) { deallocate(self, self.task(), self.extra); }},
         [](Host& host) {
             own_extra(host, 0);
             Letter letter = bare(Host::to(1)).with(MSG_TYPE_PORT_OWNERSHIP, host.member(0).extra);
             send(host.member(0), letter.header(), SEND_TIMEOUT, 0);
             Letter got = Letter::from(host.member(1).own);
             receive(host.member(1), got.header(), RCV_TIMEOUT, 0);
             host.member(1).extra = got.name(0);
         }},
        {"ATaskEndsWhileItsPortIsSentTo",
         {sends(2, 1), [](Host& host, Member&) { end_task(host.kernel(), *host.member(1).carrier, host.member(2).task()); },
          [](Host&, Member&) {}},
         {}, {}, {}, Loss::with_a_port},
        {"ASendOnceRightIsUsedWhileItsPortEnds",
         {[](Host& host, Member& self) { host.post(self, 1, bare(self.extra)); }, ends_own_port()},
         [](Host& host) {
             Letter letter = bare(Host::to(0)).with(MSG_TYPE_MAKE_SEND_ONCE, host.member(1).own);
             send(host.member(1), letter.header(), SEND_TIMEOUT, 0);
             Letter got = Letter::from(host.member(0).own);
             receive(host.member(0), got.header(), RCV_TIMEOUT, 0);
             host.member(0).extra = got.name(0);
         }, {}, {}, Loss::with_a_port},
        {"ABackupTakesWhatEnds",
         {ends_own_port(), sends(0, 1), receives()},
         [](Host& host) {
             port_name_t previous = 0;
             set_backup(host.member(0), host.member(0).task(), host.member(0).own, Host::to(2), &previous);
         }, send_endings(2), {}, Loss::with_a_port},
        {"ATaskEndsWhileARightOfItsTravels",
         {[](Host& host, Member& self) { host.post(self, 1, bare(Host::to(1)).with(MSG_TYPE_PORT, Host::to(2))); },
          [](Host& host, Member&) { end_task(host.kernel(), *host.member(1).carrier, host.member(2).task()); }, [](Host&, Member&) {}}},
    };
}

}  // namespace

const std::vector<Scene>& scenes() {
    static const std::vector<Scene> all = [] {
        std::vector<Scene> scenes;
        for (auto* const some : {scenes_of_sending, scenes_of_waiting, scenes_of_calling, scenes_of_moving, scenes_of_sets,
                                 scenes_of_ports_that_end, scenes_of_termination, scenes_of_other_ends})
            for (Scene& scene : some()) scenes.push_back(std::move(scene));
        return scenes;
    }();
    return all;
}

}  // namespace umach::explore
