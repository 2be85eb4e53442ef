// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: the checksum of frames, CRC-32C: by the processor's instruction where it has one, else
// by tables.
#pragma once

#include <cstdint>

#include "runtime/transport/frame.hpp"

namespace umach::transport {

// The sum of what came before, ~0 at first, goes on over `bytes`; the checksum is the complement of the last.
std::uint32_t crc32c(std::uint32_t sum, View bytes);
std::uint32_t crc32c_by_tables(std::uint32_t sum, View bytes);

}  // namespace umach::transport
