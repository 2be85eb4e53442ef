// SPDX-License-Identifier: BSL-1.0
// Drives a kernel and the model side by side: makes one random call on both and compares everything that can
// be seen. Every call is one that cannot wait. All tasks are in this process and share its one carrier.
#pragma once

#include "model.hpp"

#include "ports/audit.hpp"
#include "ports/calls.hpp"
#include "ports/task.hpp"
#include "ports/thread.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace umach::model {

// A kernel with its carrier, used for many sequences.
class Machine {
public:
    Machine();
    ports::Kernel& kernel() { return *kernel_; }
    runtime::Carrier& carrier() { return *carrier_; }
    // How many records of each zone are in use.
    std::array<std::int64_t, ports::zones> used();

private:
    std::optional<ports::Kernel> kernel_;
    std::optional<runtime::Carrier> carrier_;
};

// Random numbers that depend on the seed and the number of the call alone, so that calls can be left out.
class Random {
public:
    Random(std::uint64_t seed, std::uint64_t call)
        : state_(seed * 0x9e37'79b9'7f4a'7c15 + call * 0xbf58'476d'1ce4'e5b9) {}
    std::uint32_t below(std::uint32_t limit);
    bool one_in(std::uint32_t n) { return below(n) == 0; }

private:
    std::uint64_t state_;
};

// One sequence of calls.
class Rig {
public:
    explicit Rig(Machine& machine);
    // Makes one call. returns: false when kernel and model differ; why() says how
    bool call(Random random);
    // Ends all tasks and looks whether anything was left. returns: as call()
    bool end();
    const std::string& why() const { return why_; }
    // The call that was made last, in words.
    const std::string& text() const { return text_; }

private:
    struct Member {
        ports::TaskRef task;
        ports::ThreadRef thread;
    };

    void add_task();
    ports::Caller caller(int task);
    ports::TaskRef ref(int task) const { return members_[static_cast<std::size_t>(task)].task; }
    int any_task(Random& random);
    port_name_t any_name(Random& random, int task, unsigned rights, bool own_ports_too);
    port_name_t new_name(Random& random);
    bool agree(int kernel, int model);
    bool compare();
    bool audit();
    bool compare_status(int task, port_name_t name, const Entry& entry);
    void say(const char* call, std::initializer_list<long> arguments);

    int on_names(Random& random, std::uint32_t pick, int* expected);
    int on_sets(Random& random, std::uint32_t pick, int* expected);
    int between_spaces(Random& random, std::uint32_t pick, int* expected);
    int on_specials(Random& random, std::uint32_t pick, int* expected);
    int do_send(Random& random, int* expected);
    int do_receive(Random& random, int* expected);
    std::vector<port_name_t> order_of_names(int task);
    void end_member(int task);
    int do_end_task(Random& random, int* expected);
    Sending any_sending(Random& random, int task);

    Machine& machine_;
    Host host_;
    std::vector<Member> members_;
    std::array<std::int64_t, ports::zones> start_;
    std::string why_;
    std::string text_;
};

}  // namespace umach::model
