// SPDX-License-Identifier: BSL-1.0
#include "ports/ahead.hpp"

#include "ports/rights.hpp"
#include "ports/space.hpp"

namespace umach::ports {

// Who looks at all orders of accesses (tests/explore) need not look at these.
#if defined(__SANITIZE_THREAD__)

Ahead ask_for_port(Caller&, std::uint32_t) { return {}; }
void ask_for_receiver(Kernel&, const Ahead&) {}
void ask_for_message(Caller&) {}

#else

namespace {

constexpr std::size_t line = 64;

// For reading: to ask for it in order to write, as the processor can, wins nothing more.
template <class Record>
void ask_for(const Record& record, std::size_t lines = 1) {
    for (std::size_t i = 0; i < lines; ++i) __builtin_prefetch(reinterpret_cast<const std::byte*>(&record) + i * line);
}

}  // namespace

Ahead ask_for_port(Caller& caller, std::uint32_t destination) {
    TaskRecord& task = caller.k.task(caller.task.index);
    ask_for(task);
    const EntryRecord* const e = entry_at(caller.k, task, name_index(destination));
    if (e == nullptr) return {};
    const std::uint32_t port = e->port.get().index;
    ask_for(caller.k.port(port));
    return {port, (e->bits.get().rights & right_send_once) != 0 ? e->at.get().index : 0};
}

void ask_for_receiver(Kernel& k, const Ahead& ahead) {
    if (ahead.port == 0) return;
    PortRecord& port = k.port(ahead.port);
    if (const Place root = port.receiver; root.kind == PlaceKind::task) ask_for(k.task(root.index));
    if (const std::uint32_t waits = ahead.caller != 0 ? ahead.caller : port.receivers.get().first; waits != 0) ask_for(k.thread(waits));
}

void ask_for_message(Caller& caller) {
    constexpr std::size_t lines = (sizeof(MessageRecord) + 128) / line;   // with the first of its bytes
    Kernel& k = caller.k;
    TaskRecord& task = k.task(caller.task.index);
    ThreadRecord& thread = k.thread(caller.thread.index);
    ask_for(thread);
    ask_for(task);
    const auto number = static_cast<std::uint32_t>(thread.brought.load(std::memory_order_relaxed));
    if (number == 0) return;
    MessageRecord& message = k.message(number);
    ask_for(message, lines);
    const CallRef call = message.reply.call;
    if (call.thread == 0) return;
    ask_for(k.port(message.reply.port.get().index));
    ask_for(k.thread(call.thread));
    if (const EntryRecord* const e = entry_at(k, task, name_index(message.reply.info.get().name)); e != nullptr) ask_for(*e);
}

#endif

}  // namespace umach::ports
