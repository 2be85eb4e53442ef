// SPDX-License-Identifier: BSL-1.0
#include "stage.hpp"
#include "stopwatch.hpp"

#include "ports/memory.hpp"
#include "runtime/mend.hpp"

#include <mach/notify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

namespace umach::torture {
namespace {

constexpr double most_use = 250;                 // ms; on a busy machine
constexpr std::uint64_t points_by_default = 40;  // of one kind, of one operation; of a long one as few as
constexpr unsigned most_seconds = 30, most_seconds_of_looks = 900;
constexpr std::uint64_t least_points = 10;
constexpr std::uint64_t stores_by_default = 16'000;  // come past on the way to all the points of one kind
constexpr std::uint64_t most_in_a_row = 400;
constexpr std::uint64_t stores_followed = 200;  // in a full run, of one operation: by each instruction

std::uint64_t usual_points(std::uint64_t stores) {
    return std::clamp(stores_by_default / stores, least_points, points_by_default);
}

}  // namespace

robust_list_head* robust_list_of_this_thread() {
    robust_list_head* list = nullptr;
    std::size_t length = 0;
    syscall(SYS_get_robust_list, 0, &list, &length);
    return list;
}

bool is_full_run() {
    return std::getenv("UMACH_FULL") != nullptr;
}

Figures Stage::figures_;

// Few enough carriers, and room enough, that each has a stock of ports and messages.
Stage::Stage() : HostFixture({.ports = 2048, .tasks = 16, .message_bytes = 3 << 20}) {}

// ---- for operations and settings -------------------------------------------------------------------------

msg_return_t Scene::post(Letter letter, msg_option_t options, msg_timeout_t timeout) {
    letter.header()->msg_id = payload;
    return send(caller, letter.header(), options, timeout);
}

msg_return_t Scene::fetch(port_name_t from, Letter* got, msg_option_t options, msg_timeout_t timeout) {
    *got = Letter::from(from);
    return receive(caller, got->header(), options, timeout);
}

port_name_t Stage::new_port() {
    port_name_t name = PORT_NULL;
    EXPECT_EQ(allocate(*caller_, caller_->task, &name), KERN_SUCCESS) << runtime::detail();
    return name;
}

void Stage::post(Letter letter, msg_id_t id, msg_option_t options) {
    letter.header()->msg_id = id;
    const msg_return_t code = send(*caller_, letter.header(), options, 0);
    EXPECT_TRUE(code == SEND_SUCCESS || code == SEND_WILL_NOTIFY) << code << ": " << runtime::detail();
}

void Stage::fill_port_of_member() {
    Letter letter(member_.its_port);
    while (send(*caller_, letter.header(), SEND_TIMEOUT, 0) == SEND_SUCCESS) {
    }
}

// Returns when it sleeps, so that its bell has to be rung.
void Stage::wait_with(std::function<msg_return_t(Caller&)> call) {
    waiting_ = std::make_unique<Blocked>(*caller_, std::move(call));
    while (!somebody_sleeps()) sched_yield();
}

bool Stage::somebody_sleeps() {
    for (std::uint32_t slot = 1; slot < k_->machine().carriers(); ++slot)
        if (const auto& record = k_->machine().carrier(slot);
            record.life.load() != 0 && record.asleep.load() != 0)
            return true;
    return false;
}

void Stage::receive_with_thread() {
    receive_with_thread(port_);
}

void Stage::receive_from_set_with_thread() {
    EXPECT_EQ(set_allocate(*caller_, caller_->task, &set_), KERN_SUCCESS);
    EXPECT_EQ(set_add(*caller_, caller_->task, set_, port_), KERN_SUCCESS);
    receive_with_thread(set_);
}

void Stage::take_out_of_set() {
    if (set_ == PORT_NULL) return;
    EXPECT_EQ(set_deallocate(*caller_, caller_->task, set_), KERN_SUCCESS);
    set_ = PORT_NULL;
}

void Stage::receive_with_thread(port_name_t from) {
    letter_ = std::make_unique<Letter>(Letter::from(from));
    wait_with([this](Caller& self) { return receive(self, letter_->header(), MSG_OPTION_NONE, 0); });
}

// ---- one kill ---------------------------------------------------------------------------------------------

Progress* Stage::map_progress() {
    void* at = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return new (at) Progress{};
}

void Stage::Unmap::operator()(Progress* progress) const {
    munmap(progress, sizeof *progress);
}

// Ends by a kill in any case: nothing of it is cleared away by its own hand.
void Stage::act_out(const Operation& operation, KillPoint point) {
    member_.pid = spawn(member_, [&](Caller& caller) {
        // A program's own robust mutex; every call begins by pointing to the life word again.
        robust_list_of_this_thread()->list_op_pending = nullptr;
        caller.carrier.arm();
        Scene scene{caller, member_.own_port, there, extra_, dead_};
        begin_counting(caller.k.machine().segment(), point, *progress_,
                       stride_ != 0 ? [&] { look_at_a_copy(caller); } : std::function<void()>{});
        const int code = operation.act(scene);
        end_counting();
        progress_->code = code;
        progress_->returned = 1;
        raise(SIGKILL);
    });
    int status = 0;
    EXPECT_EQ(waitpid(member_.pid, &status, 0), member_.pid);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << text_of(point) << ": ended by itself, " << status;
}

// Whose name stands in a lock is known to be dead, or nobody would ever get the lock; the operating system
// has seen to it.
void Stage::expect_known_dead(const std::string& when) {
    const auto look = [&](const runtime::LockWord& lock) {
        const runtime::CarrierName holder = lock.holder();
        if (!holder || holder == carrier_->name()) return;
        runtime::CarrierRecord& record = k_->machine().carrier(holder.slot);
        if (is_of_the_dead(record.process.get()) || record.process.get() == member_.process) {
            EXPECT_TRUE(runtime::has_ended(record, holder)) << when << ": its death is not known";
            record.life.store(FUTEX_OWNER_DIED | FUTEX_WAITERS);
        }
    };
    look(k_->host_lock());
    for (std::uint32_t task = 1; task < k_->zone(zone_tasks).fresh(); ++task) look(k_->task(task).lock);
}

// That a keeper has died the others learn from its life word only.
void Stage::expect_keeper_known_dead(const std::string& when) {
    const auto keeper = runtime::CarrierName::of(k_->header().keeper.get());
    if (!keeper) return;
    EXPECT_TRUE(runtime::has_ended(k_->machine().carrier(keeper.slot), keeper)) << when;
    k_->header().keeper.put(0);
}

// Takes the locks of the dead process's task, of the survivors' and of the host, and uses the ports.
void Stage::use_what_it_used(const std::string& when) {
    const Stopwatch watch;
    Caller as_dead = as(member_);
    PortStatus found{};
    status(as_dead, member_.task, member_.own_port, &found);
    EXPECT_EQ(status(*caller_, caller_->task, port_, &found), KERN_SUCCESS) << when;
    for (const port_name_t to : {member_.its_port, port_}) {
        Letter letter(to);
        const msg_return_t sent = send(*caller_, letter.header(), SEND_TIMEOUT, 0);
        EXPECT_TRUE(sent == SEND_SUCCESS || sent == SEND_TIMED_OUT || sent == SEND_INVALID_PORT)
            << when << ": " << sent;
    }
    port_name_t set = PORT_NULL;
    EXPECT_EQ(set_allocate(*caller_, caller_->task, &set), KERN_SUCCESS) << when;
    EXPECT_EQ(set_deallocate(*caller_, caller_->task, set), KERN_SUCCESS) << when;
    const double took = watch.milliseconds();
    EXPECT_LT(took, most_use) << when;
    figures_.longest_use = std::max(figures_.longest_use, took);
}

void Stage::expect_dead(int how_many) {
    for (int i = 0; i < how_many; ++i) spare_.push_back(make_member());
}

void Stage::leave_dead(const Operation& operation, KillPoint point) {
    if (spare_.empty()) expect_dead(1);
    const Member kept = std::exchange(member_, spare_.back());
    const std::uint64_t stride = std::exchange(stride_, 0);   // survivors would come near what it held meanwhile
    spare_.pop_back();
    if (operation.setting) operation.setting(*this);
    act_out(operation, point);
    dead_.push_back(std::exchange(member_, kept));
    stride_ = stride;
    new (progress_.get()) Progress{};
}

bool Stage::is_of_the_dead(std::uint64_t process) const {
    const auto is_it = [&](const Member& one) { return one.process == process; };
    return process == 0 || std::any_of(dead_.begin(), dead_.end(), is_it);
}

// 0: one that had not said yet of what process it is, or of which not even that is left.
void Stage::mark_the_dead() {
    for (std::uint32_t slot = 1; slot < k_->machine().carriers(); ++slot) {
        runtime::CarrierRecord& record = k_->machine().carrier(slot);
        if (record.life.load() == 0 || !is_of_the_dead(record.process.get())) continue;
        EXPECT_TRUE(record.process.get() != 0 || runtime::is_dead(record))
            << "a carrier that nobody will know dead";
        record.life.store(FUTEX_OWNER_DIED | FUTEX_WAITERS);
    }
}

// What a keeper does that succeeds another, but that the names that survivors have for dead ports stay.
void Stage::bury_them() {
    dead_.push_back(member_);
    mark_the_dead();
    for (std::uint32_t slot = 1; slot < k_->machine().carriers(); ++slot)
        if (runtime::is_dead(k_->machine().carrier(slot))) end_carrier(*k_, *carrier_, slot);
    for (std::uint32_t task = 1; task < k_->zone(zone_tasks).fresh(); ++task)
        if (k_->task(task).identity.get().life == Life::dying)
            end_task(*k_, *carrier_, k_->ref_of_task(task));
    const auto pid = static_cast<std::uint64_t>(member_.pid);  // of one that it may have let in
    for (std::uint32_t process = 1; process < k_->zone(zone_processes).fresh(); ++process)
        if (is_of_the_dead(process) || k_->process(process).pid.get() == pid)
            end_process(*k_, *carrier_, process);
    dead_.clear();
}

// returns: how many payloads a survivor's thread has received
int Stage::end_waits() {
    if (!waiting_) return 0;
    if (letter_) {
        Letter last(port_);
        last.header()->msg_id = ending;
        send(*caller_, last.header(), SEND_TIMEOUT, 0);  // in vain when there is enough to receive
    }
    const msg_return_t code = waiting_->result();
    const bool got_it = letter_ && code == RCV_SUCCESS && letter_->header()->msg_id == payload;
    waiting_.reset();
    letter_.reset();
    take_out_of_set();
    return got_it ? 1 : 0;
}

int Stage::take_payloads() {
    int payloads = 0;
    Letter got = Letter::from(port_);
    while (receive(*caller_, got.header(), RCV_TIMEOUT, 0) == RCV_SUCCESS) {
        if (got.header()->msg_id == payload) ++payloads;
        got = Letter::from(port_);
    }
    return payloads;
}

// The notice of a port's death takes the dead name away.
void Stage::expect_told_once(const std::string& when) {
    std::map<port_name_t, int> told;
    Letter got = Letter::from(notify_name(*caller_));
    while (receive(*caller_, got.header(), RCV_TIMEOUT, 0) == RCV_SUCCESS) {
        if (got.header()->msg_id == NOTIFY_PORT_DELETED) ++told[got.name(0)];
        got = Letter::from(notify_name(*caller_));
    }
    for (const auto& [name, times] : told) EXPECT_EQ(times, 1) << when << ": told of the death of " << name;
    std::vector<NameAndType> all;
    names(*caller_, caller_->task, &all);
    for (const NameAndType& one : all)
        EXPECT_FALSE(one.type == PORT_TYPE_DEAD_NAME)
            << when << ": nobody was told of the death of " << one.name;
}

// What came out of line is the survivors' now.
void Stage::give_back_memory() {
    const TaskRecord& task = k_->task(caller_->task.index);
    while (const std::uint32_t first = task.regions.get().first) {
        const RegionRecord& region = k_->region(first);
        ASSERT_EQ(deallocate_memory(*caller_, offset_of(region), region.pages << page_bits), KERN_SUCCESS);
    }
}

void Stage::expect_nothing_left(const Counts& before, const std::string& when) {
    give_back_memory();
    check(when);
    EXPECT_EQ(counts(), before) << when;
    int carriers = 0;
    for (std::uint32_t slot = 1; slot < k_->machine().carriers(); ++slot)
        if (k_->machine().carrier(slot).life.load() != 0) ++carriers;
    EXPECT_EQ(carriers, 1) << when << ": carriers besides the survivor's own";
    EXPECT_EQ(k_->machine().header().rescued_wakeups.load(), 0u) << when;
}

const Progress& Stage::kill_once(const Operation& operation, KillPoint point) {
    alarm(stride_ == 0 ? most_seconds : most_seconds_of_looks);  // a hang ends the test
    new (progress_.get()) Progress{};
    host_port(*k_, *carrier_);   // its task stays
    const Counts before = counts();
    member_ = make_member();
    extra_ = PORT_NULL;
    dead_.clear();
    if (operation.setting) operation.setting(*this);
    act_out(operation, point);
    const std::string when = text_of(point);
    expect_known_dead(when);
    expect_keeper_known_dead(when);
    use_what_it_used(when);
    bury_them();
    check(when);
    const int arrived = end_waits() + take_payloads();
    EXPECT_LE(arrived, 1) << when;
    const bool sent = operation.sends && progress_->returned != 0 && progress_->code == SEND_SUCCESS;
    EXPECT_GE(arrived, sent ? 1 : 0) << when;
    expect_told_once(when);
    take_what_came();
    expect_nothing_left(before, when);
    ++figures_.kills;
    if (progress_->returned == 0) ++figures_.inside;
    alarm(0);
    return *progress_;
}

// ---- all of them ------------------------------------------------------------------------------------------

std::uint64_t Stage::usual_stride(std::uint64_t stores) const {
    return is_full_run() ? 1 : std::max<std::uint64_t>(stores / usual_points(stores), 1);
}

void Stage::try_points(const Operation& operation, When when, std::uint64_t stores) {
    const std::uint64_t stride = usual_stride(stores);
    for (std::uint64_t store = 1 + stride / 2; store <= stores && !HasFailure(); store += stride) {
        kill_once(operation, {when, store});
        ++figures_.points;
    }
}

// Until the next store comes first. Only who waits does more than so many instructions without one, in a
// loop.
void Stage::try_instructions(const Operation& operation, std::uint64_t stores) {
    const std::uint64_t stride = std::max<std::uint64_t>(stores / stores_followed, 1);
    for (std::uint64_t store = 0; store < stores && !HasFailure(); store += stride) {
        KillPoint point{When::after_instruction, store, 1};
        while (point.instruction <= most_in_a_row && kill_once(operation, point).stores == store &&
               !HasFailure()) {
            ++point.instruction;
            ++figures_.points;
            ++figures_.instructions;
        }
    }
}

// The second time: tables that grow have grown then.
std::uint64_t Stage::count_stores(const Operation& operation) {
    kill_once(operation, {});
    const Progress& progress = kill_once(operation, {});
    EXPECT_EQ(progress.returned, 1u);
    EXPECT_EQ(progress.code, operation.code);
    std::printf("%lu stores in %lu steps; ", progress.stores.load(), progress.steps.load());
    return progress.stores;
}

void Stage::kill_everywhere(const Operation& operation) {
    ++figures_.operations;
    const std::uint64_t inside_before = figures_.inside, points_before = figures_.points;
    const std::uint64_t stores = count_stores(operation);
    ASSERT_FALSE(HasFailure());
    ASSERT_GE(stores, 3u);
    try_points(operation, When::before_store, stores);
    try_points(operation, When::after_store, stores);
    if (is_full_run()) try_instructions(operation, stores);
    const std::uint64_t points = figures_.points - points_before, inside = figures_.inside - inside_before;
    std::printf("%lu points tried, %lu before the call's end\n", points, inside);
    // Where it stands still for a moment, or what it finds, differs from time to time; the last may fall
    // behind the end.
    EXPECT_GE(inside * 10, points * 9);
    EXPECT_GE(points, 2 * (is_full_run() ? stores : std::min(stores, usual_points(stores))));
}

void Stage::TearDownTestSuite() {
    std::printf(
        "%lu operations, %lu points of which %lu are instructions between stores; %lu kills, %lu of them "
        "inside; %lu copies made whole; others got on within %.2f ms at worst\n",
        figures_.operations, figures_.points, figures_.instructions, figures_.kills, figures_.inside, figures_.copies,
        figures_.longest_use);
}

}  // namespace umach::torture
