// SPDX-License-Identifier: BSL-1.0
#pragma once

// A function that the sanitizers leave alone: it runs where their own threads, locks or tables are not to be
// had.
#define UMACH_UNSEEN __attribute__((no_sanitize("address", "thread", "undefined")))
