// SPDX-License-Identifier: BSL-1.0
#include "linked.hpp"

#include <mach.h>
#include <servers/netname.h>

#include <cstring>

namespace umach::tools {
namespace {

constexpr msg_timeout_t patience = 1000;  // ms

template <class Row>
std::vector<Row> rows_from(port_t server, msg_id_t id) {
    netmsg::SeenRows rows;
    port_t reply = PORT_NULL;
    std::vector<Row> found;
    if (port_allocate(task_self(), &reply) != KERN_SUCCESS) return found;
    rows.header = {0, TRUE, sizeof(msg_header_t), 0, reply, server, id};
    const msg_return_t code =
        msg_rpc(&rows.header, SEND_TIMEOUT | RCV_TIMEOUT, sizeof rows, patience, patience);
    if (code == RPC_SUCCESS && rows.header.msg_size == sizeof rows && rows.rows != nullptr) {
        found.resize(rows.type.msg_type_long_number / sizeof(Row));
        std::memcpy(found.data(), rows.rows, found.size() * sizeof(Row));
        vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(rows.rows), rows.type.msg_type_long_number);
    }
    port_deallocate(task_self(), reply);
    return found;
}

template <class Row>
std::multimap<unsigned, Row> rows_of(const Snapshot& all, msg_id_t id) {
    std::multimap<unsigned, Row> found;
    for (const auto& [number, task] : all.tasks) {
        port_t server = PORT_NULL;
        const std::string name = netmsg::seen_under(task.pid);
        if (netname_look_up(name_server_port, "", name.c_str(), &server) != NETNAME_SUCCESS) continue;
        for (const Row& row : rows_from<Row>(server, id)) found.emplace(number, row);
        port_deallocate(task_self(), server);
    }
    return found;
}

}  // namespace

std::multimap<unsigned, netmsg::SeenLink> links_of(const Snapshot& all) {
    return rows_of<netmsg::SeenLink>(all, netmsg::see_links_id);
}

std::multimap<unsigned, netmsg::SeenProxy> proxies_of(const Snapshot& all) {
    return rows_of<netmsg::SeenProxy>(all, netmsg::see_proxies_id);
}

}  // namespace umach::tools
