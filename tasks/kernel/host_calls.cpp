// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/host_calls.hpp"

#include "tasks/kernel/serve.hpp"

namespace umach::tasks {
namespace {

constexpr auto rows = std::to_array<Call>({
    call<counted<calls::host_info>>(2600, "host_info", {"flavor", "count", "info"}),
});

}  // namespace

constinit const Calls host_calls{rows};

}  // namespace umach::tasks
