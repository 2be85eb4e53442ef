// SPDX-License-Identifier: BSL-1.0
#include "tasks/host.hpp"

#include "runtime/nap.hpp"
#include "tasks/burial.hpp"
#include "tasks/keeper.hpp"
#include "tasks/process_identity.hpp"
#include "tasks/service.hpp"

#include <sys/random.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace umach::tasks {
namespace {

constexpr int answer_milliseconds = 5'000;
constexpr int rejoin_milliseconds = 100;  // a busy keeper is asked again at the next slice

std::uint64_t random_word() {
    std::uint64_t word = 0;
    while (getrandom(&word, sizeof word, 0) != sizeof word) {
    }
    return word;
}

std::string anonymous_name(std::uint64_t id) {
    std::array<char, 17> name{'#'};
    const auto end = std::to_chars(name.data() + 1, name.data() + name.size(), id, 16).ptr;
    return std::string(name.data(), end);
}

void write_name(ports::KernelHeader& header, const std::string& name) {
    std::array<std::uint64_t, 4> words{};
    std::memcpy(words.data(), name.data(), std::min(name.size(), longest_host_name));
    for (std::size_t i = 0; i < words.size(); ++i) header.name[i].store(words[i]);
}

runtime::Fault refusal(const Welcome& welcome, const std::string& name) {
    switch (welcome.answer) {
        case Answer::other_version:
            return {EPROTO, "the host " + name + " is of another version of umach than this program"};
        case Answer::host_full:
            return {ENOSPC, "the host " + name + " is full: it has no room for another process"};
        case Answer::no_descriptor:
            return {EMFILE, "the keeper of the host " + name +
                                " has no descriptor free: it needs two for each process"};
        default: return {EPROTO, "the keeper of the host " + name + " refused"};
    }
}

runtime::Fault nobody_there(const std::string& name) {
    if (is_another_users(name)) return {EPERM, "the host " + name + " is another user's"};
    return {ECONNREFUSED, "there is no host " + name};
}

}  // namespace

runtime::Outcome<std::unique_ptr<Host>> Host::make(const std::string& name, const HostSizes& sizes) {
    if (!name.empty() && (!is_host_name(name) || name.starts_with('#')))
        return runtime::Fault{
            EINVAL, "\"" + name + "\" cannot be the name of a host: at most 31 bytes, no '/', no '#' first"};
    PrivateDescriptor listening;
    if (!name.empty()) {
        auto taken = listen_as(name);
        if (!taken && taken.fault().error == EADDRINUSE)
            return runtime::Fault{EADDRINUSE, "there is a host " + name + " already"};
        if (!taken) return taken.fault();
        listening = std::move(taken).value();
    }
    auto kernel = ports::Kernel::make(sizes);
    if (!kernel) return kernel.fault();
    const std::uint64_t id = random_word();
    std::unique_ptr<Host> host(new Host(name.empty() ? anonymous_name(id) : name, std::move(kernel).value()));
    host->kernel_.header().host_id.store(id);
    write_name(host->kernel_.header(), host->name_);
    host->listening_ = std::move(listening);
    return host;
}

runtime::Outcome<std::unique_ptr<Host>> Host::join(const std::string& name,
                                                   std::chrono::milliseconds patience) {
    if (!is_host_name(name)) return runtime::Fault{EINVAL, "\"" + name + "\" cannot be the name of a host"};
    const auto deadline = runtime::Deadline::in(patience);
    for (runtime::Nap nap;; nap.next()) {
        auto connection = connect_to(name);
        if (connection) {
            auto host = enter_through(std::move(connection).value(), name);
            if (host || host.fault().error != ECONNRESET || deadline.passed()) return host;
        } else if (connection.fault().error != ECONNREFUSED) {
            return connection.fault();
        } else if (deadline.passed()) {
            return nobody_there(name);
        }
    }
}

runtime::Outcome<std::unique_ptr<Host>> Host::enter_through(PrivateDescriptor connection,
                                                            const std::string& name) {
    const Hello hello;
    Welcome welcome;
    if (!send_record(connection.get(), &hello, sizeof hello))
        return runtime::make_fault(ECONNRESET, "joining " + name);
    Received handed = receive_record(connection.get(), &welcome, sizeof welcome, answer_milliseconds);
    if (handed.bytes < 0 && errno == ETIMEDOUT)
        return runtime::Fault{ETIMEDOUT, "the keeper of the host " + name + " does not answer"};
    if (handed.bytes <= 0)
        return runtime::make_fault(ECONNRESET, "the keeper of the host " + name + " ended");
    if (handed.bytes != sizeof welcome || welcome.magic != hello_magic)
        return refusal({.answer = Answer::unknown}, name);
    if (welcome.answer != Answer::welcome) return refusal(welcome, name);
    auto host = attach(name, welcome, handed);
    if (host) host.value()->connection_ = std::move(connection);
    return host;
}

