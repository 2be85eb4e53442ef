// SPDX-License-Identifier: BSL-1.0
// What happens, told to the demo by those to whom it happens. The view and the summary know nothing else.
#pragma once

#include <string>
#include <string_view>

#include <umach/umach.hpp>

#include "protocol.hpp"

namespace spool {

enum class Happened : std::int32_t {
    spooler_ready,
    shop_closed,  ///< first: jobs left, second: names of ports left over in the spooler
    submitted,    ///< who: client, what: title
    complete,     ///< the whole document is there; first: bytes, second: pieces
    abandoned,    ///< its client ended in mid-submission; first: bytes that had come
    handed_out,   ///< who: printer; first: attempt
    came_back,      ///< the receive right, its printer having died; first: attempt, second: messages in it
    page_done,     ///< who: printer; first: page, second: pages
    ended,         ///< first: State, second: pages; what: why
    policy_used,   ///< who: client, what: what it saw; first: times that the mailbox was full, second: proof
    client_waits,  ///< a client in mid-submission that will never go on
    client_says,   ///< who: client, what: text
};

struct Event {
    Happened kind;
    std::int32_t job;
    std::int32_t first;
    std::int32_t second;
    std::int32_t process;
};

struct News {
    Event event{};
    std::string who;
    std::string what;
};

/// Tells the demo, whose port every child finds registered. waits: for room. A demo that ended hears nothing.
void tell(Happened kind, int job, int first, int second, std::string_view who = {},
          std::string_view what = {});

/// returns: MIG_TYPE_ERROR when it is no event.
umach::Result<News> read_news(umach::Message& message);

}  // namespace spool
