// SPDX-License-Identifier: BSL-1.0
// The algebra of rights: how a right leaves a space, rides in a message, and enters a space. A port counts its send
// rights: one for each space that has any, and one for each message, special or registered port (of a task, a thread or
// the host), or link to a backup port that holds one. The port that a request is to tell is not counted.
#pragma once

#include "ports/space.hpp"

#include <mach/message.h>

namespace umach::ports {

// A task that is to have a name for a port is noted there before somebody looks (Field::look) whether the port lives;
// who takes a dying port apart looks, once its dying is committed, which tasks may have names. So at least one of them
// sees the other. A task is known by its index modulo 64. Whoever finds its bit set need not set it, if it looks in the
// same order (sequentially consistent): whoever set it did so before.
inline bool is_noted(const PortRecord& port, std::uint64_t bit) { return (port.filter.load() & bit) != 0; }
inline void note_holder(PortRecord& port, TaskRef task) {
    const std::uint64_t bit = std::uint64_t{1} << task.index % 64;
    if (!is_noted(port, bit)) port.filter.fetch_or(bit);
}
inline std::uint64_t possible_holders(const PortRecord& port) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return port.filter.load();
}

// Counts one more send right of a live port.
// returns: false when the port is dead
bool count_send(KernelStep& s, PortRef port);
// Gives one counted send right back: nobody left to send is told, if somebody asked for it. Nothing if the port is dead.
void drop_send(KernelStep& s, PortRef port);

// Tells a call by msg_rpc that its reply right is gone: it ends with MIG_SERVER_DIED, if it still waits.
void answer_dead(KernelStep& s, PortRef port, CallRef call);

// Puts a counted send right into a space under whatever name the space has for the port, or a new one.
// takes: the count; if the space had a send right already the count is given back
// returns: the entry's index; 0 when the space is full
std::uint32_t put_send(KernelStep& s, TaskRef task, PortRef port);
std::uint32_t put_send_once(KernelStep& s, TaskRef task, PortRef port, CallRef call);
// Puts receive right, ownership or both into a space; the port's records name the space from then on.
std::uint32_t put_receive(KernelStep& s, TaskRef task, PortRef port, Carried what);

// Adds references to the send right of an entry, pegged at 65,534.
void add_urefs(KernelStep& s, EntryRecord& e, std::uint32_t more);

// ---- rights in messages: message_rights.cpp ----------------------------------------------------------------------

// Resolves a name of the task to the port that it can send to.
// returns: null when it names no such right
struct Destination {
    PortRef port;
    std::uint32_t entry = 0;
    bool send_once = false;
};
Destination destination_of(Kernel& k, TaskRecord& task, std::uint32_t name);

// Checks that the sender holds every right of the message and acts: `take_all` moves and counts all of them;
// otherwise only copies are counted, and what moves stays with the sender.
// returns: SEND_SUCCESS; or SEND_INVALID_PORT, SEND_INVALID_MEMORY or SEND_KERNEL_REFUSED, and runtime::detail() says which
// right, memory or quota; the step is to be undone then
msg_return_t take_rights(KernelStep& s, TaskRef sender, std::uint32_t message, PortRef destination, bool take_all);

// Whether the message has rights that leave the sender only when it is admitted.
bool has_moves(Kernel& k, std::uint32_t message);

// Releases the right in a slot of a message that nobody will receive; the message is on the root's list.
void release_slot(KernelStep& s, TaskRef root, std::uint32_t message, RightSlot& slot);

// Notes at the destination and every port above it how deep receive rights lie below, once `moving` has come there.
// returns: false when that would be deeper than is allowed
bool deepen(KernelStep& s, std::uint32_t moving, std::uint32_t destination);

// The receive right leaves the task that holds it for `to`: the port leaves its set, its tallies begin again, and who
// waits to receive from it gets RCV_INVALID_PORT.
void detach_receiver(KernelStep& s, PortRef port, Place to);

// Names every right of the message in the receiver's space; the names stand in the slots then.
// returns: false when the space is full; the step is to be undone then
bool name_rights(KernelStep& s, TaskRef receiver, std::uint32_t message);

}  // namespace umach::ports
