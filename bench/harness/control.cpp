// SPDX-License-Identifier: BSL-1.0
#include "harness/control.hpp"

#include <sched.h>

#include <cstdlib>

#include "harness/system.hpp"

namespace bench {

Buffer::Buffer(std::size_t size) : size_(size) {
    const std::size_t whole = before + (size + page_size - 1) / page_size * page_size;
    storage_.reset(static_cast<std::byte*>(std::aligned_alloc(page_size, whole)));
    std::memset(storage_.get(), 0x5a, whole);
}

void Buffer::Free::operator()(std::byte* p) const {
    std::free(p);
}

Control::Control(const Traits& t, const Config& c)
    : traits(t),
      config(c),
      warm_ticks_(static_cast<std::uint64_t>(c.warmup * ticks_per_second())),
      measured_ticks_(static_cast<std::uint64_t>(c.seconds * ticks_per_second())) {}

void Control::await_server() const {
    while (!server_ready_.load()) sleep_for(1e-4);
}

Window Control::start_together() {
    if (connected_.fetch_add(1) + 1 == config.clients) window_begin_.store(ticks() + warm_ticks_);
    return await_start();
}

Window Control::await_start() const {
    std::uint64_t begin = 0;
    while ((begin = window_begin_.load()) == 0) sleep_for(1e-4);
    return {begin, begin + measured_ticks_};
}

void pin(Place place, bool is_server) {
    if (place == Place::free) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(place == Place::cross && is_server ? 1 : 0, &set);
    check(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

}  // namespace bench
