// SPDX-License-Identifier: BSL-1.0
// Mach's truth values: an int, as every 2.5 interface passes it.
#pragma once

typedef int boolean_t;

#ifndef TRUE
#define TRUE ((boolean_t)1)
#endif

#ifndef FALSE
#define FALSE ((boolean_t)0)
#endif
