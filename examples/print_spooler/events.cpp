// SPDX-License-Identifier: BSL-1.0
#include "events.hpp"

#include <unistd.h>

namespace spool {
namespace {

// Longer texts are cut: an event is for people.
constexpr std::size_t text_limit = 1000;

const umach::SendRight& demo_port() {
    static const umach::SendRight port = umach::registered_port(1).value();
    return port;
}

}  // namespace

void tell(Happened kind, int job, int first, int second, std::string_view who, std::string_view what) {
    umach::MessageWriter message(Id::event);
    message.put_struct(Event{kind, job, first, second, getpid()});
    message.put(who.substr(0, text_limit));
    message.put(what.substr(0, text_limit));
    static_cast<void>(demo_port().send(message));
}

umach::Result<News> read_news(umach::Message& message) {
    umach::MessageReader reader = message.reader();
    const auto happened = reader.get_struct<Event>();
    const auto who = reader.get<std::string>();
    const auto what = reader.get<std::string>();
    if (message.id() != Id::event || !happened || !who || !what) {
        return umach::Error(MIG_TYPE_ERROR, "not an event");
    }
    return News{*happened, *who, *what};
}

}  // namespace spool
