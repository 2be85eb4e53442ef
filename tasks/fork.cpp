// SPDX-License-Identifier: BSL-1.0
#include "tasks/fiber_threads.hpp"
#include "tasks/hidden_thread.hpp"
#include "tasks/inheritance.hpp"
#include "tasks/keeper.hpp"
#include "tasks/process_state.hpp"
#include "tasks/spawn.hpp"
#include "tasks/suspension.hpp"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <new>

namespace umach::tasks {

Process& process() {
    static auto* state = new Process;
    return *state;
}
// Made at load: a fork in the middle of a first call's
// initialisation would leave the child waiting for it for ever.
[[maybe_unused]] const Process& made_at_load = process();

// The program's own robust mutexes share this list; only the pointer to a life word that is not there is
// taken away.
void disarm() {
    robust_list_head* list = nullptr;
    std::size_t length = 0;
    if (syscall(SYS_get_robust_list, 0, &list, &length) == 0 && list != nullptr) list->list_op_pending = nullptr;
}

namespace {

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
        if (own_seat != nullptr && own_seat->fibers != nullptr) forget_siblings(*own_seat);
        p.inherited_parent = own_seat != nullptr ? own_seat->caller.task : host->task();
        host->close_copies_in_child();
        p.left_by_fork.push_back(host);
        p.seats_left_by_fork.merge(p.seats);
        p.seats.clear();
        disarm();
    }
    forget_children();
    forget_hidden_threads();
    own_seat = nullptr;
    pthread_setspecific(p.thread_end, nullptr);
    close_private_descriptors_in_child();
    p.unforked.load()->store(1);
}

// The name must be taken before the child is there, which looks for it.
void before_fork() {
    Unstoppable::begin();
    Process& p = process();
    p.lock.lock();
    Host* host = p.host.load();
    if (host != nullptr && !host->keeper() && !host->has_name()) static_cast<void>(host->take_name().ok());
    if (host != nullptr) copy_memory_for_child(*host);
    children_lock().lock();
    private_descriptors_lock().lock();
}

void after_fork_in_parent() {
    Process& p = process();
    private_descriptors_lock().unlock();
    children_lock().unlock();
    forget_copies();
    Host* host = p.host.load();
    if (host != nullptr && host->has_unkept_name()) static_cast<void>(host->start_keeping().ok());
    p.lock.unlock();
    Unstoppable::end();
}

void after_fork_in_child() {
    Process& p = process();
    put_copies_in_place();
    forget_membership(p);
    Unstoppable::end();
    private_descriptors_lock().unlock();
    children_lock().unlock();
    p.lock.unlock();
}

}  // namespace

// A child made by a bare system call: whoever held a lock of the parent's is not here to let it go.
void notice_unseen_fork(Process& p) {
    const auto* mark = p.unforked.load();
    if (mark == nullptr || mark->load(std::memory_order_relaxed) != 0) return;
    new (&p.lock) std::mutex;
    new (&children_lock()) std::mutex;
    new (&private_descriptors_lock()) std::mutex;
    have_robust_list();
    forget_membership(p);
}

bool prepare_for_fork(Process& p) {
    constexpr std::size_t bytes = sizeof(std::uint64_t);
    void* page = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    if (madvise(page, bytes, MADV_WIPEONFORK) != 0 ||
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) != 0)
        return munmap(page, bytes), false;
    p.unforked.store(new (page) std::atomic<std::uint64_t>(1));
    return true;
}

}  // namespace umach::tasks
