// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/space.hpp"

#include <initializer_list>

namespace umach::netmsg {
namespace {

struct OneRight {
    msg_header_t header{};
    msg_type_t type{MSG_TYPE_PORT, 32, 1, 1, 0, 0, 0};
    port_t port = PORT_NULL;
};

void request(port_t name, int notification, port_t notify) {
    port_t previous = PORT_NULL;
    if (port_request_notification(task_self(), name, notification, notify, &previous) == KERN_SUCCESS)
        give_up(previous);
}

}  // namespace

port_t new_port() {
    port_t name = PORT_NULL;
    return port_allocate(task_self(), &name) == KERN_SUCCESS ? name : PORT_NULL;
}

void end_port(port_t name) {
    if (port_release(task_self(), name, PORT_TYPE_RECEIVE_OWN) != KERN_SUCCESS)
        port_release(task_self(), name, PORT_TYPE_RECEIVE);
}

void give_up(port_t name) {
    if (name == PORT_NULL || name == PORT_DEAD) return;
    for (const port_type_t right : {PORT_TYPE_SEND, PORT_TYPE_SEND_ONCE, PORT_TYPE_DEAD_NAME})
        if (port_release(task_self(), name, right) == KERN_SUCCESS) return;
}

port_type_t type_of(port_t name) {
    port_type_t type = PORT_TYPE_NONE;
    return port_type(task_self(), name, &type) == KERN_SUCCESS ? type : PORT_TYPE_NONE;
}

port_t make_right(unsigned code, port_t from, port_t way) {
    OneRight message;
    message.type.msg_type_name = code & 0xFF;
    message.port = from;
    message.header.msg_size = sizeof message;
    message.header.msg_remote_port = way;
    if (msg_send(&message.header, SEND_TIMEOUT, 0) != SEND_SUCCESS) return PORT_NULL;
    message.header.msg_local_port = way;
    message.header.msg_size = sizeof message;
    return msg_receive(&message.header, RCV_TIMEOUT, 0) == RCV_SUCCESS ? message.port : PORT_NULL;
}

void say(port_t port) {
    msg_header_t nothing{};
    nothing.msg_simple = TRUE;
    nothing.msg_size = sizeof nothing;
    nothing.msg_remote_port = port;
    msg_send(&nothing, SEND_TIMEOUT, 0);
}

void ask(port_t name, int notification) {
    request(name, notification, task_notify());
}

void forget(port_t name, int notification) {
    request(name, notification, PORT_NULL);
}

// Every message is too large for that, and stays.
void await_message(port_t port_or_set) {
    msg_header_t header{};
    header.msg_local_port = port_or_set;
    msg_receive(&header, MSG_OPTION_NONE, 0);
}

bool has_senders(port_t receive_right) {
    msg_header_t header{};
    header.msg_local_port = receive_right;
    header.msg_size = 0;  // as above
    return msg_receive(&header, RCV_TIMEOUT | RCV_NO_SENDERS, 0) != RCV_ONLY_SENDER;
}

int waiting_at(port_t receive_right) {
    port_set_name_t set = PORT_NULL;
    int messages = 0, backlog = 0;
    boolean_t owns = FALSE, receives = FALSE;
    port_status(task_self(), receive_right, &set, &messages, &backlog, &owns, &receives);
    return messages;
}

}  // namespace umach::netmsg
