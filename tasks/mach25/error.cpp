// SPDX-License-Identifier: BSL-1.0
// Codes in words, and the cause of this thread's last failure.
#include "tasks/mach25/face.hpp"

#include <servers/netname_defs.h>
#include <array>
#include <cstdio>
#include <cstring>

namespace {

struct Words {
    int code;
    const char* text;
};

constexpr auto words = std::to_array<Words>({
    {KERN_SUCCESS, "success"},
    {KERN_INVALID_ADDRESS, "invalid address"},
    {KERN_PROTECTION_FAILURE, "protection failure"},
    {KERN_NO_SPACE, "no space available in the address space"},
    {KERN_INVALID_ARGUMENT, "invalid argument"},
    {KERN_FAILURE, "failure"},
    {KERN_RESOURCE_SHORTAGE, "resource shortage"},
    {KERN_NOT_RECEIVER, "not the receiver of the port"},
    {KERN_NO_ACCESS, "no access"},
    {KERN_MEMORY_FAILURE, "memory object failed"},
    {KERN_MEMORY_ERROR, "memory object cannot supply the data"},
    {KERN_ALREADY_IN_SET, "port is in the set already"},
    {KERN_NOT_IN_SET, "port is in no set"},
    {KERN_NAME_EXISTS, "name is in use"},
    {KERN_ABORTED, "operation aborted"},
    {KERN_INVALID_NAME, "no such name"},
    {KERN_INVALID_TASK, "no such task"},
    {KERN_INVALID_RIGHT, "name stands for another kind of right"},
    {KERN_INVALID_VALUE, "value out of range"},
    {KERN_UREFS_OVERFLOW, "too many user references"},
    {KERN_INVALID_CAPABILITY, "capability is not valid here"},
    {KERN_RIGHT_EXISTS, "task has the right under another name"},
    {KERN_INVALID_HOST, "no such host"},
    {KERN_MEMORY_PRESENT, "memory is present already"},
    {SEND_INVALID_MEMORY, "send: message cannot be read"},
    {SEND_INVALID_PORT, "send: no such right, or the port has died"},
    {SEND_TIMED_OUT, "send: timed out"},
    {SEND_WILL_NOTIFY, "send: message is kept, a notification will follow"},
    {SEND_NOTIFY_IN_PROGRESS, "send: an earlier message of this thread is still kept"},
    {SEND_KERNEL_REFUSED, "send: refused by the kernel"},
    {SEND_INTERRUPTED, "send: interrupted"},
    {SEND_MSG_TOO_LARGE, "send: message too large"},
    {SEND_MSG_TOO_SMALL, "send: message too small"},
    {RCV_INVALID_MEMORY, "receive: buffer cannot be written"},
    {RCV_INVALID_PORT, "receive: no such receive right or set, or the port has died"},
    {RCV_TIMED_OUT, "receive: timed out"},
    {RCV_TOO_LARGE, "receive: message larger than the buffer"},
    {RCV_NOT_ENOUGH_MEMORY, "receive: no room for the message's rights or memory"},
    {RCV_ONLY_SENDER, "receive: nobody else can send"},
    {RCV_INTERRUPTED, "receive: interrupted"},
    {RCV_PORT_CHANGE, "receive: port was put into a set"},
    {MIG_TYPE_ERROR, "stub: wrong type in message"},
    {MIG_REPLY_MISMATCH, "stub: reply has another id"},
    {MIG_REMOTE_ERROR, "stub: server found an error"},
    {MIG_BAD_ID, "stub: no such request id"},
    {MIG_BAD_ARGUMENTS, "stub: arguments do not fit the request"},
    {MIG_NO_REPLY, "stub: no reply to send"},
    {MIG_EXCEPTION, "stub: server raised an exception"},
    {MIG_ARRAY_TOO_LARGE, "stub: array too large"},
    {MIG_SERVER_DIED, "server died, or dropped the request"},
    {MIG_DESTROY_REQUEST, "stub: request is to be destroyed"},
    {NETNAME_PENDING, "name service: answer is pending"},
    {NETNAME_NOT_YOURS, "name service: entered with another signature"},
    {NETNAME_NOT_CHECKED_IN, "name service: no such name"},
    {NETNAME_NO_SUCH_HOST, "name service: no such host"},
    {NETNAME_HOST_NOT_FOUND, "name service: host not found"},
    {NETNAME_INVALID_PORT, "name service: not a live port"},
});

constinit thread_local std::array<char, umach::runtime::detail_bytes> cause{};

}  // namespace

namespace umach::tasks {

int keep_detail(int code) {
    const char* said = runtime::detail();
    std::snprintf(cause.data(), cause.size(), "%s", *said != '\0' ? said : mach_error_string(code));
    return code;
}

kern_return_t no_such_memory() {
    runtime::set_detail("an address for a result, or of an array, is not memory that can be used so");
    return KERN_INVALID_ADDRESS;
}

}  // namespace umach::tasks

extern "C" {

const char* mach_error_string(mach_error_t error) {
    for (const Words& entry : words)
        if (entry.code == error) return entry.text;
    return "unknown code";
}

void mach_error(const char* text, mach_error_t error) {
    std::fprintf(stderr, "%s: %s (%d)\n", text != nullptr ? text : "", mach_error_string(error), error);
}

const char* mach_error_detail(void) {
    return cause.data();
}

}  // extern "C"
