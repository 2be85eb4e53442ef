// SPDX-License-Identifier: BSL-1.0
// Every kind of thing that can stand under a name, made in one task: the other rights of such a port lie in
// messages that wait at ports of the test's.
#pragma once

#include "space.hpp"

#include <memory>

namespace umach::tests {

enum class Kind {
    send,          // S  a send right alone
    receive,       // R  the receive right without ownership
    own,           // O  ownership without the receive right
    all,           // A  what port_allocate gives
    all_and_send,  // B  and a send right besides
    send_once,     // 1
    dead,          // D  a dead name, its notification not received yet
    set,           // T
    unknown,       // U  a number that names nothing
    null,          // N  PORT_NULL
    port_dead,     // X  PORT_DEAD
};
inline constexpr int kinds = 11;
inline constexpr const char* kind_names[kinds] = {
    "SendRight",     "ReceiveRight", "Ownership", "ReceiveAndOwnership", "ReceiveOwnershipAndSend",
    "SendOnceRight", "DeadName",     "PortSet",   "UnknownName",         "PortNull",
    "PortDead"};

// Makes a name of a kind; its destructor removes the name and whatever has become of it.
class Named {
public:
    explicit Named(Kind kind);
    Named(const Named&) = delete;
    Named& operator=(const Named&) = delete;
    ~Named();
    port_t name() const { return name_; }
    operator port_t() const { return name_; }
    // Ends the port, if the rights that this task does not hold lie in a message.
    void end_port();

private:
    void make_send();
    void make_send_once();
    Port parking_;  // where messages with the other rights wait
    port_t name_ = PORT_NULL;
};

// Forgets every notification that waits.
void forget_notices();

}  // namespace umach::tests
