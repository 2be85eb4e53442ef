// SPDX-License-Identifier: BSL-1.0
#include "waits.hpp"

#include <fmt/format.h>
#include <umach_threads.h>

namespace umach::tools {
namespace {

const char* carrier_word(int carrier) {
    switch (carrier) {
        case UMACH_FIBER: return "fiber";
        case UMACH_PROCESS: return "process";
        default: return "OS thread";
    }
}

const char* waits_word(int waits) {
    switch (waits) {
        case UMACH_WAITS_TO_SEND: return "send";
        case UMACH_WAITS_TO_RECEIVE: return "receive";
        case UMACH_WAITS_AT_SET: return "receive from set";
        case UMACH_WAITS_FOR_ANSWER: return "answer";
        case UMACH_WAITS_TO_MIRROR: return "mirror";
        case UMACH_WAITS_FOR_TOKEN: return "token";
        case UMACH_WAITS_FOR_END: return "end";
        case UMACH_WAITS_TO_RESUME: return "resume";
        default: return nullptr;
    }
}

// Where the request is that is to be answered.
std::string answer_text(const Snapshot& all, const umach_thread_seen_t& thread) {
    const auto call = all.calls.find(thread.number);
    if (call == all.calls.end()) return "";
    const umach_place_t& at = call->second.place;
    if (at.kind == UMACH_PLACE_TASK) return ", by " + all.task_text(static_cast<unsigned>(at.where));
    return fmt::format("; the request is at port {}, received by {}", number_text(at.where),
                       all.receiver_text(at.where));
}

std::string end_text(const Snapshot& all, const umach_thread_seen_t& thread) {
    const umach_port_seen_t* port = all.port(thread.at);
    return "waiting for the end of " + (port != nullptr ? all.object_text(*port) : "what has ended");
}

std::string what_for(const Snapshot& all, const umach_thread_seen_t& thread) {
    switch (thread.waits) {
        case UMACH_WAITS_TO_SEND:
            return fmt::format("sending to port {}, received by {}", thread.name,
                               all.receiver_text(thread.at));
        case UMACH_WAITS_TO_RECEIVE: return fmt::format("receiving from port {}", thread.name);
        case UMACH_WAITS_AT_SET: return fmt::format("receiving from port set {}", thread.name);
        case UMACH_WAITS_FOR_ANSWER:
            return fmt::format("waiting for an answer at port {}{}", thread.name, answer_text(all, thread));
        case UMACH_WAITS_TO_MIRROR: return "watching ports for descriptors";
        case UMACH_WAITS_FOR_TOKEN: return "parked";
        case UMACH_WAITS_FOR_END: return end_text(all, thread);
        case UMACH_WAITS_TO_RESUME: return "waiting to be resumed";
        default: return "-";
    }
}

// A hidden thread's slices are no time-out of the program's.
bool has_time_out(const umach_thread_seen_t& thread) {
    return thread.waits != UMACH_WAITS_NOT && thread.waits != UMACH_WAITS_TO_MIRROR && thread.ends_in > 0;
}

Json object_json(const Snapshot& all, const umach_port_seen_t& port) {
    if (port.kind == UMACH_PORT_OF_TASK) return all.task_json(port.object);
    const auto task = all.task_of(port.object);
    Json json = task ? all.task_json(*task) : Json(nullptr);
    if (task) json["thread"] = port.object;
    return json;
}

void add_partner(const Snapshot& all, const umach_thread_seen_t& thread, Json& json) {
    const umach_port_seen_t* port = all.port(thread.at);
    if (thread.waits == UMACH_WAITS_FOR_END) {
        json["end_of"] = port != nullptr ? object_json(all, *port) : Json();
        return;
    }
    json["receiver"] = all.receiver_json(thread.at);
    if (thread.waits != UMACH_WAITS_FOR_ANSWER) return;
    const auto answerer = all.answerer(thread.number);
    const auto call = all.calls.find(thread.number);
    const bool is_queued = call != all.calls.end() && call->second.place.kind == UMACH_PLACE_MESSAGE;
    json["answerer"] = answerer ? all.task_json(*answerer) : Json();
    json["request_at"] = is_queued ? Json(number_text(call->second.place.where)) : Json();
}

}  // namespace

std::string carrier_text(const umach_thread_seen_t& thread) {
    const char* word = carrier_word(thread.carrier);
    if (thread.tid == 0) return word;
    return fmt::format("{}{} {}", word, thread.carrier == UMACH_FIBER ? " on" : "", thread.tid);
}

const char* state_word(const umach_thread_seen_t& thread) {
    if (thread.ending != 0) return "ends";
    if (thread.tid == 0) return "not begun";
    if (thread.stands_still != 0) return "stands still";
    return thread.waits != UMACH_WAITS_NOT ? "waits" : "runs";
}

std::string waits_text(const Snapshot& all, const umach_thread_seen_t& thread) {
    std::string text = what_for(all, thread);
    if (has_time_out(thread)) text += fmt::format(", for {} ms more at most", thread.ends_in);
    return text;
}

Json thread_json(const Snapshot& all, const umach_thread_seen_t& thread) {
    Json json{{"thread", thread.number},
              {"carrier", carrier_word(thread.carrier)},
              {"tid", thread.tid != 0 ? Json(thread.tid) : Json()},
              {"state", state_word(thread)},
              {"suspends", thread.suspends},
              {"waits", nullptr}};
    const char* word = waits_word(thread.waits);
    if (word == nullptr) return json;
    json["waits"] = word;
    json["ends_in_ms"] = has_time_out(thread) ? Json(thread.ends_in) : Json();
    if (thread.at == 0) return json;
    json["name"] = thread.name;
    json["port"] = number_text(thread.at);
    if (thread.waits != UMACH_WAITS_AT_SET) add_partner(all, thread, json);
    return json;
}

}  // namespace umach::tools
