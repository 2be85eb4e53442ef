// SPDX-License-Identifier: BSL-1.0
// A program that asks the service of its first argument once, and ends with its answer's id: the same text
// as a member and behind a wall. 3: there is no such name.
#include <mach.h>
#include <servers/netname.h>

int main(int, char** words) {
    port_t to = PORT_NULL, reply = PORT_NULL;
    if (netname_look_up(name_server_port, "", words[1], &to) != NETNAME_SUCCESS) return 3;
    if (port_allocate(task_self(), &reply) != KERN_SUCCESS) return 4;
    msg_header_t message{};
    message.msg_simple = TRUE;
    message.msg_size = sizeof message;
    message.msg_remote_port = to;
    message.msg_local_port = reply;
    message.msg_id = 41;
    const auto code = msg_rpc(&message, SEND_TIMEOUT | RCV_TIMEOUT, sizeof message, 10'000, 10'000);
    return code == RPC_SUCCESS ? static_cast<int>(message.msg_id) : 5;
}
