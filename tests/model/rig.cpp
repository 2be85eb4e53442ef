// SPDX-License-Identifier: BSL-1.0
#include "rig.hpp"

#include "ports/receive.hpp"
#include "ports/send.hpp"
#include "ports/space.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>

namespace umach::model {

Machine::Machine() {
    ports::HostSizes sizes;
    sizes.ports = 512;
    sizes.tasks = 16;
    sizes.message_bytes = 1u << 20;
    auto made = ports::Kernel::make(sizes);
    if (!made.ok()) throw std::runtime_error("no memory for a host");
    kernel_.emplace(std::move(made.value()));
    const std::uint32_t slot = kernel_->machine().claim_carrier();
    carrier_.emplace(kernel_->machine().carrier(slot), slot);
    carrier_->arm();
}

std::array<std::int64_t, ports::zones> Machine::used() {
    std::array<std::int64_t, ports::zones> found{};
    for (std::uint32_t i = 0; i < ports::zones; ++i) {
        const ports::Zone& zone = kernel_->zone(i);
        found[i] = std::int64_t{zone.fresh()} - 1 - zone.on_free_list();
        if (zone.stock() != ports::Zone::no_stock)
            found[i] -= carrier_->record().stock[zone.stock()].get().second;
    }
    if (const auto spare = static_cast<std::uint32_t>(carrier_->record().in_hand.get()); spare != 0)
        --found[ports::zone_messages + ports::Kernel::message_class(spare)];
    return found;
}

std::uint32_t Random::below(std::uint32_t limit) {
    state_ += 0x9e37'79b9'7f4a'7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return static_cast<std::uint32_t>((z ^ (z >> 31)) % limit);
}

Rig::Rig(Machine& machine) : machine_(machine), start_(machine.used()) {
    for (int i = 0; i < 3; ++i) add_task();
}

void Rig::add_task() {
    ports::Kernel& k = machine_.kernel();
    const ports::TaskRef task = ports::create_task(k, machine_.carrier(), 0, {}, "model");
    members_.push_back({task, ports::begin_thread(k, machine_.carrier(), task)});
    ports::Caller c = caller(static_cast<int>(members_.size()) - 1);
    const port_name_t self = ports::self_name(c);
    host_.add_task(self, ports::notify_name(c));
}

ports::Caller Rig::caller(int task) {
    const Member& member = members_[static_cast<std::size_t>(task)];
    return {machine_.kernel(), machine_.carrier(), member.task, member.thread};
}

void Rig::say(const char* call, std::initializer_list<long> arguments) {
    text_ = call;
    for (const long argument : arguments) text_ += ' ' + std::to_string(argument);
}

int Rig::any_task(Random& random) {
    for (;;) {
        const auto task = random.below(static_cast<std::uint32_t>(members_.size()));
        if (host_.tasks[task].alive) return static_cast<int>(task);
    }
}

port_name_t Rig::new_name(Random& random) {
    return static_cast<port_name_t>(0x0050'0001 + random.below(6));
}

// A name of the task whose rights fit; now and then any other number.
port_name_t Rig::any_name(Random& random, int task, unsigned rights, bool own_ports_too) {
    const Task& t = host_.tasks[static_cast<std::size_t>(task)];
    const std::uint32_t odd = random.below(40);
    if (odd < 3) return odd == 0 ? PORT_NULL : odd == 1 ? PORT_DEAD : new_name(random);
    const bool strict = random.below(5) != 0;
    std::vector<std::pair<int, port_name_t>> fit;
    for (const auto& [name, entry] : t.space) {
        const bool own = entry.object == t.kernel_port || entry.object == t.notify;
        if (own && !own_ports_too) continue;
        if (!strict || (entry.rights & rights) != 0) fit.emplace_back(entry.serial, name);
    }
    if (fit.empty()) return new_name(random);
    std::sort(fit.begin(), fit.end());
    return fit[random.below(static_cast<std::uint32_t>(fit.size()))].second;
}

bool Rig::agree(int kernel, int model) {
    if (!host_.error.empty())
        why_ = host_.error;
    else if (kernel != model)
        why_ = "the kernel says " + std::to_string(kernel) + ", the model " + std::to_string(model);
    return why_.empty();
}

bool Rig::compare_status(int task, port_name_t name, const Entry& entry) {
    ports::Caller c = caller(task);
    ports::PortStatus status{};
    const int code = ports::status(c, ref(task), name, &status);
    if (code != KERN_SUCCESS) return why_ = "port_status fails: " + std::to_string(code), false;
    const Port& port = host_.ports.at(entry.object);
    const port_name_t set_name = port.in_set == none ? PORT_NULL : host_.name_of(task, port.in_set, set);
    if (status.messages == host_.waiting(entry.object) && status.backlog == port.backlog &&
        status.enabled_set == set_name && status.receive_rights &&
        status.ownership == ((entry.rights & owner) != 0))
        return true;
    why_ = "status of name " + std::to_string(name) + " in task " + std::to_string(task) + ": " +
           std::to_string(status.messages) + " messages, the model has " +
           std::to_string(host_.waiting(entry.object)) + "; backlog " + std::to_string(status.backlog) +
           ", " + std::to_string(port.backlog) + "; set " + std::to_string(status.enabled_set) + ", " +
           std::to_string(set_name);
    return false;
}

bool Rig::compare() {
    std::vector<ports::NameAndType> found;
    for (std::size_t task = 0; task < members_.size(); ++task) {
        if (!host_.tasks[task].alive) continue;
        ports::Caller c = caller(static_cast<int>(task));
        ports::names(c, members_[task].task, &found);
        const auto expected = host_.types(static_cast<int>(task));
        for (const auto& [name, type] : found) {
            const auto at = expected.find(name);
            if (at == expected.end() || at->second != type)
                return why_ = "task " + std::to_string(task) + " has name " + std::to_string(name) +
                              " of type " + std::to_string(type) + ", in the model " +
                              (at == expected.end() ? "it has not"
                                                    : "its type is " + std::to_string(at->second)),
                       false;
        }
        if (found.size() != expected.size())
            return why_ = "task " + std::to_string(task) + " lacks a name that the model has", false;
        for (const auto& [name, entry] : host_.tasks[task].space)
            if ((entry.rights & receive) != 0 && !compare_status(static_cast<int>(task), name, entry))
                return false;
    }
    return true;
}

bool Rig::call(Random random) {
    const std::uint32_t pick = random.below(100);
    int expected = 0;
    const int code = pick < 29   ? on_names(random, pick, &expected)
                     : pick < 40 ? on_sets(random, pick - 29, &expected)
                     : pick < 50 ? between_spaces(random, pick - 40, &expected)
                     : pick < 56 ? on_specials(random, pick - 50, &expected)
                     : pick < 77 ? do_send(random, &expected)
                     : pick < 99 ? do_receive(random, &expected)
                                 : do_end_task(random, &expected);
    text_ += " -> " + std::to_string(code);
    return agree(code, expected) && compare();
}

// By the entries that names have: one that was chosen or renamed says nothing of its own.
std::vector<port_name_t> Rig::order_of_names(int task) {
    std::map<std::uint32_t, port_name_t> by_entry;
    ports::TaskRecord& record = machine_.kernel().task(ref(task).index);
    for (const auto& [name, entry] : host_.tasks[static_cast<std::size_t>(task)].space)
        by_entry[ports::find_name(machine_.kernel(), record, static_cast<std::uint32_t>(name))] = name;
    std::vector<port_name_t> order;
    for (const auto& [entry, name] : by_entry) order.push_back(name);
    return order;
}

// The thread first: one whose carrier lives is that carrier's to end.
void Rig::end_member(int task) {
    const std::vector<port_name_t> order = order_of_names(task);
    ports::end_thread(machine_.kernel(), machine_.carrier(), members_[static_cast<std::size_t>(task)].thread);
    ports::end_task(machine_.kernel(), machine_.carrier(), ref(task));
    host_.end_task(task, order);
}

int Rig::do_end_task(Random& random, int* expected) {
    const int task = any_task(random);
    say("end_task", {task});
    end_member(task);
    add_task();
    return *expected = KERN_SUCCESS;
}

// The records of all that lives now keep every rule too.
bool Rig::audit() {
    const ports::Audit audit = ports::audit(machine_.kernel(), machine_.carrier());
    if (!audit.violations.empty()) why_ = "audit: " + audit.violations.front();
    return audit.violations.empty();
}

bool Rig::end() {
    if (!audit()) return false;
    for (std::size_t task = 0; task < members_.size(); ++task) {
        if (!host_.tasks[task].alive) continue;
        say("end_task", {static_cast<long>(task)});
        end_member(static_cast<int>(task));
        if (!compare()) return false;
    }
    text_ = "the end";
    if (!audit()) return false;
    const auto now = machine_.used();
    for (std::uint32_t zone = 0; zone < ports::zones; ++zone)
        if (now[zone] != start_[zone])
            return why_ = "zone " + std::to_string(zone) + " has " +
                          std::to_string(now[zone] - start_[zone]) + " records more in use than at the start",
                   false;
    if (!host_.ports.empty() || !host_.messages.empty())
        return why_ = "the model itself has something left", false;
    return true;
}

}  // namespace umach::model
