// SPDX-License-Identifier: BSL-1.0
// call: ask a server and wait for its answer. The other side is server.hpp.
//
// An answer has the request's id + 100 and begins with a return code, as Mach's stubs have it. A call never
// hangs on a server that died: it ends with MIG_SERVER_DIED.
#pragma once

#include <chrono>
#include <optional>

#include <umach/message_reader.hpp>

namespace umach {

/// An answer's id is the request's and this.
inline constexpr unsigned reply_id_offset = 100;

/// A client may send any id, so it wraps.
inline msg_id_t reply_id(msg_id_t request) noexcept {
    return static_cast<msg_id_t>(static_cast<unsigned>(request) + reply_id_offset);
}

namespace detail {

/// The thread of control's own port for answers: a fiber has one that its siblings do not use.
inline Result<PortName> reply_port() {
    const port_t port = thread_reply();
    return port != PORT_NULL ? Result(PortName(port)) : Error::last(KERN_RESOURCE_SHORTAGE);
}

}  // namespace detail

/// Sends `request` and receives the answer, whatever it says. reply_to() of the request is not used.
/// takes: what was moved into `request`, unless a send code is returned; the writer is then empty.
/// waits, returns: as msg_rpc(); SEND_WILL_NOTIFY the request was kept, and no answer was waited for.
[[nodiscard]] inline Result<Message> rpc(PortName port, MessageWriter& request,
                                         WhenFull when_full = WhenFull::wait(),
                                         WhenEmpty when_empty = WhenEmpty::wait()) {
    if (!request.status()) {
        return request.status().error();
    }
    const Result<PortName> reply_port = detail::reply_port();
    if (!reply_port) {
        return reply_port.error();
    }
    auto spare = std::make_unique_for_overwrite<MessageBuffer>();
    msg_header_t& header = request.address(port, *reply_port);
    request.departing_.before_send();
    const int code = msg_rpc(&header, when_full.option() | when_empty.option(), MSG_SIZE_MAX,
                             when_full.timeout(), when_empty.timeout());
    if (msg_return_send(code) && code != SEND_WILL_NOTIFY) {
        Error error = Error::last(code);
        request.departing_.after_failure();
        return error;
    }
    Result<Message> answer = code == RPC_SUCCESS
                                 ? Result(Message(std::exchange(request.buffer_, std::move(spare))))
                                 : Error::last(code);
    request.departing_.after_success();
    request.clear(0);
    return answer;
}

/// returns: the answer, its reader standing behind the return code; that code when it is not KERN_SUCCESS;
/// MIG_REPLY_MISMATCH when it answers something else; MIG_TYPE_ERROR when it has no return code.
[[nodiscard]] inline Result<Message> checked_reply(Result<Message> answer, msg_id_t request_id) {
    if (!answer) {
        return answer;
    }
    if (answer->id() != reply_id(request_id)) {
        return Error(MIG_REPLY_MISMATCH);
    }
    MessageReader reader = answer->reader();
    const Result<int> code = reader.get<int>();
    if (!code || *code != KERN_SUCCESS) {
        return code ? Error(*code, "the server's answer") : code.error();
    }
    answer->begin_ = reader.offset();
    return answer;
}

/// Asks with a message that may carry rights.
/// takes, returns: as rpc() and checked_reply(). waits: `timeout` for room, then as long for the answer;
/// without one for ever.
[[nodiscard]] inline Result<Message> call(PortName port, MessageWriter& request,
                                          std::optional<std::chrono::milliseconds> timeout = {}) {
    const msg_id_t id = request.id();
    const auto when_full = timeout ? WhenFull::wait_for(*timeout) : WhenFull::wait();
    const auto when_empty = timeout ? WhenEmpty::wait_for(*timeout) : WhenEmpty::wait();
    return checked_reply(rpc(port, request, when_full, when_empty), id);
}

/// Asks with a structure and gets one back (or void): the other end of Server::handle<Request, Reply>.
template <Plain Request, typename Reply>
[[nodiscard]] Result<Reply> call(PortName port, msg_id_t id, const Request& request,
                                 std::optional<std::chrono::milliseconds> timeout = {}) {
    MessageWriter message(id);
    message.put_struct(request);
    Result<Message> answer = call(port, message, timeout);
    if (!answer) {
        return answer.error();
    }
    if constexpr (std::is_void_v<Reply>) {
        return {};
    } else {
        return answer->reader().template get_struct<Reply>();
    }
}

}  // namespace umach
