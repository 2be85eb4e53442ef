// SPDX-License-Identifier: BSL-1.0
#include "matrix.hpp"

namespace umach::tests {

namespace {

template <port_type_t right>
int release(port_t name, port_t) {
    return port_release(task_self(), name, right);
}
template <port_type_t right>
int reference(port_t name, port_t) {
    return port_reference(task_self(), name, right);
}

int type(port_t name, port_t) {
    port_type_t found = 0;
    return port_type(task_self(), name, &found);
}

int rename(port_t name, port_t) {
    const int code = port_rename(task_self(), name, 0x0bad'cafe);
    if (code == KERN_SUCCESS) {
        EXPECT_EQ(KERN_SUCCESS, port_rename(task_self(), 0x0bad'cafe, name));
    }
    return code;
}
int rename_to_used(port_t name, port_t spare) {
    return port_rename(task_self(), name, spare);
}

int status(port_t name, port_t) {
    port_t set = PORT_NULL;
    int messages = 0;
    int backlog = 0;
    boolean_t own = FALSE;
    boolean_t receive = FALSE;
    return port_status(task_self(), name, &set, &messages, &backlog, &own, &receive);
}

int insert_send(port_t name, port_t) {
    return port_insert_send(task_self(), name, 0x0bad'cafe);
}
int insert_receive(port_t name, port_t) {
    return port_insert_receive(task_self(), name, 0x0bad'cafe);
}

int extract_send(port_t name, port_t) {
    port_t mine = PORT_NULL;
    const int code = port_extract_send(task_self(), name, &mine);
    if (code == KERN_SUCCESS) {
        EXPECT_EQ(KERN_SUCCESS, port_deallocate(task_self(), mine));
    }
    return code;
}
int extract_receive(port_t name, port_t) {
    port_t mine = PORT_NULL;
    const int code = port_extract_receive(task_self(), name, &mine);
    if (code == KERN_SUCCESS) {
        EXPECT_EQ(KERN_SUCCESS, port_deallocate(task_self(), mine));
    }
    return code;
}

int set_backup_of(port_t name, port_t spare) {
    port_t previous = PORT_NULL;
    const int code = port_set_backup(task_self(), name, spare, &previous);
    port_t mine = PORT_NULL;
    if (code == KERN_SUCCESS && port_set_backup(task_self(), name, PORT_NULL, &mine) == KERN_SUCCESS) {
        EXPECT_EQ(spare, mine);
        EXPECT_EQ(KERN_SUCCESS, port_release(task_self(), spare, PORT_TYPE_SEND));
    }
    return code;
}
int set_backup_to(port_t name, port_t spare) {
    port_t previous = PORT_NULL;
    return port_set_backup(task_self(), spare, name, &previous);
}

template <int id>
int request(port_t name, port_t spare) {
    port_t previous = PORT_NULL;
    return port_request_notification(task_self(), name, id, spare, &previous);
}
int request_other(port_t name, port_t spare) {
    port_t previous = PORT_NULL;
    return port_request_notification(task_self(), name, NOTIFY_MSG_ACCEPTED, spare, &previous);
}
int request_to(port_t name, port_t spare) {
    port_t previous = PORT_NULL;
    return port_request_notification(task_self(), spare, NOTIFY_PORT_DELETED, name, &previous);
}

int deallocate(port_t name, port_t) {
    return port_deallocate(task_self(), name);
}
int backlog_of_4(port_t name, port_t) {
    return port_set_backlog(task_self(), name, 4);
}
int backlog_of_0(port_t name, port_t) {
    return port_set_backlog(task_self(), name, 0);
}

}  // namespace

// clang-format off
const std::vector<Row> matrix_of_port_calls = {
    //                                               S    R    O    A    B    1    D    T    U    N    X
    {"port_type",            type,                  {OK,  OK,  OK,  OK,  OK,  OK,  OK,  OK,  ARG, ARG, ARG}},
    {"port_deallocate",      deallocate,            {OK,  OK,  OK,  OK,  OK,  OK,  OK,  ARG, ARG, ARG, ARG}},
    {"port_reference_send",  reference<PORT_TYPE_SEND>,
                                                    {OK,  ARG, ARG, ARG, OK,  ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_reference_dead",  reference<PORT_TYPE_DEAD_NAME>,
                                                    {ARG, ARG, ARG, ARG, ARG, ARG, OK,  ARG, ARG, ARG, ARG}},
    {"port_reference_receive", reference<PORT_TYPE_RECEIVE>,
                                                    {ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_reference_send_once", reference<PORT_TYPE_SEND_ONCE>,
                                                    {ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_reference_nothing", reference<PORT_TYPE_NONE>,
                                                    {ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_release_send",    release<PORT_TYPE_SEND>,
                                                    {OK,  ARG, ARG, ARG, OK,  ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_release_receive", release<PORT_TYPE_RECEIVE>,
                                                    {ARG, OK,  ARG, OK,  OK,  ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_release_own",     release<PORT_TYPE_OWN>,
                                                    {ARG, ARG, OK,  OK,  OK,  ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_release_receive_own", release<PORT_TYPE_RECEIVE_OWN>,
                                                    {ARG, ARG, ARG, OK,  OK,  ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_release_send_once", release<PORT_TYPE_SEND_ONCE>,
                                                    {ARG, ARG, ARG, ARG, ARG, OK,  ARG, ARG, ARG, ARG, ARG}},
    {"port_release_dead",    release<PORT_TYPE_DEAD_NAME>,
                                                    {ARG, ARG, ARG, ARG, ARG, ARG, OK,  ARG, ARG, ARG, ARG}},
    {"port_release_set",     release<PORT_TYPE_SET>,
                                                    {ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_rename",          rename,                {OK,  OK,  OK,  OK,  OK,  OK,  OK,  OK,  ARG, ARG, ARG}},
    {"port_rename_to_used",  rename_to_used,            {KERN_NAME_EXISTS, KERN_NAME_EXISTS, KERN_NAME_EXISTS,
                                                         KERN_NAME_EXISTS, KERN_NAME_EXISTS, KERN_NAME_EXISTS,
                                                         KERN_NAME_EXISTS, KERN_NAME_EXISTS, ARG, ARG, ARG}},
    {"port_set_backlog",     backlog_of_4,          {NRC, OK,  NRC, OK,  OK,  NRC, NRC, ARG, ARG, ARG, ARG}},
    {"port_set_backlog_out_of_range", backlog_of_0, {NRC, ARG, NRC, ARG, ARG, NRC, NRC, ARG, ARG, ARG, ARG}},
    {"port_status",          status,                {OK,  OK,  OK,  OK,  OK,  OK,  OK,  ARG, ARG, ARG, ARG}},
    {"port_insert_send_into_own_space", insert_send,
                                                    {FAI, FAI, FAI, FAI, FAI, ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_extract_send",    extract_send,          {OK,  ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_insert_receive_into_own_space", insert_receive,
                                                    {ARG, FAI, ARG, FAI, FAI, ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_extract_receive", extract_receive,       {ARG, OK,  ARG, OK,  OK,  ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_set_backup_of",   set_backup_of,         {NRC, OK,  NRC, OK,  OK,  NRC, NRC, ARG, ARG, ARG, ARG}},
    {"port_set_backup_to",   set_backup_to,         {OK,  OK,  OK,  OK,  OK,  ARG, ARG, ARG, ARG, OK,  ARG}},
    {"port_request_no_more_senders", request<NOTIFY_NO_MORE_SENDERS>,
                                                    {NRC, OK,  NRC, OK,  OK,  NRC, NRC, ARG, ARG, ARG, ARG}},
    {"port_request_port_deleted", request<NOTIFY_PORT_DELETED>,
                                                    {OK,  OK,  OK,  OK,  OK,  OK,  ARG, ARG, ARG, ARG, ARG}},
    {"port_request_of_another_id", request_other,   {ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG, ARG}},
    {"port_request_told_to", request_to,            {ARG, OK,  ARG, OK,  OK,  OK,  ARG, ARG, ARG, OK,  ARG}},
};
// clang-format on

}  // namespace umach::tests
