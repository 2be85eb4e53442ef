// SPDX-License-Identifier: BSL-1.0
// Bits that a program may set in msg_type beside the kernel's own values 0 to 5. They are carried, never
// acted upon.
#pragma once

#include <mach/message.h>

#define MSG_TYPE_CAMELOT (1 << 6)
#define MSG_TYPE_ENCRYPTED (1 << 7)
// The sender waits for a reply.
#define MSG_TYPE_RPC (1 << 8)
