// SPDX-License-Identifier: BSL-1.0
#include "tasks/membership.hpp"

#include "ports/wait.hpp"
#include "runtime/detail.hpp"
#include "tasks/keeper.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <new>
#include <set>
#include <vector>

namespace umach::tasks {
namespace {

using namespace std::chrono_literals;
constexpr auto patience_of_a_stranger = 300ms;  // a keeper may be succeeding another
constexpr auto patience_of_a_child = 1200ms;    // its parent may have died, and been the keeper

constinit thread_local Seat* own_seat [[gnu::tls_model("initial-exec")]] = nullptr;

// All that a process has of its membership. Never destroyed: hidden threads outlive the program's
// destructors.
struct Process {
    std::mutex lock;
    std::atomic<Host*> host{nullptr};
    std::set<Seat*> seats;
    // Of the parent; kept, because their mappings are not here to be given back.
    std::vector<Host*> left_by_fork;
    std::set<Seat*> seats_left_by_fork;
    std::string inherited_name;  // of the host that the parent was in
    ports::TaskRef inherited_parent;
    // In a page that fork wipes: 0 in a child that no handler saw.
    std::atomic<std::atomic<std::uint64_t>*> unforked{nullptr};
    pthread_key_t thread_end{};
};

Process& process() {
    static auto* state = new Process;
    return *state;
}
// Made at load: a fork in the middle of a first call's
// initialisation would leave the child waiting for it for ever.
[[maybe_unused]] const Process& made_at_load = process();

// ---- fork ---------------------------------------------------------------------------------------------

// The program's own robust mutexes share this list; only the pointer to a life word that is not there is
// taken away.
void disarm() {
    robust_list_head* list = nullptr;
    std::size_t length = 0;
    if (syscall(SYS_get_robust_list, 0, &list, &length) == 0 && list != nullptr)
        list->list_op_pending = nullptr;
}

// fork() registers its child's robust list again; after a bare system call there is none, and no carrier
// without one.
void have_robust_list() {
    static thread_local robust_list_head own{{&own.list}, 0, nullptr};
    robust_list_head* list = nullptr;
    std::size_t length = 0;
    if (syscall(SYS_get_robust_list, 0, &list, &length) == 0 && list != nullptr) return;
    syscall(SYS_set_robust_list, &own, sizeof own);
}

void forget_membership(Process& p) {
    if (Host* host = p.host.exchange(nullptr)) {
        p.inherited_name = host->name();
        p.inherited_parent = own_seat != nullptr ? own_seat->caller.task : host->task();
        host->close_copies_in_child();
        p.left_by_fork.push_back(host);
        p.seats_left_by_fork.merge(p.seats);
        p.seats.clear();
        disarm();
    }
    own_seat = nullptr;
    pthread_setspecific(p.thread_end, nullptr);
    close_private_descriptors_in_child();
    p.unforked.load()->store(1);
}

// The name must be taken before the child is there, which looks for it.
void before_fork() {
    Process& p = process();
    p.lock.lock();
    Host* host = p.host.load();
    if (host != nullptr && !host->keeper() && !host->has_name()) static_cast<void>(host->take_name().ok());
    private_descriptors_lock().lock();
}

void after_fork_in_parent() {
    Process& p = process();
    private_descriptors_lock().unlock();
    Host* host = p.host.load();
    if (host != nullptr && host->has_unkept_name()) static_cast<void>(host->start_keeping().ok());
    p.lock.unlock();
}

void after_fork_in_child() {
    Process& p = process();
    forget_membership(p);
    private_descriptors_lock().unlock();
    p.lock.unlock();
}

bool is_unseen_child() {
    return process().unforked.load(std::memory_order_relaxed)->load(std::memory_order_relaxed) == 0;
}

// A child made by a bare system call: whoever held a lock of the parent's is not here to let it go.
void notice_unseen_fork(Process& p) {
    const auto* mark = p.unforked.load();
    if (mark == nullptr || mark->load(std::memory_order_relaxed) != 0) return;
    new (&p.lock) std::mutex;
    new (&private_descriptors_lock()) std::mutex;
    have_robust_list();
    forget_membership(p);
}

// ---- threads ------------------------------------------------------------------------------------------

void give_up(Host& host, runtime::Carrier& carrier) {
    carrier.arm();
    ports::end_carrier(host.kernel(), carrier, carrier.name().slot);
    disarm();
}

void end_of_thread(void* argument) {
    Process& p = process();
    notice_unseen_fork(p);
    Seat* seat = static_cast<Seat*>(argument);
    if (seat != own_seat) return;
    give_up(seat->host, seat->carrier);
    own_seat = nullptr;
    const std::lock_guard guard(p.lock);
    p.seats.erase(seat);
    delete seat;
}

void set_up_once(Process& p) {
    if (p.unforked.load() != nullptr) return;
    void* page =
        mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    UMACH_ASSERT(page != MAP_FAILED);
    madvise(page, sizeof(std::uint64_t), MADV_WIPEONFORK);
    UMACH_ASSERT(pthread_key_create(&p.thread_end, end_of_thread) == 0);
    UMACH_ASSERT(pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0);
    ports::slice_hook = look_after;
    p.unforked.store(new (page) std::atomic<std::uint64_t>(1));
}

std::optional<runtime::Carrier> claim_carrier(Host& host) {
    auto carrier = host.claim_carrier();
    if (!carrier)
        runtime::set_detail("the host %s has no carrier free for another thread", host.name().c_str());
    return carrier;
}

Seat* sit_down(Process& p, Host& host, runtime::Carrier carrier, ports::TaskRef task) {
    const ports::ThreadRef thread = ports::begin_thread(host.kernel(), carrier, task);
    if (!thread) {
        give_up(host, carrier);
        return nullptr;
    }
    own_seat = new Seat(host, carrier, task, thread);
    p.seats.insert(own_seat);
    pthread_setspecific(p.thread_end, own_seat);
    return own_seat;
}

// ---- hosts --------------------------------------------------------------------------------------------

runtime::Outcome<std::unique_ptr<Host>> find_host(Process& p) {
    if (!p.inherited_name.empty()) {
        auto joined = Host::join(p.inherited_name, patience_of_a_child);
        const bool gone =
            !joined && joined.fault().error == ECONNREFUSED && p.inherited_name.starts_with('#');
        if (!gone) return joined;
        p.inherited_parent = {};
        return Host::make("", sizes_of_environment());
    }
    const char* named = std::getenv("UMACH_HOST");
    if (named != nullptr && *named != '\0') return Host::join(named, patience_of_a_stranger);
    return Host::make("", sizes_of_environment());
}

// Makes this process a member: its task, on the calling thread's carrier.
Seat* move_in(Process& p, std::unique_ptr<Host> host) {
    auto carrier = claim_carrier(*host);
    if (!carrier) return nullptr;
    if (!host->make_task(*carrier, p.inherited_parent)) {
        give_up(*host, *carrier);
        return nullptr;
    }
    Seat* seat = sit_down(p, *host, *carrier, host->task());
    if (seat != nullptr) p.host.store(host.release());
    return seat;
}

Seat* enter_first() {
    Process& p = process();
    notice_unseen_fork(p);
    const std::lock_guard guard(p.lock);
    set_up_once(p);
    runtime::clear_detail();
    if (Host* host = p.host.load()) {
        auto carrier = claim_carrier(*host);
        return carrier ? sit_down(p, *host, *carrier, host->task()) : nullptr;
    }
    auto found = find_host(p);
    if (found) return move_in(p, std::move(found).value());
    runtime::set_detail("%s", found.fault().what.c_str());
    return nullptr;
}

runtime::Outcome<Host*> become_member(runtime::Outcome<std::unique_ptr<Host>> (*find)(const std::string&,
                                                                                      const HostSizes&),
                                      const std::string& name, const HostSizes& sizes) {
    Process& p = process();
    notice_unseen_fork(p);
    const std::lock_guard guard(p.lock);
    set_up_once(p);
    if (p.host.load() != nullptr) return runtime::Fault{EBUSY, "this process is in a host already"};
    auto found = find(name, sizes);
    if (!found) return found.fault();
    if (move_in(p, std::move(found).value()) == nullptr) return runtime::Fault{ENOSPC, runtime::detail()};
    return p.host.load();
}

void on_fault_in_trap(int) {
    if (own_seat != nullptr) own_seat->carrier.mark_dead();
}

}  // namespace

Seat* enter() {
    Seat* seat = own_seat;
    if (seat == nullptr || is_unseen_child()) [[unlikely]]
        return enter_first();
    seat->carrier.arm();
    if (!seat->host.is_well_kept()) [[unlikely]]
        look_after(seat->caller.k);
    return seat;
}

Seat* enter_as_server(Host& host, const char* program) {
    Process& p = process();
    auto carrier = claim_carrier(host);
    if (!carrier) return nullptr;
    const auto task = ports::create_task(host.kernel(), *carrier, host.process(), {}, program);
    const std::lock_guard guard(p.lock);
    if (task) return sit_down(p, host, *carrier, task);
    give_up(host, *carrier);
    return nullptr;
}

Host* current_host() {
    return process().host.load();
}

Trap::Trap() : seat_(enter()) {
    runtime::fault_hook = on_fault_in_trap;
}

void look_after(ports::Kernel& kernel) {
    Process& p = process();
    const std::unique_lock guard(p.lock, std::try_to_lock);
    Host* host = p.host.load();
    if (!guard || host == nullptr || &host->kernel() != &kernel) return;
    if (!host->keeper()) {
        if (own_seat != nullptr) host->sweep_own_dead(own_seat->carrier);
    } else if (host->keeper_is_alive()) {
        if (!host->is_connected()) host->rejoin();
    } else if (!host->has_name() && host->take_name()) {
        static_cast<void>(host->start_keeping().ok());
    }
}

runtime::Outcome<void> make_named_host(const std::string& name, const HostSizes& sizes) {
    if (name.empty()) return runtime::Fault{EINVAL, "a host to be found needs a name"};
    auto host = become_member(Host::make, name, sizes);
    return host ? host.value()->start_keeping() : runtime::Outcome<void>(host.fault());
}

runtime::Outcome<ports::Kernel*> attach_for_looking(const std::string& name) {
    const auto join = [](const std::string& of, const HostSizes&) {
        return Host::join(of, patience_of_a_stranger);
    };
    auto host = become_member(join, name, {});
    if (!host) return host.fault();
    return &host.value()->kernel();
}

}  // namespace umach::tasks
