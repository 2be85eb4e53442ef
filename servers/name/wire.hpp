// SPDX-License-Identifier: BSL-1.0
// The messages of the name service, request and reply side by side: subsystem 1040, a reply's id is its
// request's + 100.
#pragma once

#include <mach/message.h>
#include <servers/netname_defs.h>

namespace umach::names {

inline constexpr msg_id_t check_in_id = 1040, look_up_id = 1041, check_out_id = 1042, version_id = 1043;
inline constexpr msg_id_t reply_offset = 100;

// Under this and a host's name the server of the link to that host is checked in.
inline constexpr const char* link_prefix = "netmsg/";

struct NameItem {
    msg_type_long_t type{{0, 0, 0, 1, 1, 0, 0}, MSG_TYPE_STRING, 8 * sizeof(netname_name_t), 1};
    netname_name_t text{};
};
struct PortItem {
    msg_type_t type{MSG_TYPE_PORT, 32, 1, 1, 0, 0, 0};
    port_t port = PORT_NULL;
};
struct CodeItem {
    msg_type_t type{MSG_TYPE_INTEGER_32, 32, 1, 1, 0, 0, 0};
    kern_return_t code = NETNAME_SUCCESS;
};

struct CheckIn {
    msg_header_t header{};
    NameItem name;
    PortItem signature, port;
};
struct LookUp {
    msg_header_t header{};
    NameItem host, name;
};
struct CheckOut {
    msg_header_t header{};
    NameItem name;
    PortItem signature;
};
struct Version {
    msg_header_t header{};
};

struct Done {  // the reply to check in and check out, and to every request that failed
    msg_header_t header{};
    CodeItem result;
};
struct Found {
    msg_header_t header{};
    CodeItem result;
    PortItem port;
};
struct VersionTold {
    msg_header_t header{};
    CodeItem result;
    NameItem text;
};

}  // namespace umach::names
