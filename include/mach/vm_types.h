// SPDX-License-Identifier: BSL-1.0
// Addresses and sizes of memory: as wide as a pointer, so that a 2.5 program that stores a pointer in one
// loses nothing.
#pragma once

#include <stdint.h>

typedef uintptr_t vm_address_t;
typedef uintptr_t vm_offset_t;
typedef uintptr_t vm_size_t;
typedef uintptr_t pointer_t;
