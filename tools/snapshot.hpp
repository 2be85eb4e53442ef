// SPDX-License-Identifier: BSL-1.0
// A host as it was looked at: everybody but the tool itself, which is a member while it looks.
#pragma once

#include <umach_inspect.h>
#include <nlohmann/json.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace umach::tools {

using Json = nlohmann::ordered_json;

struct Snapshot {
    std::map<unsigned, umach_task_seen_t> tasks;               // by number
    std::multimap<unsigned, umach_thread_seen_t> threads;      // by task
    std::map<unsigned, unsigned> tasks_of_threads;             // by the thread's number
    std::map<unsigned, std::vector<umach_name_seen_t>> names;  // by task
    std::map<unsigned long long, umach_port_seen_t> ports;
    std::map<unsigned, umach_call_seen_t> calls;  // that are not answered, by the thread that waits

    const umach_port_seen_t* port(unsigned long long number) const;  // null when it is not there
    // Which task receives from the port, or will when the messages that its right is in have been received.
    std::optional<unsigned> receiver(unsigned long long port) const;
    // Which task is to answer the call that the thread waits in.
    std::optional<unsigned> answerer(unsigned thread) const;
    std::optional<unsigned> task_of(unsigned thread) const;

    // The task as people know it: "server (pid 77)", or "the host".
    std::string task_text(unsigned number) const;
    // Whose kernel port it is: a task's, or "thread 3 of server (pid 77)".
    std::string object_text(const umach_port_seen_t& port) const;
    // Who receives from the port: a task, or where the receive right is on its way.
    std::string receiver_text(unsigned long long port) const;
    Json task_json(unsigned number) const;  // null when it is not there
    Json receiver_json(unsigned long long port) const;
};

// Looks at the host that this process is in.
// with_names: at names as well
Snapshot take_snapshot(bool with_names);

// A port's, or a set's, number in the host: "12/0", the place in its table and how often that was used
// before.
std::string number_text(unsigned long long port);

std::vector<std::string> rights_of(const umach_name_seen_t& name);

}  // namespace umach::tools
