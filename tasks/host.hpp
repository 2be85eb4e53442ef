// SPDX-License-Identifier: BSL-1.0
// A host as one of its processes sees it: the mapped kernel, the process's slot and task, the connection to
// the keeper.
//
// The maker of an anonymous host is alone until it forks; then, and from the start for a named host, it is
// the keeper. Everybody else is let in by the keeper and stays connected to it, so that the keeper learns of
// an exec.
#pragma once

#include "tasks/rendezvous.hpp"

#include "ports/task.hpp"
#include "ports/thread.hpp"

#include <signal.h>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

namespace umach::tasks {

using ports::HostSizes;

class Readiness;

class Host {
public:
    // Makes a host in fresh memory. An empty name makes an anonymous one, which gets a random name.
    // returns: EADDRINUSE when this user has a host of that name, EINVAL when it is no name
    static runtime::Outcome<std::unique_ptr<Host>> make(const std::string& name, const HostSizes& sizes);

    // Joins the host of that name.
    // waits: for the name to be taken, if nobody has it now, at most `patience` (a keeper may be succeeding
    // another)
    // returns: ECONNREFUSED no such host, EPERM another user's, EPROTO another version or a corrupt one,
    // ENOSPC full
    static runtime::Outcome<std::unique_ptr<Host>> join(const std::string& name,
                                                        std::chrono::milliseconds patience);

    ports::Kernel& kernel() { return kernel_; }
    const std::string& name() const { return name_; }
    bool anonymous() const { return name_.starts_with('#'); }
    std::uint32_t process() const { return process_; }
    ports::TaskRef task() const { return task_; }

    // Gives the calling thread a carrier of this process.
    // returns: nothing when all are in use
    std::optional<runtime::Carrier> claim_carrier();

    // Makes the process's slot, if the keeper has not, and its task, on the first carrier that it has.
    // returns: false when a table is full; runtime::detail() says which
    bool make_task(runtime::Carrier& carrier, ports::TaskRef parent);

    // The carrier that has the keeper's role.
    runtime::CarrierName keeper();
    bool keeper_is_alive();
    // Nobody needs to look after this host: it needs no keeper, or it has one that knows this process. A few
    // loads.
    bool is_well_kept() { return !keeper() || (keeper_is_alive() && is_connected()); }

    // Takes the host's name, without which nobody keeps it, and starts the thread that keeps it. For
    // fork the
    // two are apart: the child must find the name taken.
    runtime::Outcome<void> take_name();
    runtime::Outcome<void> start_keeping();
    bool has_name() const { return listening_ || keeping_.load(); }
    bool has_unkept_name() const { return listening_ && !keeping_.load(); }
    void keeping_failed() { keeping_.store(false); }

    // Connects to a keeper that has succeeded another.
    void rejoin();
    bool is_connected() {
        return known_epoch_.load(std::memory_order_relaxed) == kernel_.header().keeper_epoch.get();
    }
    void note_epoch() { known_epoch_.store(kernel_.header().keeper_epoch.get()); }

    // Whether the name service runs in this process; under its lock.
    bool name_service_runs = false;
    std::mutex& name_service_lock() { return name_service_lock_; }

    // Whether the process has its service thread, or starts it; and what the program's own threads block: a thread that
    // the service thread starts begins with that.
    std::atomic<bool> service_runs{false};
    sigset_t program_signals{};

    // What mirrors this process's ports in descriptors, once it was asked to.
    Readiness* readiness() const { return readiness_.load(std::memory_order_acquire); }
    void set_readiness(Readiness* made) { readiness_.store(made); }
    std::mutex& readiness_lock() { return readiness_lock_; }

    // Whether this process may look for threads of its own that died: it does so alone, and no keeper does.
    bool sweep_own_dead(runtime::Carrier& carrier);

    // For the child of a fork: closes its copies of the descriptors; the mapping is not there.
    void close_copies_in_child();

private:
    Host(std::string name, ports::Kernel kernel) : name_(std::move(name)), kernel_(std::move(kernel)) {}
    static runtime::Outcome<std::unique_ptr<Host>> enter_through(PrivateDescriptor connection,
                                                                 const std::string& name);
    static runtime::Outcome<std::unique_ptr<Host>> attach(const std::string& name, const Welcome& welcome,
                                                          Received& handed);

    std::string name_;
    ports::Kernel kernel_;
    std::uint32_t process_ = 0;
    ports::TaskRef task_;
    PrivateDescriptor listening_;
    PrivateDescriptor connection_;
    std::atomic<std::uint64_t> known_epoch_{0};
    std::atomic<bool> keeping_{false};
    std::mutex name_service_lock_;
    std::mutex readiness_lock_;
    std::atomic<Readiness*> readiness_{nullptr};
};

// The sizes of a host that the program did not ask for: UMACH_PORTS, UMACH_TASKS, UMACH_THREADS, UMACH_MEMORY, UMACH_POOL,
// UMACH_TASK_MEMORY replace the defaults.
HostSizes sizes_of_environment();

// Makes a named host and makes this process, which is in no host yet, its first member and keeper.
// returns: EBUSY when the process is in a host already; otherwise as Host::make
runtime::Outcome<void> make_named_host(const std::string& name, const HostSizes& sizes);

// Makes this process, which is in no host yet, a member of a running one, to look at it.
// returns: the kernel; faults as Host::join, EBUSY
runtime::Outcome<ports::Kernel*> attach_for_looking(const std::string& name);

}  // namespace umach::tasks
