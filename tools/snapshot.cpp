// SPDX-License-Identifier: BSL-1.0
#include "snapshot.hpp"

#include "command.hpp"

#include <fmt/format.h>
#include <mach_error.h>
#include <unistd.h>

#include <algorithm>

namespace umach::tools {
namespace {

void must(kern_return_t code) {
    if (code != KERN_SUCCESS) throw Trouble(mach_error_detail());
}

void note_task(const umach_task_seen_t* task, void* to) {
    if (task->pid != getpid()) static_cast<Snapshot*>(to)->tasks.emplace(task->number, *task);
}

void note_thread(const umach_thread_seen_t* thread, void* to) {
    auto& all = *static_cast<Snapshot*>(to);
    if (!all.tasks.contains(thread->task)) return;
    all.threads.emplace(thread->task, *thread);
    all.tasks_of_threads.emplace(thread->number, thread->task);
}

void note_name(const umach_name_seen_t* name, void* to) {
    static_cast<Snapshot*>(to)->names[name->task].push_back(*name);
}

void note_port(const umach_port_seen_t* port, void* to) {
    static_cast<Snapshot*>(to)->ports.emplace(port->port, *port);
}

void note_call(const umach_call_seen_t* call, void* to) {
    static_cast<Snapshot*>(to)->calls.emplace(call->thread, *call);
}

void sort_names(Snapshot& all) {
    for (auto& [task, names] : all.names)
        std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
}

}  // namespace

Snapshot take_snapshot(bool with_names) {
    Snapshot all;
    must(umach_inspect_tasks(note_task, &all));
    must(umach_inspect_threads(note_thread, &all));
    must(umach_inspect_ports(note_port, &all));
    must(umach_inspect_calls(note_call, &all));
    if (!with_names) return all;
    for (const auto& [number, task] : all.tasks) {
        all.names[number];
        const kern_return_t code = umach_inspect_names(number, note_name, &all);
        if (code != KERN_INVALID_TASK) must(code);  // it has ended meanwhile
    }
    sort_names(all);
    return all;
}

std::string number_text(unsigned long long port) {
    return fmt::format("{}/{}", port & 0xffff'ffff, port >> 32);
}

const umach_port_seen_t* Snapshot::port(unsigned long long number) const {
    const auto found = ports.find(number);
    return found != ports.end() ? &found->second : nullptr;
}

std::optional<unsigned> Snapshot::receiver(unsigned long long number) const {
    constexpr int deepest_nest = 16;
    for (int depth = 0; depth <= deepest_nest; ++depth) {
        const umach_port_seen_t* at = port(number);
        if (at == nullptr) return std::nullopt;
        if (at->receiver.kind == UMACH_PLACE_TASK) return static_cast<unsigned>(at->receiver.where);
        if (at->receiver.kind != UMACH_PLACE_MESSAGE) return std::nullopt;
        number = at->receiver.where;
    }
    return std::nullopt;
}

std::optional<unsigned> Snapshot::answerer(unsigned thread) const {
    const auto call = calls.find(thread);
    if (call == calls.end()) return std::nullopt;
    const umach_place_t& at = call->second.place;
    return at.kind == UMACH_PLACE_TASK ? std::optional(static_cast<unsigned>(at.where)) : receiver(at.where);
}

std::optional<unsigned> Snapshot::task_of(unsigned thread) const {
    const auto found = tasks_of_threads.find(thread);
    return found != tasks_of_threads.end() ? std::optional(found->second) : std::nullopt;
}

std::string Snapshot::task_text(unsigned number) const {
    const auto found = tasks.find(number);
    if (found == tasks.end()) return "a task that has ended";
    if (found->second.pid == 0) return "the host";
    return fmt::format("{} (pid {})", found->second.program, found->second.pid);
}

std::string Snapshot::object_text(const umach_port_seen_t& port) const {
    if (port.kind == UMACH_PORT_OF_TASK) return task_text(port.object);
    if (port.kind == UMACH_PORT_OF_MEMORY) return fmt::format("a section of {} KiB", port.section_bytes / 1024);
    if (port.kind != UMACH_PORT_OF_THREAD) return "the host";
    const auto task = task_of(port.object);
    return fmt::format("thread {} of {}", port.object, task_text(task.value_or(0)));
}

std::string Snapshot::receiver_text(unsigned long long port) const {
    const auto found = ports.find(port);
    if (found == ports.end()) return "nobody: it is dead";
    if (found->second.kind != UMACH_PORT_ORDINARY) return "the kernel, for " + object_text(found->second);
    const umach_place_t& at = found->second.receiver;
    switch (at.kind) {
        case UMACH_PLACE_TASK: return task_text(static_cast<unsigned>(at.where));
        case UMACH_PLACE_MESSAGE:
            return at.where != 0 ? "a message at port " + number_text(at.where) : "a message";
        case UMACH_PLACE_BACKUP: return "a notification at port " + number_text(at.where);
        default: return "nobody";
    }
}

Json Snapshot::task_json(unsigned number) const {
    const auto found = tasks.find(number);
    if (found == tasks.end()) return nullptr;
    const umach_task_seen_t& task = found->second;
    return {{"task", number}, {"pid", task.pid != 0 ? Json(task.pid) : Json()}, {"program", task.program}};
}

Json Snapshot::receiver_json(unsigned long long port) const {
    const auto found = ports.find(port);
    if (found == ports.end()) return nullptr;
    const umach_place_t& at = found->second.receiver;
    switch (at.kind) {
        case UMACH_PLACE_TASK: return task_json(static_cast<unsigned>(at.where));
        case UMACH_PLACE_MESSAGE:
            return {{"in_message_at", at.where != 0 ? Json(number_text(at.where)) : Json()}};
        case UMACH_PLACE_BACKUP: return {{"in_notification_at", number_text(at.where)}};
        default: return nullptr;
    }
}

std::vector<std::string> rights_of(const umach_name_seen_t& name) {
    switch (name.type) {
        case PORT_TYPE_SET: return {"set"};
        case PORT_TYPE_DEAD_NAME: return {"dead name"};
        case PORT_TYPE_SEND_ONCE: return {"send-once"};
        default: break;
    }
    std::vector<std::string> rights;
    if (name.type == PORT_TYPE_RECEIVE || name.type == PORT_TYPE_RECEIVE_OWN) rights.emplace_back("receive");
    if (name.type == PORT_TYPE_OWN || name.type == PORT_TYPE_RECEIVE_OWN) rights.emplace_back("own");
    if (name.sends != 0) rights.emplace_back("send");
    return rights;
}

}  // namespace umach::tools
