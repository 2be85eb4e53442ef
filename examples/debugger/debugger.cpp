// SPDX-License-Identifier: BSL-1.0
// A debugger in the Mach way: whoever has a send right to a task's kernel port can look into its space, and
// change it. The program starts itself as a second task, which sends numbers to a port that it calls 100.
// The debugger stops that task, lists its names, takes the right under 100 away, puts one to a port of its
// own there, and lets the task go on. The task notices nothing; its messages come to the debugger, who
// reads them and passes them on.
#include <cstdio>

#include <umach/umach.hpp>

namespace {
constexpr port_name_t printer_name = 100;

/// The other task. returns: when nobody listens any more.
int be_debugged() {
    const umach::SendRight printer = umach::registered_port(0).value();
    port_rename(task_self(), printer.name(), printer_name);
    for (int number = 1;; ++number) {
        umach::MessageWriter message(number);
        if (!message.send_to(umach::PortName(printer_name))) return 0;
    }
}

const char* words_for(port_type_t type) {
    return type == PORT_TYPE_SEND ? "send" : type == PORT_TYPE_RECEIVE_OWN ? "receive, ownership" : "other";
}

void list(const umach::Task& task) {
    for (const auto& held : task.names().value())
        std::printf("  name %3u: %s\n", held.name, words_for(held.type));
}

}  // namespace

int main(int argc, char**) {
    if (argc > 1) return be_debugged();
    const auto printer = umach::ReceiveRight::allocate().value();
    umach::register_ports({printer}).value();
    const auto task = umach::Task::spawn("/proc/self/exe", {"debugged"}).value();
    int last = printer.receive().value().id();
    std::printf("the printer gets message %d of a task that holds\n", last);

    task.suspend().value();
    list(task);
    const auto real = task.extract_send(printer_name).value();
    const auto tap = umach::ReceiveRight::allocate().value();
    task.insert_send(tap, printer_name).value();
    while (const auto printed = printer.receive(umach::WhenEmpty::never_wait())) last = printed->id();
    task.resume().value();

    const umach::Message read = tap.receive().value();
    std::printf("the debugger gets %s\n",
                read.id() == last + 1 ? "the next one, and passes it on" : "another one");
    umach::MessageWriter passed_on(read.id());
    real.send(passed_on).value();
    std::printf("the printer gets %s\n",
                printer.receive().value().id() == last + 1 ? "it too" : "another one");
    task.terminate().value();
}
