// SPDX-License-Identifier: BSL-1.0
// What a name service answers, said in its place.
#pragma once

#include <string>

#include "servers/name/wire.hpp"
#include "servers/netmsg/space.hpp"

namespace umach::netmsg {

// takes: the right to answer
void answer(port_t to, msg_header_t& reply, msg_size_t size, msg_id_t request);
void answer_found(port_t to, port_t port);
void refuse(port_t to, msg_id_t request, kern_return_t code);

// returns: the name that is looked up; "" in what is no look-up
std::string name_in(const Buffer& message);

}  // namespace umach::netmsg
