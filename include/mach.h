// SPDX-License-Identifier: BSL-1.0
// Everything that a Mach 2.5 program includes: types, messages, calls, what it finds at its start, and errors
// in words.
#pragma once

#include <mach/kern_return.h>
#include <mach/mach_interface.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/notify.h>
#include <mach/port.h>
#include <mach_error.h>
#include <mach_init.h>
