// SPDX-License-Identifier: BSL-1.0
// A process is stepped through one call and killed at an instruction of it; whoever is left puts the records
// in order, the audit finds nothing wrong, and what the call was about is before or after it, never between.
// UMACH_STEP_KILLS sets at how many instructions of a call, spread evenly (12 by default; 1000000 for every
// one).
#include "letter.hpp"
#include "stepped.hpp"

#include "tasks/kernel/port_calls.hpp"
#include "tasks/kernel/request.hpp"
#include "tasks/kernel/special_port_calls.hpp"

#include <cstdlib>

namespace umach::ports {
namespace {

// One call, in the task of the process that is killed. The fixture's own task has a port with the name
// `there` in that task, and the task has a port of its own, `own`, that the fixture knows as `its_port`.
struct Scene {
    Caller& caller;
    port_name_t own;
    port_name_t there;
};
using Act = void (*)(Scene&);

void allocate_one(Scene& scene) {
    port_name_t name = 0;
    allocate(scene.caller, scene.caller.task, &name);
}
void deallocate_own(Scene& scene) { deallocate(scene.caller, scene.caller.task, scene.own); }
void post(Scene& scene, Letter letter, msg_option_t option = SEND_TIMEOUT) {
    send(scene.caller, letter.header(), option, 0);
}
void send_copy(Scene& scene) {
    post(scene, Letter(scene.there).with(MSG_TYPE_PORT, scene.own).with(MSG_TYPE_PORT, scene.there));
}
void send_move(Scene& scene) {
    post(scene, Letter(scene.there).with(MSG_TYPE_PORT_ALL, scene.own, true));
}
void send_once_made(Scene& scene) {
    post(scene, Letter(scene.there).with(MSG_TYPE_MAKE_SEND_ONCE, scene.own));
}
void send_until_kept(Scene& scene) {
    for (int i = 0; i < 9; ++i) post(scene, Letter(scene.there).with(MSG_TYPE_PORT, scene.own), SEND_NOTIFY);
}
void receive_rights(Scene& scene) {
    Letter got = Letter::from(scene.own);
    receive(scene.caller, got.header(), RCV_TIMEOUT, 0);
}
void use_set(Scene& scene) {
    port_name_t set = 0;
    set_allocate(scene.caller, scene.caller.task, &set);
    set_add(scene.caller, scene.caller.task, set, scene.own);
    set_deallocate(scene.caller, scene.caller.task, set);
}
void call_and_give_up(Scene& scene) {
    Letter letter(scene.there);
    letter.header()->msg_local_port = scene.own;
    rpc(scene.caller, letter.header(), SEND_TIMEOUT | RCV_TIMEOUT, Letter::most_bytes, 0, 0);
}

// To the task's own kernel port: a call that gives a send right, and one whose reply takes a port to the fixture.
void call_kernel_port(Scene& scene) {
    const tasks::Int which{TASK_NOTIFY_PORT};
    tasks::Request<tasks::calls::task_get_special_port> request(self_name(scene.caller), scene.own, {which});
    rpc(scene.caller, request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0);
}
void extract_by_message(Scene& scene) {
    const tasks::Name name{scene.own};
    tasks::Request<tasks::calls::port_extract_receive> request(self_name(scene.caller), scene.there, {name});
    send(scene.caller, request.header(), MSG_OPTION_NONE, 0);
}

struct Named {
    const char* name;
    Act act;
};
std::ostream& operator<<(std::ostream& out, const Named& named) { return out << named.name; }

class KilledInTheMiddleOf : public SteppedFixture, public testing::WithParamInterface<Named> {
protected:
    // returns: how many instructions the act was stepped before its process was killed
    long kill_at(long instruction) {
        Member member = make_member();
        send_rights_to(member);
        const pid_t child = start(member, [&](Caller& caller) {
            Scene scene{caller, member.own_port, there};
            GetParam().act(scene);
        });
        const long done = step(child, instruction, [] { return false; });
        kill_now(child);
        bury(member);
        take_what_came();
        check("killed at instruction " + std::to_string(instruction));
        return done;
    }
};

TEST_P(KilledInTheMiddleOf, ACallLeavesEveryRecordInOrder) {
    const char* wanted = std::getenv("UMACH_STEP_KILLS");
    const long kills = wanted != nullptr ? std::atol(wanted) : 12;
    const Counts before = counts();
    const long length = kill_at(10'000'000);
    ASSERT_GT(length, 100);
    const long stride = std::max(length / kills, 1L);
    for (long at = 1 + stride / 2; at < length && !HasFailure(); at += stride) kill_at(at);
    EXPECT_EQ(counts(), before);
}

INSTANTIATE_TEST_SUITE_P(Calls, KilledInTheMiddleOf,
                         testing::Values(Named{"Allocate", allocate_one}, Named{"Deallocate", deallocate_own},
                                         Named{"SendCopies", send_copy}, Named{"SendMoves", send_move},
                                         Named{"SendMakesOnce", send_once_made},
                                         Named{"Notify", send_until_kept},
                                         Named{"Receive", receive_rights}, Named{"Set", use_set},
                                         Named{"Rpc", call_and_give_up},
                                         Named{"KernelPort", call_kernel_port},
                                         Named{"KernelPortMovesAPort", extract_by_message}),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace umach::ports
