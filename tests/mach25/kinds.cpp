// SPDX-License-Identifier: BSL-1.0
#include "kinds.hpp"

namespace umach::tests {

void forget_notices() {
    Letter letter;
    while (letter.receive(task_notify()) == RCV_SUCCESS)
        for (const Item& item : letter.items())
            if (item.code != MSG_TYPE_PORT_NAME)
                for (port_t name : item.names) port_deallocate(task_self(), name);
}

Named::Named(Kind kind) {
    const task_t self = task_self();
    switch (kind) {
        case Kind::send: make_send(); break;
        case Kind::receive:
            port_allocate(self, &name_);
            EXPECT_EQ(SEND_SUCCESS, send_right(parking_, MSG_TYPE_PORT_OWNERSHIP, name_));
            break;
        case Kind::own:
            port_allocate(self, &name_);
            EXPECT_EQ(SEND_SUCCESS, send_right(parking_, MSG_TYPE_PORT_RECEIVE, name_));
            break;
        case Kind::all: port_allocate(self, &name_); break;
        case Kind::all_and_send:
            port_allocate(self, &name_);
            add_send_right(name_);
            break;
        case Kind::send_once: make_send_once(); break;
        case Kind::dead:
            make_send();
            end_port();
            break;
        case Kind::set: port_set_allocate(self, &name_); break;
        case Kind::unknown: name_ = unknown_name; break;
        case Kind::null: name_ = PORT_NULL; break;
        case Kind::port_dead: name_ = PORT_DEAD; break;
    }
}

void Named::make_send() {
    port_allocate(task_self(), &name_);
    EXPECT_EQ(SEND_SUCCESS, send_right(parking_, MSG_TYPE_PORT_ALL, name_));
}

void Named::make_send_once() {
    port_t port = PORT_NULL;
    port_allocate(task_self(), &port);
    name_ = tests::make_send_once(port);
    EXPECT_EQ(SEND_SUCCESS, send_right(parking_, MSG_TYPE_PORT_ALL, port, true));
}

void Named::end_port() {
    parking_.drop();
}

Named::~Named() {
    parking_.drop();
    port_deallocate(task_self(), name_);
    port_set_deallocate(task_self(), name_);
    forget_notices();
}

}  // namespace umach::tests
