// SPDX-License-Identifier: BSL-1.0
// Receives, answers, and what they do for others: blocked senders, kept messages, callers.
#include "operations.hpp"

namespace umach::torture {
namespace {

int receive_one(Scene& scene) {
    Letter got(PORT_NULL);
    return scene.fetch(scene.own, &got);
}
int wait_in_vain(Scene& scene) {
    Letter got(PORT_NULL);
    return scene.fetch(scene.own, &got, RCV_TIMEOUT, 1);
}
int receive_too_large(Scene& scene) {
    Letter got = Letter::from(scene.own, sizeof(msg_header_t));
    return receive(scene.caller, got.header(), RCV_TIMEOUT, 0);
}
int receive_and_answer(Scene& scene) {
    Letter got(PORT_NULL);
    if (const int code = scene.fetch(scene.own, &got); code != RCV_SUCCESS) return code;
    Letter answer(got.header()->msg_remote_port);
    return send(scene.caller, answer.with(MSG_TYPE_PORT_ALL, scene.extra, true).header(), SEND_TIMEOUT, 0);
}
int receive_from_set(Scene& scene) {
    port_name_t set = PORT_NULL;
    Letter got(PORT_NULL);
    set_allocate(scene.caller, scene.caller.task, &set);
    set_add(scene.caller, scene.caller.task, set, scene.own);
    return scene.fetch(set, &got);
}
int receive_notice(Scene& scene) {
    Letter got(PORT_NULL);
    return scene.fetch(notify_name(scene.caller), &got);
}

// ---- what stands there before -----------------------------------------------------------------------------

void bytes(Stage& stage) {
    stage.post(Letter(stage.member().its_port));
}
void rights(Stage& stage) {
    stage.send_rights();
}
void blocked_sender(Stage& stage) {
    stage.fill_port_of_member();
    const port_name_t moved = stage.new_port();
    stage.wait_with([&stage, moved](Caller& self) {
        Letter letter(stage.member().its_port);
        return send(self, letter.with(MSG_TYPE_PORT_ALL, moved, true).header(), MSG_OPTION_NONE, 0);
    });
}
void blocked_caller(Stage& stage) {
    stage.fill_port_of_member();
    const port_name_t reply = stage.new_port();
    stage.wait_with([&stage, reply](Caller& self) {
        Letter letter(stage.member().its_port);
        letter.header()->msg_local_port = reply;
        return rpc(self, letter.header(), MSG_OPTION_NONE, Letter::most_bytes, 0, 0);
    });
}
void kept_message(Stage& stage) {
    stage.fill_port_of_member();
    stage.post(Letter(stage.member().its_port).with(MSG_TYPE_PORT, stage.port()), request, SEND_NOTIFY);
}
void waiting_caller(Stage& stage) {
    Caller member = stage.as_member();
    port_name_t extra = PORT_NULL;
    EXPECT_EQ(allocate(member, member.task, &extra), KERN_SUCCESS);
    stage.give(extra);
    const port_name_t reply = stage.new_port();
    stage.wait_with([&stage, reply](Caller& self) {
        Letter letter(stage.member().its_port);
        letter.header()->msg_local_port = reply;
        return rpc(self, letter.header(), MSG_OPTION_NONE, Letter::most_bytes, 0, 0);
    });
}
void dead_port_known(Stage& stage) {
    const port_name_t third = stage.new_port();
    EXPECT_EQ(insert_send(stage.survivor(), stage.member().task, third, 2000), KERN_SUCCESS);
    EXPECT_EQ(deallocate(stage.survivor(), stage.survivor().task, third), KERN_SUCCESS);
}

}  // namespace

std::vector<Operation> receives() {
    return {{"ReceiveBytes", receive_one, bytes},
            {"ReceiveRights", receive_one, rights},
            {"ReceiveAndAdmitABlockedSender", receive_one, blocked_sender},
            {"ReceiveAndAdmitABlockedCaller", receive_one, blocked_caller},
            {"ReceiveAndAdmitAKeptMessage", receive_one, kept_message},
            {"ReceiveAndAnswerACall", receive_and_answer, waiting_caller},
            {"ReceiveFromASet", receive_from_set, rights},
            {"ReceiveANotice", receive_notice, dead_port_known},
            {"ReceiveInVain", wait_in_vain, nullptr, false, RCV_TIMED_OUT},
            {"ReceiveTooLarge", receive_too_large, rights, false, RCV_TOO_LARGE}};
}

}  // namespace umach::torture
