// SPDX-License-Identifier: BSL-1.0
// Answers to who asks what the server has: its links, and its proxies.
#include "servers/netmsg/seen.hpp"

#include <servers/netname.h>

#include "servers/netmsg/replies.hpp"
#include "servers/netmsg/server.hpp"

namespace umach::netmsg {

SeenLink Link::seen() const {
    const transport::Counts& counts = transport_->counts();
    SeenLink seen{};
    peer_name_.copy(static_cast<char*>(seen.peer), sizeof seen.peer - 1);
    address_.copy(static_cast<char*>(seen.address), sizeof seen.address - 1);
    seen.listened = listened_ ? 1 : 0;
    seen.frames_waiting = static_cast<std::uint32_t>(controls_.size() + outgoing_.size());
    rights_.each_proxy([&](const Proxy& proxy) {
        ++seen.proxies;
        seen.without_credit += proxy.credit ? 0 : 1;
    });
    rights_.each_holding([&](const Holding& holding) {
        ++seen.holdings;
        seen.waiting += holding.busy ? 1 : 0;
    });
    seen.messages_out = messages_out_;
    seen.messages_in = messages_in_;
    seen.frames_out = counts.frames_sent;
    seen.frames_in = counts.frames_received;
    seen.bytes_out = counts.bytes_sent;
    seen.bytes_in = counts.bytes_received;
    seen.sent_again = counts.sent_again;
    seen.discarded = counts.discarded;
    seen.round_trip_ns = static_cast<std::uint64_t>(counts.round_trip.count());
    seen.memory_out = memory_out_;
    seen.memory_in = memory_in_;
    return seen;
}

void Link::see_proxies(std::vector<SeenProxy>& rows) const {
    rights_.each_proxy([&](const Proxy& proxy) {
        SeenProxy row{{}, proxy.name, proxy.id, proxy.once ? 1u : 0u, proxy.credit ? 1u : 0u};
        peer_name_.copy(static_cast<char*>(row.peer), sizeof row.peer - 1);
        rows.push_back(row);
    });
}

namespace {

template <class Row>
void answer_rows(const Buffer& message, std::vector<Row>& rows) {
    SeenRows reply;
    reply.rows = reinterpret_cast<std::byte*>(rows.data());
    reply.type.msg_type_long_number = static_cast<unsigned>(rows.size() * sizeof(Row));
    answer(message.header.msg_remote_port, reply.header, sizeof reply, message.header.msg_id);
}

}  // namespace

void Server::show(const Buffer& message) {
    std::vector<SeenLink> links;
    std::vector<SeenProxy> proxies;
    for (const auto& [number, link] : links_) {
        links.push_back(link->seen());
        link->see_proxies(proxies);
    }
    if (message.header.msg_id == see_links_id && message.header.msg_simple != 0) return answer_rows(message, links);
    if (message.header.msg_id == see_proxies_id && message.header.msg_simple != 0)
        return answer_rows(message, proxies);
    discard(message);
}

}  // namespace umach::netmsg
