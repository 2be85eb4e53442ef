// SPDX-License-Identifier: BSL-1.0
// The client's side of the table: requests and replies as messages, for who sends them itself instead of
// calling a function. The ids and items are those of the handler's row.
#pragma once

#include "tasks/kernel/serve.hpp"

#include <mach/message.h>
#include <mach/vm_interface.h>
#include <mach_init.h>

#include <array>

namespace umach::tasks {

// A request in a buffer that has room for its reply.
template <auto Handler>
class Request {
public:
    using Ins = typename TraitsOf<Handler>::Ins;
    using Outs = typename TraitsOf<Handler>::Outs;

    // reply: where the answer is to go, PORT_NULL for none
    Request(port_t to, port_t reply, const Ins& in) {
        msg_header_t& head = *header();
        head.msg_simple = std::apply([](const auto&... item) { return (item.is_right || ...); }, in) ? 0 : 1;
        head.msg_remote_port = to;
        head.msg_local_port = reply;
        head.msg_id = call_of_server(serve<Handler>)->id;
        const std::size_t bytes =
            std::apply([](const auto&... item) { return (sizeof(msg_header_t) + ... + size_of(item)); }, in);
        head.msg_size = static_cast<msg_size_t>(bytes);
        ItemWriter writer(text_.data());
        std::apply([&](const auto&... item) { (writer.write(item), ...); }, in);
    }

    msg_header_t* header() { return reinterpret_cast<msg_header_t*>(text_.data()); }
    // The descriptor that stands so many bytes behind the header.
    msg_type_t* descriptor(std::size_t at = 0) {
        return reinterpret_cast<msg_type_t*>(text_.data() + sizeof(msg_header_t) + at);
    }

    // Reads what has come into the buffer as the reply. Memory that came is the caller's.
    // returns: the call's code; MIG_REPLY_MISMATCH when it is no reply to this request, MIG_TYPE_ERROR when
    // its items are not those of the row
    kern_return_t read_reply(Outs* out) {
        if (header()->msg_id != call_of_server(serve<Handler>)->id + reply_distance)
            return MIG_REPLY_MISMATCH;
        ItemReader reader(text_.data(), header()->msg_size);
        Int code;
        bool whole = reader.read(code);
        if (whole && code.value == KERN_SUCCESS)
            whole = std::apply([&](auto&... item) { return (reader.read(item) && ...); }, *out);
        for (const auto& data : reader.copied()) vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(data.data()), data.size());
        return whole && reader.at_end() ? code.value : MIG_TYPE_ERROR;
    }

private:
    alignas(8) std::array<std::byte, MSG_SIZE_MAX> text_{};
};

}  // namespace umach::tasks
