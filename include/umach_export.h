// SPDX-License-Identifier: BSL-1.0
// What the public C headers share: linkage, and which symbols the library exports.
#pragma once

#if defined(__GNUC__)
#define UMACH_EXPORT __attribute__((visibility("default")))
#else
#define UMACH_EXPORT
#endif

#ifdef __cplusplus
#define UMACH_BEGIN_C extern "C" {
#define UMACH_END_C }
#else
#define UMACH_BEGIN_C
#define UMACH_END_C
#endif
