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
    if (all.tasks.contains(thread->task)) all.threads.emplace(thread->task, *thread);
}

void note_name(const umach_name_seen_t* name, void* to) {
    static_cast<Snapshot*>(to)->names[name->task].push_back(*name);
}

void note_port(const umach_port_seen_t* port, void* to) {
    static_cast<Snapshot*>(to)->ports.emplace(port->port, *port);
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

std::string Snapshot::task_text(unsigned number) const {
    const auto found = tasks.find(number);
    if (found == tasks.end()) return "a task that has ended";
    return fmt::format("{} (pid {})", found->second.program, found->second.pid);
}

std::string Snapshot::receiver_text(unsigned long long port) const {
    const auto found = ports.find(port);
    if (found == ports.end()) return "nobody: it is dead";
    const umach_place_t& at = found->second.receiver;
    switch (at.kind) {
        case UMACH_PLACE_TASK:
            return (found->second.is_kernel_port ? "the kernel, for " : "") +
                   task_text(static_cast<unsigned>(at.where));
        case UMACH_PLACE_MESSAGE:
            return at.where != 0 ? "a message at port " + number_text(at.where) : "a message";
        case UMACH_PLACE_BACKUP: return "a notification at port " + number_text(at.where);
        default: return "nobody";
    }
}

Json Snapshot::task_json(unsigned number) const {
    const auto found = tasks.find(number);
    if (found == tasks.end()) return nullptr;
    return {{"task", number}, {"pid", found->second.pid}, {"program", found->second.program}};
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
