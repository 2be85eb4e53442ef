// SPDX-License-Identifier: BSL-1.0
#include "matrix.hpp"

namespace umach::tests {

namespace {

int send_to(port_t name, port_t) {
    return Letter(name, 1).send();
}
int send_reply(port_t name, port_t spare) {
    return Letter(spare, 1, name).send();
}
int receive_from(port_t name, port_t) {
    return Letter().receive(name);
}
int rpc_reply_at(port_t name, port_t spare) {
    return Letter(spare, 1, name).rpc(SEND_TIMEOUT | RCV_TIMEOUT, 0, 0);
}

template <unsigned code, bool deallocate>
int carry(port_t name, port_t spare) {
    return send_right(spare, code, name, deallocate);
}
// The same item, behind one that is in order: a failure must give that one back too.
template <unsigned code, bool deallocate>
int carry_second(port_t name, port_t spare) {
    const Port first;
    const Port second;
    const int result =
        Letter(spare).item(MSG_TYPE_PORT_ALL, {first}, true).item(code, {name}, deallocate).send();
    if (result != SEND_SUCCESS) {
        EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(first));
    }
    return result;
}
template <unsigned code>
int carry_twice(port_t name, port_t spare) {
    return Letter(spare).item(code, {name, name}).send();
}

constexpr unsigned OWNERSHIP = MSG_TYPE_PORT_OWNERSHIP;
constexpr unsigned RECEIVE = MSG_TYPE_PORT_RECEIVE;
constexpr unsigned ALL = MSG_TYPE_PORT_ALL;
constexpr unsigned SEND = MSG_TYPE_PORT;
constexpr unsigned MOVE_ONCE = MSG_TYPE_MOVE_SEND_ONCE;
constexpr unsigned MAKE_ONCE = MSG_TYPE_MAKE_SEND_ONCE;
constexpr unsigned NAME = MSG_TYPE_PORT_NAME;

}  // namespace

// clang-format off
const std::vector<Row> matrix_of_messages = {
    //                                               S    R    O    A    B    1    D    T    U    N    X
    {"msg_send",             send_to,               {OK,  OK,  OK,  OK,  OK,  OK,  SIP, SIP, SIP, SIP, SIP}},
    {"msg_send_with_reply_port", send_reply,        {OK,  OK,  OK,  OK,  OK,  OK,  SIP, SIP, SIP, OK,  SIP}},
    {"msg_receive",          receive_from,          {RIP, TMO, RIP, TMO, TMO, RIP, RIP, TMO, RIP, RIP, RIP}},
    {"msg_rpc_with_reply_port", rpc_reply_at,       {RIP, TMO, RIP, TMO, TMO, RIP, SIP, SIP, SIP, RIP, SIP}},
    {"item_6_copy_send",     carry<SEND, false>,    {OK,  OK,  OK,  OK,  OK,  OK,  OK,  SIP, SIP, OK,  OK}},
    {"item_6_move_send",     carry<SEND, true>,     {OK,  SIP, SIP, SIP, SIP, OK,  OK,  SIP, SIP, OK,  OK}},
    {"item_4_receive",       carry<RECEIVE, false>, {SIP, OK,  SIP, OK,  OK,  SIP, SIP, SIP, SIP, OK,  OK}},
    {"item_4_receive_deallocate", carry<RECEIVE, true>,
                                                    {SIP, OK,  SIP, OK,  OK,  SIP, SIP, SIP, SIP, OK,  OK}},
    {"item_3_ownership",     carry<OWNERSHIP, false>,
                                                    {SIP, SIP, OK,  OK,  OK,  SIP, SIP, SIP, SIP, OK,  OK}},
    {"item_3_ownership_deallocate", carry<OWNERSHIP, true>,
                                                    {SIP, SIP, OK,  OK,  OK,  SIP, SIP, SIP, SIP, OK,  OK}},
    {"item_5_all",           carry<ALL, false>,     {SIP, OK,  SIP, OK,  OK,  SIP, SIP, SIP, SIP, OK,  OK}},
    {"item_5_all_deallocate", carry<ALL, true>,     {SIP, OK,  SIP, OK,  OK,  SIP, SIP, SIP, SIP, OK,  OK}},
    {"item_18_move_send_once", carry<MOVE_ONCE, false>,
                                                    {SIP, SIP, SIP, SIP, SIP, OK,  SIP, SIP, SIP, OK,  OK}},
    {"item_18_move_send_once_deallocate", carry<MOVE_ONCE, true>,
                                                    {SIP, SIP, SIP, SIP, SIP, OK,  SIP, SIP, SIP, OK,  OK}},
    {"item_21_make_send_once", carry<MAKE_ONCE, false>,
                                                    {SIP, OK,  SIP, OK,  OK,  SIP, SIP, SIP, SIP, OK,  OK}},
    {"item_15_name",         carry<NAME, false>,    {OK,  OK,  OK,  OK,  OK,  OK,  OK,  OK,  OK,  OK,  OK}},
    {"item_15_name_deallocate", carry<NAME, true>,  {OK,  OK,  OK,  OK,  OK,  OK,  OK,  OK,  OK,  OK,  OK}},
    {"second_item_6_copy",   carry_second<SEND, false>,
                                                    {OK,  OK,  OK,  OK,  OK,  OK,  OK,  SIP, SIP, OK,  OK}},
    {"second_item_4_receive", carry_second<RECEIVE, false>,
                                                    {SIP, OK,  SIP, OK,  OK,  SIP, SIP, SIP, SIP, OK,  OK}},
    {"second_item_18_move_send_once", carry_second<MOVE_ONCE, false>,
                                                    {SIP, SIP, SIP, SIP, SIP, OK,  SIP, SIP, SIP, OK,  OK}},
    {"two_of_item_6_copy",   carry_twice<SEND>,     {OK,  OK,  OK,  OK,  OK,  SIP, OK,  SIP, SIP, OK,  OK}},
    {"two_of_item_4_receive", carry_twice<RECEIVE>, {SIP, SIP, SIP, SIP, SIP, SIP, SIP, SIP, SIP, OK,  OK}},
    {"two_of_item_18_move_send_once", carry_twice<MOVE_ONCE>,
                                                    {SIP, SIP, SIP, SIP, SIP, SIP, SIP, SIP, SIP, OK,  OK}},
    {"two_of_item_21_make_send_once", carry_twice<MAKE_ONCE>,
                                                    {SIP, OK,  SIP, OK,  OK,  SIP, SIP, SIP, SIP, OK,  OK}},
};
// clang-format on

}  // namespace umach::tests
