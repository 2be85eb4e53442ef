// SPDX-License-Identifier: BSL-1.0
// What an interface stub returns besides the codes of send and receive. msg_rpc() itself returns
// MIG_SERVER_DIED.
#pragma once

#define MIG_TYPE_ERROR (-300)
#define MIG_REPLY_MISMATCH (-301)
#define MIG_REMOTE_ERROR (-302)
#define MIG_BAD_ID (-303)
#define MIG_BAD_ARGUMENTS (-304)
#define MIG_NO_REPLY (-305)
#define MIG_EXCEPTION (-306)
#define MIG_ARRAY_TOO_LARGE (-307)
#define MIG_SERVER_DIED (-308)
#define MIG_DESTROY_REQUEST (-309)
