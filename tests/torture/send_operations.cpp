// SPDX-License-Identifier: BSL-1.0
// Sends to the survivors' port, and calls.
#include "operations.hpp"

namespace umach::torture {
namespace {

Letter bare(Scene& scene) {
    return Letter(scene.there);
}

int send_bytes(Scene& scene) {
    return scene.post(bare(scene));
}
// As the keeper: nobody watches it but by its life word.
int send_as_keeper(Scene& scene) {
    scene.caller.k.header().keeper.put(scene.caller.carrier.name().word());
    return send_bytes(scene);
}
int copy_rights(Scene& scene) {
    return scene.post(bare(scene).with(MSG_TYPE_PORT, scene.own).with(MSG_TYPE_PORT, scene.there));
}
int move_receive(Scene& scene) {
    return scene.post(bare(scene).with(MSG_TYPE_PORT_ALL, scene.own, true));
}
int move_send(Scene& scene) {
    return scene.post(bare(scene).with(MSG_TYPE_PORT, scene.extra, true));
}
int make_once(Scene& scene) {
    return scene.post(bare(scene).with(MSG_TYPE_MAKE_SEND_ONCE, scene.own));
}
int send_with_reply_port(Scene& scene) {
    Letter letter = bare(scene);
    letter.header()->msg_local_port = scene.own;
    return scene.post(letter);
}
int keep_one(Scene& scene) {
    return scene.post(bare(scene).with(MSG_TYPE_PORT_ALL, scene.own, true), SEND_NOTIFY);
}
int wait_in_vain(Scene& scene) {
    return scene.post(bare(scene).with(MSG_TYPE_PORT, scene.own).with(MSG_TYPE_PORT_ALL, scene.own, true),
                      SEND_TIMEOUT, 1);
}
int time_out(Scene& scene) {
    return scene.post(bare(scene).with(MSG_TYPE_PORT_ALL, scene.own, true));
}
int call_in_vain(Scene& scene) {
    Letter letter = bare(scene);
    letter.header()->msg_local_port = scene.own;
    letter.header()->msg_id = payload;
    return rpc(scene.caller, letter.header(), SEND_TIMEOUT | RCV_TIMEOUT, Letter::most_bytes, 0, 1);
}
// The receive right of a port whose queue holds a message with rights: a nest.
int move_full_port(Scene& scene) {
    Letter inner(scene.extra);
    send(scene.caller, inner.with(MSG_TYPE_PORT_ALL, scene.own, true).header(), SEND_TIMEOUT, 0);
    return scene.post(bare(scene).with(MSG_TYPE_PORT_ALL, scene.extra, true));
}
int send_to_itself(Scene& scene) {
    Letter letter(scene.own);
    return send(scene.caller, letter.with(MSG_TYPE_PORT, scene.there).header(), SEND_TIMEOUT, 0);
}

// ---- what stands there before -----------------------------------------------------------------------------

void receiver(Stage& stage) {
    stage.receive_with_thread();
}
void set_receiver(Stage& stage) {
    stage.receive_from_set_with_thread();
}
void own_second_port(Stage& stage) {
    Caller member = stage.as_member();
    port_name_t extra = PORT_NULL;
    EXPECT_EQ(allocate(member, member.task, &extra), KERN_SUCCESS);
    stage.give(extra);
}
void send_right_of_third(Stage& stage) {
    const port_name_t third = stage.new_port();
    EXPECT_EQ(insert_send(stage.survivor(), stage.member().task, third, 2000), KERN_SUCCESS);
    stage.give(2000);
}
void full(Stage& stage) {
    Letter letter(stage.port());
    while (send(stage.survivor(), letter.header(), SEND_TIMEOUT, 0) == SEND_SUCCESS) {
    }
}

}  // namespace

std::vector<Operation> sends() {
    return {{"SendBytes", send_bytes, nullptr, true},
            {"SendToAReceiverThatWaits", send_bytes, receiver, true},
            {"SendOfTheKeeperToAReceiverThatWaits", send_as_keeper, receiver, true},
            {"SendToASetReceiverThatWaits", copy_rights, set_receiver, true},
            {"SendCopiesOfRights", copy_rights, nullptr, true},
            {"SendAReceiveRight", move_receive, receiver, true},
            {"SendAwayASendRight", move_send, send_right_of_third, true},
            {"SendASendOnceRight", make_once, nullptr, true},
            {"SendWithAReplyPort", send_with_reply_port, receiver, true},
            {"SendAPortWithAPortInItsQueue", move_full_port, own_second_port, true},
            {"SendThatIsKept", keep_one, full, false, SEND_WILL_NOTIFY},
            {"SendThatWaitsInVain", wait_in_vain, full, false, SEND_TIMED_OUT},
            {"SendThatTimesOutAtOnce", time_out, full, false, SEND_TIMED_OUT},
            {"SendToItself", send_to_itself},
            {"CallInVain", call_in_vain, receiver, false, RCV_TIMED_OUT}};
}

}  // namespace umach::torture
