// SPDX-License-Identifier: BSL-1.0
// Task: a send right to a task's kernel port; who has one rules the task: its threads, its names, its end.
// And what a task hands to its children: registered ports, and the bootstrap port.
//
// A forked child takes those over at its first call, while its parent lives; a task that is made or spawned
// has them at once. Everything else in its space is new.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include <umach/thread.hpp>

namespace umach {

namespace detail {

inline Result<void> register_ports(port_t task, std::initializer_list<PortName> ports) {
    std::array<port_t, TASK_PORT_REGISTER_MAX> names{};
    if (ports.size() > names.size()) {
        return Error(KERN_INVALID_ARGUMENT, "more ports than a task registers");
    }
    unsigned count = 0;
    for (const PortName port : ports) {
        names[count++] = port.get();
    }
    return Result<void>::from(mach_ports_register(task, names.data(), count));
}

/// An array that a call handed out, which goes with this.
template <typename T>
struct Array {
    Array() = default;
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;
    ~Array() {
        if (data != nullptr) {
            vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(data), count * sizeof(T));
        }
    }
    [[nodiscard]] std::span<const T> items() const noexcept { return {data, data != nullptr ? count : 0}; }

    T* data = nullptr;
    unsigned count = 0;
};

inline Result<SendRight> registered_port(port_t task, std::size_t slot) {
    Array<port_t> ports;
    const int code = mach_ports_lookup(task, &ports.data, &ports.count);
    if (code != KERN_SUCCESS) {
        return Error::last(code);
    }
    std::vector<SendRight> rights(ports.items().begin(), ports.items().end());
    if (slot >= rights.size()) {
        return Error(KERN_INVALID_ARGUMENT, "no such slot");
    }
    return std::move(rights[slot]);
}

}  // namespace detail

/// Registers ports for the children to come. The task keeps its rights; they are copied.
/// returns: as mach_ports_register(). limits: TASK_PORT_REGISTER_MAX.
inline Result<void> register_ports(std::initializer_list<PortName> ports) {
    return detail::register_ports(task_self(), ports);
}

/// returns: a send right to port `slot` of those registered, empty if there is none; codes of
/// mach_ports_lookup().
[[nodiscard]] inline Result<SendRight> registered_port(std::size_t slot) {
    return detail::registered_port(task_self(), slot);
}

/// A name in some task's space, and what it stands for there: PORT_TYPE_*.
struct NameHeld {
    port_name_t name;
    port_type_t type;
};

/// One reference of a send right to a task's kernel port. When it ends the task lives on.
/// returns, for every call: KERN_INVALID_ARGUMENT the task has ended; and as the C function of that name.
class Task : public SendRight {
public:
    using SendRight::SendRight;

    [[nodiscard]] static Result<Task> self() {
        const int code = port_reference(task_self(), task_self(), PORT_TYPE_SEND);
        return code == KERN_SUCCESS ? Result(Task(task_self())) : Error::last(code);
    }
    /// A task without threads in this process; Thread::spawn(task, ...) gives it some. It lives until it is
    /// terminated, or the process ends.
    [[nodiscard]] static Result<Task> create() {
        task_t child = PORT_NULL;
        const int code = task_create(task_self(), TRUE, &child);
        return code == KERN_SUCCESS ? Result(Task(child)) : Error::last(code);
    }
    /// Starts a program as a task of this host; `path` is not looked for in PATH, and is its argument 0 too.
    /// The task is there at once: rights can be put into it before the program has begun.
    [[nodiscard]] static Result<Task> spawn(std::string path, std::vector<std::string> arguments = {}) {
        std::vector<char*> words{path.data()};
        for (std::string& argument : arguments) {
            words.push_back(argument.data());
        }
        words.push_back(nullptr);
        task_t task = PORT_NULL;
        const int code = umach_task_spawn(path.c_str(), words.data(), nullptr, &task);
        return code == KERN_SUCCESS ? Result(Task(task)) : Error::last(code);
    }

    /// waits, returns: as ThreadPort::join().
    Result<void> join(std::chrono::milliseconds time = forever) const { return detail::joined(name(), time); }
    Result<void> suspend() const { return Result<void>::from(task_suspend(name())); }
    Result<void> resume() const { return Result<void>::from(task_resume(name())); }
    /// Ends it as if it had died; its process too, unless that has other tasks.
    Result<void> terminate() const { return Result<void>::from(task_terminate(name())); }
    [[nodiscard]] Result<task_basic_info> info() const {
        return detail::info<task_basic_info>(name(), task_info, TASK_BASIC_INFO);
    }
    [[nodiscard]] Result<std::vector<ThreadPort>> threads() const {
        detail::Array<thread_t> list;
        const int code = task_threads(name(), &list.data, &list.count);
        const auto threads = list.items();
        return code == KERN_SUCCESS ? Result(std::vector<ThreadPort>(threads.begin(), threads.end()))
                                    : Error::last(code);
    }

    /// `which` is TASK_*_PORT. returns: empty if there is none.
    [[nodiscard]] Result<SendRight> special_port(int which) const {
        port_t port = PORT_NULL;
        const int code = task_get_special_port(name(), which, &port);
        return code == KERN_SUCCESS ? Result(SendRight(port)) : Error::last(code);
    }
    Result<void> set_special_port(int which, PortName port) const {
        return Result<void>::from(task_set_special_port(name(), which, port.get()));
    }
    Result<void> register_ports(std::initializer_list<PortName> ports) const {
        return detail::register_ports(name(), ports);
    }
    [[nodiscard]] Result<SendRight> registered_port(std::size_t slot) const {
        return detail::registered_port(name(), slot);
    }

    /// The names that it holds, which are numbers here.
    [[nodiscard]] Result<std::vector<NameHeld>> names() const;
    /// Puts a send right to `port` into its space under a name that it does not use yet.
    Result<void> insert_send(PortName port, port_name_t his_name) const {
        return Result<void>::from(port_insert_send(name(), port.get(), his_name));
    }
    /// Takes the send right under a name out of its space.
    [[nodiscard]] Result<SendRight> extract_send(port_name_t his_name) const {
        port_t port = PORT_NULL;
        const int code = port_extract_send(name(), his_name, &port);
        return code == KERN_SUCCESS ? Result(SendRight(port)) : Error::last(code);
    }
};

inline Result<std::vector<NameHeld>> Task::names() const {
    detail::Array<port_name_t> names;
    detail::Array<port_type_t> types;
    const int code = port_names(name(), &names.data, &names.count, &types.data, &types.count);
    if (code != KERN_SUCCESS) {
        return Error::last(code);
    }
    std::vector<NameHeld> held;
    for (std::size_t i = 0; i < names.items().size(); ++i) {
        held.push_back({names.items()[i], types.items()[i]});
    }
    return held;
}

/// returns: as task_set_special_port(). The port is what children find their first servers by.
inline Result<void> set_bootstrap_port(PortName port) {
    return Result<void>::from(task_set_special_port(task_self(), TASK_BOOTSTRAP_PORT, port.get()));
}

[[nodiscard]] inline Result<SendRight> bootstrap() {
    port_t port = PORT_NULL;
    const int code = task_get_special_port(task_self(), TASK_BOOTSTRAP_PORT, &port);
    return code == KERN_SUCCESS ? Result(SendRight(port)) : Error::last(code);
}

}  // namespace umach
