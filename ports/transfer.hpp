// SPDX-License-Identifier: BSL-1.0
// The short way of a message: from its sender to a thread that waits for it, past the queue: calls, and answers. The
// sender does what the receiver would have done, names its rights included; the receiver finds the message at its
// thread and has only to copy it out.
#pragma once

#include "ports/kernel.hpp"

namespace umach::ports {

// no_room: the receiver cannot have its rights, or has just given up waiting. The step is to be undone, and the message
// goes into the queue, where the receiver finds that out itself.
enum class Transfer { nobody_waits, no_room, done };

// Hands over a message whose rights are its own by now. The port is live and its root is locked; nobody stands in line.
Transfer transfer(KernelStep& s, PortRef port, std::uint32_t message);

// Hands the answer to a call to the thread that waits for it, past the queue, as part of a step that has the answer in
// hand and holds the reply port's root. That is the end of the call.
// names: gives the answer's rights their names, too, if the thread waits for it; no_room: its space has none, the step
// is to be undone
enum class Answered { call_over, no_room, done };
Answered answer(KernelStep& s, PortRef port, CallRef call, std::uint32_t message, bool names);

// Whether the buffer of a waiting thread has room for the message.
bool fits(ThreadRecord& thread, const MessageRecord& message);

// Writes into a message for a waiting thread by which name its task knows the port.
void name_port(KernelStep& s, ThreadRecord& thread, PortRef port, std::uint32_t message);

// What a waiting thread says of its buffer: it takes messages of at most so many bytes, from that name.
constexpr std::uint64_t takes_word(std::uint32_t room, std::uint32_t name) { return std::uint64_t{name} << 32 | room; }
inline std::uint32_t name_taken_from(const ThreadRecord& thread) { return static_cast<std::uint32_t>(thread.takes.get() >> 32); }

}  // namespace umach::ports
