// SPDX-License-Identifier: BSL-1.0
// A process is stepped through one call and killed at an instruction of it; whoever is left puts the records in order,
// the audit finds nothing wrong, and what the call was about is before or after it, never between.
// UMACH_STEP_KILLS sets at how many instructions of a call, spread evenly (12 by default; 1000000 for every one).
#include "host_fixture.hpp"

#include <csignal>
#include <cstdlib>
#include <sys/ptrace.h>
#include <sys/wait.h>

namespace umach::ports {
namespace {

// One call, in the task of the process that is killed. The fixture's own task has a port with the name `there` in that
// task, and the task has a port of its own, `own`, that the fixture knows as `its_port`.
struct Scene {
    Caller& caller;
    port_name_t own;
    port_name_t there;
};
using Act = void (*)(Scene&);

struct RightsLetter {
    msg_header_t header{};
    msg_type_t type{};
    std::array<port_t, 3> rights{};
};

RightsLetter letter(Scene& scene, std::uint32_t code, std::initializer_list<port_name_t> names, bool give_up) {
    RightsLetter l;
    l.header.msg_size = static_cast<msg_size_t>(sizeof(msg_header_t) + sizeof(msg_type_t) + 4 * names.size());
    l.header.msg_remote_port = scene.there;
    l.type.msg_type_name = code & 0xff;
    l.type.msg_type_size = 32;
    l.type.msg_type_number = names.size() & 0xfff;
    l.type.msg_type_inline = 1;
    l.type.msg_type_deallocate = give_up ? 1 : 0;
    std::copy(names.begin(), names.end(), l.rights.begin());
    return l;
}

void allocate_one(Scene& scene) {
    port_name_t name = 0;
    allocate(scene.caller, scene.caller.task, &name);
}
void deallocate_own(Scene& scene) { deallocate(scene.caller, scene.caller.task, scene.own); }
void send_copy(Scene& scene) {
    RightsLetter l = letter(scene, MSG_TYPE_PORT, {scene.own, scene.there}, false);
    send(scene.caller, &l.header, SEND_TIMEOUT, 0);
}
void send_move(Scene& scene) {
    RightsLetter l = letter(scene, MSG_TYPE_PORT_ALL, {scene.own}, true);
    send(scene.caller, &l.header, SEND_TIMEOUT, 0);
}
void send_once_made(Scene& scene) {
    RightsLetter l = letter(scene, MSG_TYPE_MAKE_SEND_ONCE, {scene.own}, false);
    send(scene.caller, &l.header, SEND_TIMEOUT, 0);
}
void send_until_kept(Scene& scene) {
    for (int i = 0; i < 9; ++i) {
        RightsLetter l = letter(scene, MSG_TYPE_PORT, {scene.own}, false);
        send(scene.caller, &l.header, SEND_NOTIFY, 0);
    }
}
void receive_rights(Scene& scene) {
    std::array<char, 512> text{};
    auto* header = reinterpret_cast<msg_header_t*>(text.data());
    header->msg_size = text.size();
    header->msg_local_port = scene.own;
    receive(scene.caller, header, RCV_TIMEOUT, 0);
}
void use_set(Scene& scene) {
    port_name_t set = 0;
    set_allocate(scene.caller, scene.caller.task, &set);
    set_add(scene.caller, scene.caller.task, set, scene.own);
    set_deallocate(scene.caller, scene.caller.task, set);
}
void call_and_give_up(Scene& scene) {
    RightsLetter l = letter(scene, MSG_TYPE_PORT, {}, false);
    l.header.msg_local_port = scene.own;
    std::array<char, 256> text{};
    std::memcpy(text.data(), &l.header, sizeof l.header);
    rpc(scene.caller, reinterpret_cast<msg_header_t*>(text.data()), SEND_TIMEOUT | RCV_TIMEOUT, text.size(), 0, 0);
}

struct Named {
    const char* name;
    Act act;
};
std::ostream& operator<<(std::ostream& out, const Named& named) { return out << named.name; }

class KilledInTheMiddleOf : public HostFixture, public testing::WithParamInterface<Named> {
protected:
    // Waits until the child has stopped.
    static int wait_for(pid_t child) {
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        return status;
    }

    // Steps the stopped child.
    // returns: the instructions that it did, fewer than asked for when it came to the end of its act first
    static long step(pid_t child, long instructions) {
        for (long i = 0; i < instructions; ++i) {
            ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
            const int status = wait_for(child);
            if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGSTOP) return i;
        }
        return instructions;
    }

    pid_t start(const Member& member, Act act) {
        const pid_t child = spawn(member, [&](Caller& caller) {
            ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
            raise(SIGSTOP);
            Scene scene{caller, member.own_port, there};
            act(scene);
            raise(SIGSTOP);
        });
        EXPECT_TRUE(WIFSTOPPED(wait_for(child)));
        return child;
    }

    // returns: how many instructions the act was stepped before its process was killed
    long kill_at(long instruction) {
        Member member = make_member();
        send_rights_to(member);
        const pid_t child = start(member, GetParam().act);
        const long done = step(child, instruction);
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
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
                                         Named{"SendMakesOnce", send_once_made}, Named{"Notify", send_until_kept},
                                         Named{"Receive", receive_rights}, Named{"Set", use_set},
                                         Named{"Rpc", call_and_give_up}),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace umach::ports
