// SPDX-License-Identifier: BSL-1.0
// The whole C++ API: header-only over the C API; it owns, and adds no behaviour.
#pragma once

#include <umach/call.hpp>
#include <umach/host.hpp>
#include <umach/notification.hpp>
#include <umach/port_set.hpp>
#include <umach/region.hpp>
#include <umach/section.hpp>
#include <umach/server.hpp>
#include <umach/supervisor.hpp>
#include <umach/task.hpp>
#include <umach/thread.hpp>
