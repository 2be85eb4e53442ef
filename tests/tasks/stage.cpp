// SPDX-License-Identifier: BSL-1.0
#include "stage.hpp"

#include "ports/space.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>

namespace umach::tests {
namespace {

// A message of one right.
struct OneRight {
    msg_header_t header{};
    msg_type_t type{};
    port_t name = PORT_NULL;

    OneRight(port_t to, unsigned code, port_t right, bool give_up) : name(right) {
        header.msg_size = sizeof *this;
        header.msg_remote_port = to;
        type.msg_type_name = code & 0xff;
        type.msg_type_size = 32;
        type.msg_type_number = 1;
        type.msg_type_inline = 1;
        type.msg_type_deallocate = give_up ? 1 : 0;
    }
};

// Sends a right through a port of the task's own.
port_t round_trip(unsigned code, port_t right) {
    const port_t through = new_port();
    OneRight message(through, code, right, false);
    MUST(msg_send(&message.header, MSG_OPTION_NONE, 0) == SEND_SUCCESS);
    message.header.msg_local_port = through;
    MUST(msg_receive(&message.header, RCV_TIMEOUT, 0) == RCV_SUCCESS);
    MUST(port_deallocate(task_self(), through) == KERN_SUCCESS);
    return message.name;
}

ports::TaskRef task_of(task_t task) {
    return ports::object_of_name(tasks::enter()->caller, task).task;
}

std::string letters(ports::EntryBits bits) {
    constexpr std::array names = {"send", "receive", "own", "once", "dead", "set"};
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        if ((bits.rights >> i & 1) != 0) text += std::string(text.empty() ? "" : "+") + names[i];
    return bits.urefs > 1 ? text + " x" + std::to_string(bits.urefs) : text;
}

std::string said(ports::EntryRecord& entry) {
    const ports::EntryBits bits = entry.bits;
    std::string text = letters(bits);
    if ((bits.rights & (ports::right_set | ports::right_dead)) != 0) return text;
    ports::PortRecord& port = kernel().port(entry.port.get().index);
    text += " of a port with " + std::to_string(port.send_rights.get()) + " senders";
    if ((bits.rights & ports::right_receive) == 0) return text;
    const ports::PortCounts counts = port.counts;
    return text + ", backlog " + std::to_string(counts.backlog) + ", queued " +
           std::to_string(counts.queued) + (port.set.get() ? ", in a set" : "");
}

}  // namespace

Stage::Stage(Way way, int to) : way_(way), to_(to), reply_(new_port()) {}

Stage::~Stage() {
    if (peer_process_ != -1) {
        leave_.give();
        MUST(ended_well(peer_process_));
        MUST(becomes_true([&] { return rights_of(peer_).starts_with("dead"); }));
    }
    const ports::Audit found = ports::audit(kernel(), tasks::enter()->carrier);
    for (const std::string& violation : found.violations) note("violation: " + violation);
    note(std::to_string(found.messages) + " messages");
}

task_t Stage::peer() {
    if (peer_process_ != -1) return peer_;
    const port_t port = new_port();
    leave_for_children(port);
    peer_process_ = start([&] {
        const port_t own = new_port();
        MUST(port_rename(task_self(), own, peers_port) == KERN_SUCCESS);
        MUST(umach::tests::send_right(left_by_parent(), 1, task_self()) == SEND_SUCCESS);
        leave_.await();
    });
    peer_ = receive(port).right;
    MUST(peer_ != PORT_NULL && port_deallocate(task_self(), port) == KERN_SUCCESS);
    MUST(mach_ports_register(task_self(), nullptr, 0) == KERN_SUCCESS);
    return peer_;
}

thread_t Stage::peers_thread() {
    thread_array_t list = nullptr;
    unsigned int number = 0;
    MUST(task_threads(peer(), &list, &number) == KERN_SUCCESS && number == 1);
    const thread_t thread = list[0];
    MUST(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(list), sizeof *list) == KERN_SUCCESS);
    return thread;
}

port_t Stage::receive_right() {
    return new_port();
}
port_t Stage::receive_and_send_right() {
    const port_t port = new_port();
    MUST(round_trip(MSG_TYPE_PORT, port) == port);
    return port;
}
port_t Stage::send_right() {
    port_t port = new_port();
    static port_name_t next = 0x0bad'1000;
    MUST(port_insert_receive(peer(), port, ++next) == KERN_SUCCESS);
    return port;
}
port_t Stage::send_once_right() {
    return round_trip(MSG_TYPE_MAKE_SEND_ONCE, new_port());
}
port_t Stage::dead_name() {
    const port_t port = receive_and_send_right();
    MUST(port_release(task_self(), port, PORT_TYPE_RECEIVE) == KERN_SUCCESS);
    MUST(becomes_true([&] { return rights_of(port) == "dead"; }));
    return port;
}
port_t Stage::port_set() {
    port_t set = PORT_NULL;
    MUST(port_set_allocate(task_self(), &set) == KERN_SUCCESS);
    return set;
}

void Stage::put_away(port_t port) {
    OneRight message(new_port(), MSG_TYPE_PORT_ALL, port, true);
    MUST(msg_send(&message.header, MSG_OPTION_NONE, 0) == SEND_SUCCESS);
}

void Stage::note(const std::string& line) {
    const std::string whole = line + "\n";
    MUST(write(to_, whole.data(), whole.size()) == static_cast<ssize_t>(whole.size()));
}

std::string Stage::rights_of(port_name_t name, task_t task) {
    if (name == PORT_NULL || name == PORT_DEAD) return name == PORT_NULL ? "null" : "dead null";
    const ports::TaskRef whose = task_of(task);
    if (!whose) return "a name in no task";
    ports::TaskRecord& record = kernel().task(whose.index);
    const std::uint32_t index = ports::find_name(kernel(), record, static_cast<std::uint32_t>(name));
    return index == 0 ? "unknown" : said(ports::entry(kernel(), record, index));
}

std::string Stage::in_order(std::vector<std::string> lines) {
    std::sort(lines.begin(), lines.end());
    std::string text = "[";
    for (const std::string& line : lines) text += line + " | ";
    return text + "]";
}

void Stage::note_spaces() {
    for (const task_t task : {task_self(), peer_}) {
        const ports::TaskRef whose = task != PORT_NULL ? task_of(task) : ports::TaskRef{};
        if (!whose) continue;
        ports::TaskRecord& record = kernel().task(whose.index);
        std::vector<std::string> lines;
        for (std::uint32_t i = 1; i < record.used_names.get(); ++i) {
            ports::EntryRecord& entry = ports::entry(kernel(), record, i);
            if (entry.bits.get().rights != 0) lines.push_back(said(entry));
        }
        note((task == peer_ ? "peer: " : "self: ") + in_order(std::move(lines)));
    }
}

std::vector<Scene> all_scenes() {
    std::vector<Scene> all;
    for (const auto* some :
         {&memory_scenes, &port_scenes, &port_right_scenes, &port_set_scenes, &special_port_scenes,
          &task_scenes, &thread_scenes, &thread_state_scenes, &host_scenes})
        all.insert(all.end(), some->begin(), some->end());
    return all;
}

std::string played(const Scene& scene, Way way) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t child = start([&] {
        Stage stage(way, ends[1]);
        scene.play(stage);
    });
    close(ends[1]);
    std::string text;
    std::array<char, 4096> some;
    for (ssize_t got; (got = read(ends[0], some.data(), some.size())) > 0;)
        text.append(some.data(), static_cast<std::size_t>(got));
    close(ends[0]);
    return text + (ended_well(child) ? "it ended well" : "it did not end well");
}

}  // namespace umach::tests
