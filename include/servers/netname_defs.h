// SPDX-License-Identifier: BSL-1.0
// What the name service returns besides the codes of send and receive, and how long a name may be.
#pragma once

// A name, its end mark included, fits in this; one of full length has no end mark.
typedef char netname_name_t[80];

#define NETNAME_SUCCESS 0
#define NETNAME_PENDING (-1)
#define NETNAME_NOT_YOURS 1000
#define NETNAME_NOT_CHECKED_IN 1001
#define NETNAME_NO_SUCH_HOST 1002
#define NETNAME_HOST_NOT_FOUND 1003
#define NETNAME_INVALID_PORT 1004
