// SPDX-License-Identifier: BSL-1.0
// Calls on ports, sets and rights.
#include "operations.hpp"

#include <mach/notify.h>

namespace umach::torture {
namespace {

// The survivors' task.
TaskRef others(Scene& scene) {
    Kernel& k = scene.caller.k;
    for (std::uint32_t i = 1; i < k.zone(zone_tasks).fresh(); ++i)
        if (i != scene.caller.task.index && k.task(i).identity.get().life == Life::live)
            return k.ref_of_task(i);
    return {};
}

int allocate_one(Scene& scene) {
    port_name_t name = PORT_NULL;
    return allocate(scene.caller, scene.caller.task, &name);
}
int deallocate_own(Scene& scene) {
    return deallocate(scene.caller, scene.caller.task, scene.own);
}
int deallocate_send(Scene& scene) {
    return deallocate(scene.caller, scene.caller.task, scene.extra);
}
int rename_own(Scene& scene) {
    return rename(scene.caller, scene.caller.task, scene.own, 3000);
}
int raise_backlog_of_others(Scene& scene) {
    return set_backlog(scene.caller, others(scene), scene.extra, PORT_BACKLOG_MAX);
}
int deallocate_of_others(Scene& scene) {
    return deallocate(scene.caller, others(scene), scene.extra);
}
int raise_backlog(Scene& scene) {
    return set_backlog(scene.caller, scene.caller.task, scene.own, PORT_BACKLOG_MAX);
}
int give_backup(Scene& scene) {
    port_name_t previous = PORT_NULL;
    return set_backup(scene.caller, scene.caller.task, scene.own, scene.there, &previous);
}
int use_set(Scene& scene) {
    port_name_t set = PORT_NULL;
    set_allocate(scene.caller, scene.caller.task, &set);
    set_add(scene.caller, scene.caller.task, set, scene.own);
    set_remove(scene.caller, scene.caller.task, scene.own);
    set_add(scene.caller, scene.caller.task, set, scene.own);
    return set_deallocate(scene.caller, scene.caller.task, set);
}
int ask_for_no_senders(Scene& scene) {
    port_name_t previous = PORT_NULL;
    return request_notification(scene.caller, scene.caller.task, scene.own, NOTIFY_NO_MORE_SENDERS,
                                notify_name(scene.caller), &previous);
}

int insert_send_there(Scene& scene) {
    return insert_send(scene.caller, others(scene), scene.extra, 4000);
}
int insert_receive_there(Scene& scene) {
    return insert_receive(scene.caller, others(scene), scene.extra, 4000);
}
int extract_send_from_there(Scene& scene) {
    port_name_t my = PORT_NULL;
    return extract_send(scene.caller, others(scene), scene.extra, &my);
}
int extract_receive_from_there(Scene& scene) {
    port_name_t my = PORT_NULL;
    return extract_receive(scene.caller, others(scene), scene.extra, &my);
}
int register_own(Scene& scene) {
    const port_name_t ports[] = {scene.own, scene.there};
    return register_ports(scene.caller, scene.caller.task, ports, 2);
}

// ---- what stands there before -----------------------------------------------------------------------------

void queued_rights(Stage& stage) {
    stage.send_rights();
    stage.send_rights();
}
void line_of_senders(Stage& stage) {
    stage.fill_port_of_member();
    stage.post(Letter(stage.member().its_port).with(MSG_TYPE_PORT, stage.port()), request, SEND_NOTIFY);
    stage.wait_with([&stage](Caller& self) {
        Letter letter(stage.member().its_port);
        return send(self, letter.with(MSG_TYPE_PORT, stage.port()).header(), MSG_OPTION_NONE, 0);
    });
}
void low_backlog(Stage& stage) {
    Caller member = stage.as_member();
    EXPECT_EQ(set_backlog(member, member.task, stage.member().own_port, 2), KERN_SUCCESS);
    line_of_senders(stage);
}
// At a port that outlives the process.
void low_backlog_there(Stage& stage) {
    Caller& survivor = stage.survivor();
    const port_name_t port = stage.new_port();
    EXPECT_EQ(set_backlog(survivor, survivor.task, port, 1), KERN_SUCCESS);
    stage.post(Letter(port));
    stage.post(Letter(port).with(MSG_TYPE_PORT, stage.port()), request, SEND_NOTIFY);
    stage.give(port);
}
void rights_in_queue_there(Stage& stage) {
    const port_name_t port = stage.new_port();
    stage.post(Letter(port).with(MSG_TYPE_PORT_ALL, stage.new_port(), true));
    stage.post(Letter(port).with(MSG_TYPE_PORT, stage.port()));
    stage.give(port);
}
void waiting_caller(Stage& stage) {
    const port_name_t reply = stage.new_port();
    stage.wait_with([&stage, reply](Caller& self) {
        Letter letter(stage.member().its_port);
        letter.header()->msg_local_port = reply;
        return rpc(self, letter.header(), MSG_OPTION_NONE, Letter::most_bytes, 0, 0);
    });
}
// The last send right to a port of the survivors', who want to know when there is none.
void last_send_right(Stage& stage) {
    const port_name_t third = stage.new_port();
    Caller& survivor = stage.survivor();
    port_name_t previous = PORT_NULL;
    EXPECT_EQ(insert_send(survivor, stage.member().task, third, 2000), KERN_SUCCESS);
    EXPECT_EQ(request_notification(survivor, survivor.task, third, NOTIFY_NO_MORE_SENDERS,
                                   notify_name(survivor), &previous),
              KERN_SUCCESS);
    stage.give(2000);
}
void send_right_of_theirs(Stage& stage) {
    stage.give(stage.member().its_port);
}
void own_extra(Stage& stage) {
    Caller member = stage.as_member();
    port_name_t extra = PORT_NULL;
    EXPECT_EQ(allocate(member, member.task, &extra), KERN_SUCCESS);
    stage.give(extra);
}
void own_extra_with_rights(Stage& stage) {
    own_extra(stage);
    Caller member = stage.as_member();
    Letter letter(stage.extra());
    EXPECT_EQ(send(member, letter.with(MSG_TYPE_PORT, stage.there).header(), SEND_TIMEOUT, 0), SEND_SUCCESS);
}
void port_of_theirs(Stage& stage) {
    stage.give(stage.new_port());
}

}  // namespace

std::vector<Operation> port_calls() {
    return {{"Allocate", allocate_one},
            {"DeallocateAnEmptyPort", deallocate_own},
            {"DeallocateAPortWithRightsInItsQueue", deallocate_own, queued_rights},
            {"DeallocateAPortWithALineOfSenders", deallocate_own, line_of_senders},
            {"DeallocateAPortThatACallWaitsAt", deallocate_own, waiting_caller},
            {"DeallocateTheLastSendRight", deallocate_send, last_send_right},
            {"Rename", rename_own},
            {"RaiseTheBacklogAndAdmit", raise_backlog, low_backlog},
            {"RaiseTheBacklogOfAnotherTaskAndAdmit", raise_backlog_of_others, low_backlog_there},
            {"DeallocateAPortOfAnotherTask", deallocate_of_others, rights_in_queue_there},
            {"GiveABackup", give_backup},
            {"PutIntoASetAndOut", use_set, queued_rights},
            {"AskForNoSenders", ask_for_no_senders},
            {"InsertASendRight", insert_send_there, own_extra},
            {"InsertAReceiveRight", insert_receive_there, own_extra_with_rights},
            {"ExtractASendRight", extract_send_from_there, send_right_of_theirs},
            {"ExtractAReceiveRight", extract_receive_from_there, port_of_theirs},
            {"Register", register_own}};
}

}  // namespace umach::torture
