// SPDX-License-Identifier: BSL-1.0
// What the receive trap and the receive half of msg_rpc share.
#pragma once

#include "ports/message.hpp"
#include "ports/notice.hpp"
#include "ports/wait.hpp"

namespace umach::ports {

// What one look at a port came to.
enum class Got { message, notice, wait, code };
struct Taken {
    Got got = Got::code;
    msg_return_t code = RCV_SUCCESS;
    std::uint32_t epoch = 0;
    std::uint32_t needed = 0;    // RCV_TOO_LARGE: bytes
    Delivery delivery;
    Notice notice;
    PortRef at;                  // wait: the port, or null for a set
    SetRef set;
};

inline Taken with_code(msg_return_t code) {
    Taken taken;
    taken.code = code;
    return taken;
}

struct Receive {
    Caller& caller;
    msg_header_t* buffer;
    std::uint32_t room;          // bytes
    std::uint32_t name;
    msg_option_t options;

    TaskRecord& task() const { return caller.k.task(caller.task.index); }
    ThreadRecord& thread() const { return caller.k.thread(caller.thread.index); }
    bool may_wait = true;
};

// The task's name for a port; 0 for none.
std::uint32_t name_of(Kernel& k, TaskRecord& task, PortRef port);

// The end of a look that found no room in the space for the rights: the step is undone.
Taken no_space(KernelStep& s);

// The message is in the carrier's hand from here on, to be copied out.
void hold(KernelStep& s, const Receive& r, std::uint32_t message);

// Begins a wait in a list of receivers, or gives up if the caller may not wait.
Taken wait_for_news(KernelStep& s, const Receive& r, WaitKind kind, PortRef at, Field<Pair>& receivers);

// Parks until the wait is ended.
// returns: RCV_SUCCESS: look again
msg_return_t wait_for_end(const Receive& r, const Taken& begun, runtime::Deadline deadline);

// Whether the wait that is over brought a message to the thread, with nothing left to do but to copy it out.
bool was_handed(const Receive& r);
msg_return_t finish_handed(const Receive& r);

// Brings what was taken into the buffer, or says why nothing was.
msg_return_t finish(const Receive& r, const Taken& got);

runtime::Deadline deadline_of(msg_option_t options, msg_timeout_t timeout);

// Looks whether the buffer can be written, before anything changes.
bool check_buffer(Receive& r, msg_header_t* header, std::uint32_t size);

}  // namespace umach::ports