runtime::Outcome<std::unique_ptr<Host>> Host::attach(const std::string& name, const Welcome& welcome,
                                                     Received& handed) {
    const auto kind = static_cast<runtime::SegmentKind>(welcome.segment_kind);
    const bool by_id = kind == runtime::SegmentKind::sysv;
    auto& [pool, second, third] = handed.descriptors;
    runtime::Descriptor lifeline = std::move(by_id ? second : third);
    auto segment = by_id ? runtime::Segment::attach(kind, welcome.segment_id, welcome.bytes)
                         : runtime::Segment::attach(kind, std::move(second), welcome.bytes);
    if (!segment) return segment.fault();
    auto kernel = ports::Kernel::join(std::move(segment).value(), std::move(lifeline), std::move(pool));
    if (!kernel) return kernel.fault();
    std::unique_ptr<Host> host(new Host(name, std::move(kernel).value()));
    host->process_ = welcome.process.index;
    host->note_epoch();
    return host;
}

std::optional<runtime::Carrier> Host::claim_carrier() {
    const std::uint32_t slot = kernel_.machine().claim_carrier();
    if (slot == 0) return std::nullopt;
    runtime::CarrierRecord& record = kernel_.machine().carrier(slot);
    record.process.put(process_);
    kernel_.machine().doorbells().prepare(record.doorbell, slot);
    return runtime::Carrier(record, slot);
}

bool Host::make_task(runtime::Carrier& carrier, ports::TaskRef parent) {
    if (process_ == 0) {
        const ProcessIdentity self = own_identity();
        process_ = ports::add_process(kernel_, carrier, static_cast<std::uint64_t>(self.pid), self.start_time,
                                      self.pidfd_inode);
        if (process_ == 0) return false;
        carrier.record().process.put(process_);
    }
    kernel_.process(process_).pool.put(reinterpret_cast<std::uint64_t>(kernel_.pool().base()));
    const auto made_before = static_cast<std::uint32_t>(kernel_.process(process_).task.get());
    task_ = made_before != 0 ? kernel_.ref_of_task(made_before)
                             : ports::create_task(kernel_, carrier, process_, parent, program_invocation_short_name);
    if (kernel_.process(process_).sponsored.get() != 0) ports::call_in(kernel_, carrier, process_);
    return task_.index != 0;
}

runtime::CarrierName Host::keeper() {
    return runtime::CarrierName::of(kernel_.header().keeper.get());
}

bool Host::keeper_is_alive() {
    return kernel_.machine().lives(keeper());
}

runtime::Outcome<void> Host::take_name() {
    auto taken = listen_as(name_);
    if (!taken) return taken.fault();
    listening_ = std::move(taken).value();
    return {};
}

runtime::Outcome<void> Host::start_keeping() {
    keeping_.store(true);
    auto started = Keeper::start(*this, std::move(listening_));
    if (!started) keeping_.store(false);
    else start_service(*this);
    return started;
}

void Host::rejoin() {
    const std::uint64_t epoch = kernel_.header().keeper_epoch.get();
    auto connection = connect_to(name_);
    if (!connection) return;
    const Hello hello{.purpose = Purpose::rejoin, .process = process_};
    Welcome welcome;
    if (!send_record(connection.value().get(), &hello, sizeof hello)) return;
    const Received answer =
        receive_record(connection.value().get(), &welcome, sizeof welcome, rejoin_milliseconds);
    if (answer.bytes != sizeof welcome || welcome.answer != Answer::welcome) return;
    connection_ = std::move(connection).value();
    known_epoch_.store(epoch);
}

bool Host::sweep_own_dead(runtime::Carrier& carrier) {
    return !keeper() && !has_name() && end_dead_carriers(kernel_, carrier, process_) > 0;
}

void Host::close_copies_in_child() {
    close(kernel_.machine().segment().descriptor());
    close(kernel_.machine().doorbells().lifeline());
    close(kernel_.pool().descriptor());
}

HostSizes sizes_of_environment() {
    HostSizes sizes;
    const auto replace = [](const char* variable, auto& size) {
        const char* text = std::getenv(variable);
        std::remove_reference_t<decltype(size)> asked = 0;
        if (text != nullptr) std::from_chars(text, text + std::strlen(text), asked);
        if (asked != 0) size = asked;
    };
    replace("UMACH_PORTS", sizes.ports);
    replace("UMACH_TASKS", sizes.tasks);
    replace("UMACH_THREADS", sizes.threads);
    replace("UMACH_MEMORY", sizes.message_bytes);
    replace("UMACH_POOL", sizes.pool_bytes);
    replace("UMACH_TASK_MEMORY", sizes.memory_of_a_task);
    replace("UMACH_TASK_IN_FLIGHT", sizes.flight_of_a_task);
    return sizes;
}

}  // namespace umach::tasks
