// SPDX-License-Identifier: BSL-1.0
// The queue of a port: at most `backlog` ordinary messages, and any number to send-once rights; beside it the line of
// messages that wait for room. Everything here happens under the lock of the port's root.
#pragma once

#include "ports/kernel.hpp"

namespace umach::ports {

// Whether a receive would find something: a notice or a message.
bool has_news(PortRecord& port);

// To be called after news was added to a port, and before `had_news` of the next call can change: links the port into
// its set's list of ready ports and wakes one receiver.
void announce(KernelStep& s, std::uint32_t port, bool had_news);

// The first waiting receiver that takes any message, and may be told under the locks that the step holds; 0: none.
std::uint32_t next_receiver(KernelStep& s, const Field<Pair>& receivers);

// Wakes another receiver if the port still has news: after a message was taken while others wait, and when a receiver that
// was told of news did not take it.
void pass_news(KernelStep& s, std::uint32_t port);

// To be called after news was taken: the port leaves its set's list of ready ports, or goes to its end.
void rotate_ready(KernelStep& s, std::uint32_t port);

// Puts a message at the tail of the queue and wakes a receiver.
void enqueue(KernelStep& s, std::uint32_t port, std::uint32_t message);
// Counts a message that somebody has received from the port.
void count_received(KernelStep& s, PortRecord& port);
// Takes the message off the queue.
void dequeue(KernelStep& s, std::uint32_t port, std::uint32_t message);

// Puts a message at the end of the line (state waiting or kept), and takes it out of it.
void line_up(KernelStep& s, std::uint32_t port, std::uint32_t message, MessageState state);
void leave_line(KernelStep& s, std::uint32_t port, std::uint32_t message);

bool has_room(PortRecord& port);

// Marks a message of the line as being admitted, at which its sender looks when it gives up (sending.hpp, leave_behind).
// returns: false when it has given up: the step is to be undone
bool begin_admission(KernelStep& s, MessageRecord& message, const ThreadRecord& sender);

// Notes that somebody has to look whether the head of the line can be admitted.
void owe_admission(KernelStep& s, std::uint32_t port);

// Pays one admission that the debtor owes: admits the head of the line if there is room, strictly in order, acting for
// its sender; the debt is gone when nothing is left to admit.
void admit_one(Kernel& k, runtime::Carrier& carrier, runtime::CarrierRecord& debtor);

// Ends the waits of threads that can no longer wait at the port itself: it is dying, in a set, or another's. As many as
// the step can ring, one at least; each ended one passes it on.
void kick_receivers(KernelStep& s, PortRecord& port, int result);

// Takes the port out of the set that it is in, if any; the set's task is the port's root.
void leave_set(KernelStep& s, std::uint32_t port);

// Changes the fields of a message's identity.
void set_state(KernelStep& s, MessageRecord& message, MessageState state);

}  // namespace umach::ports
