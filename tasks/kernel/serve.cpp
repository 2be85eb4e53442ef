// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/serve.hpp"

#include "ports/calls.hpp"
#include "ports/memory.hpp"
#include "ports/message.hpp"
#include "runtime/detail.hpp"

namespace umach::tasks {

ItemReader open_request(const ports::KernelRequest& request, bool complex) {
    ports::Kernel& k = request.caller.k;
    const ports::MessageRecord& record = k.message(request.message);
    const bool is_complex = (record.identity.get().flags & ports::message_complex) != 0;
    std::vector<const std::byte*> memory = is_complex ? ports::memory_of(k, request.message) : std::vector<const std::byte*>{};
    const bool has_rights = is_complex && memory.size() != record.identity.get().rights;
    // Out-of-line data makes a request complex too, with and without rights.
    if (complex ? !is_complex : has_rights) return ItemReader(nullptr, sizeof(msg_header_t) + 1);
    return ItemReader(k.body(request.message), record.size, std::move(memory), false);
}

kern_return_t wrong_kind(const ports::KernelRequest&) {
    runtime::set_detail("the kernel port does not stand for what this call works on");
    return KERN_INVALID_ARGUMENT;
}

// One that somebody else ends just now has not ended before this call is over.
bool sender_has_ended(const ports::KernelRequest& request) {
    const ports::ThreadRef sender = request.caller.thread;
    const ports::Identity now = request.caller.k.thread(sender.index).identity;
    return now.generation != sender.generation || now.life != ports::Life::live;
}

void drop(ports::KernelRequest& request) {
    ports::discard(request.caller, request.message);
}

bool can_reply(std::size_t bytes, std::size_t rights) {
    if (bytes <= MSG_SIZE_MAX && rights <= MSG_RIGHTS_MAX) return true;
    runtime::set_detail("quota: a reply of %zu bytes and %zu rights is no message", bytes, rights);
    return false;
}

namespace {

std::byte* begin(ports::KernelRequest& request, kern_return_t code, std::size_t bytes, std::size_t rights) {
    std::byte* text =
        ports::begin_reply(request, static_cast<std::uint32_t>(bytes), static_cast<std::uint32_t>(rights));
    if (text == nullptr) {
        runtime::set_detail("the host has no memory for a reply of %zu bytes", bytes);
        return nullptr;
    }
    ItemWriter(text).write(Int{code});
    return text;
}

}  // namespace

// A record always has room for a code alone, so that a reply cannot fail here.
void reply_code(ports::KernelRequest& request, kern_return_t code) {
    static_assert(reply_head <= ports::class_bytes[0]);
    begin(request, code, reply_head, 0);
    ports::send_reply(request);
}

std::byte* begin_good_reply(ports::KernelRequest& request, std::size_t bytes, std::size_t rights) {
    ports::give_up_names(request);
    return begin(request, KERN_SUCCESS, bytes, rights);
}

void settle_right(ports::Caller& caller, std::uint32_t code, port_t name, bool sent) {
    if (name == PORT_NULL || name == PORT_DEAD) return;
    const auto drop = [&](port_type_t right) {
        return ports::release(caller, caller.task, name, right) == KERN_SUCCESS;
    };
    if (code == MSG_TYPE_PORT) {  // the message has one of its own
        if (!drop(PORT_TYPE_SEND)) drop(PORT_TYPE_DEAD_NAME);
    } else if (!sent) {
        drop(code == MSG_TYPE_PORT_ALL ? PORT_TYPE_RECEIVE : PORT_TYPE_SEND_ONCE) ||
            drop(PORT_TYPE_DEAD_NAME);
    }
}

void take_back_memory(ports::Caller& caller, std::span<const std::byte> memory) {
    static_cast<void>(ports::deallocate_address(caller, reinterpret_cast<std::uint64_t>(memory.data()), memory.size()));
}

namespace {

void serve_any(ports::KernelRequest& request) {
    const Call* call = call_of_id(request.caller.k.message(request.message).id);
    if (call != nullptr)
        call->serve(request);
    else
        reply_code(request, MIG_BAD_ID);
}

}  // namespace
}  // namespace umach::tasks

namespace umach::ports {

constinit KernelReceiver kernel_receiver = tasks::serve_any;

}  // namespace umach::ports
