// SPDX-License-Identifier: BSL-1.0
// task_info, thread_info and host_info: of the caller, of other processes, of threads in every state.
#include "parties.hpp"

#include <umach_threads.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

namespace umach::tests {
namespace {

UMACH_SUITE(HostInfo);
UMACH_SUITE(TaskInfo);
UMACH_SUITE(ThreadInfo);

struct Peers : Family {};
using TaskInfoOfOthers = Peers;
using ThreadInfoOfOthers = Peers;

task_basic_info_data_t about_task(task_t task) {
    task_basic_info_data_t info{};
    unsigned int count = TASK_BASIC_INFO_COUNT;
    EXPECT_EQ(KERN_SUCCESS, task_info(task, TASK_BASIC_INFO, reinterpret_cast<task_info_t>(&info), &count))
        << mach_error_detail();
    EXPECT_EQ(TASK_BASIC_INFO_COUNT, count);
    return info;
}

thread_basic_info_data_t about_thread(thread_t thread) {
    thread_basic_info_data_t info{};
    unsigned int count = THREAD_BASIC_INFO_COUNT;
    EXPECT_EQ(KERN_SUCCESS,
              thread_info(thread, THREAD_BASIC_INFO, reinterpret_cast<thread_info_t>(&info), &count))
        << mach_error_detail();
    EXPECT_EQ(THREAD_BASIC_INFO_COUNT, count);
    return info;
}

long long in_microseconds(time_value_t time) {
    EXPECT_GE(time.microseconds, 0);
    EXPECT_LT(time.microseconds, 1'000'000);
    return time.seconds * 1'000'000LL + time.microseconds;
}

// Looks again and again, for at most ten seconds.
template <class Condition>
bool becomes_true(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition())
        if (std::chrono::steady_clock::now() > end) return false;
    return true;
}

// The kernel port of another task's only thread, released at the end.
class ThreadOf {
public:
    explicit ThreadOf(task_t task) {
        thread_array_t list = nullptr;
        unsigned int number = 0;
        EXPECT_EQ(KERN_SUCCESS, task_threads(task, &list, &number));
        EXPECT_EQ(1u, number);
        if (number > 0) name_ = list[0];
        EXPECT_EQ(KERN_SUCCESS,
                  vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(list), number * sizeof *list));
    }
    ThreadOf(const ThreadOf&) = delete;
    ThreadOf& operator=(const ThreadOf&) = delete;
    ~ThreadOf() { port_release(task_self(), name_, type_of(name_)); }
    operator thread_t() const { return name_; }

private:
    thread_t name_ = PORT_NULL;
};

// ---- tasks ------------------------------------------------------------------------------------------------

TEST_F(TaskInfo, OfTheCallerHasItsMemoryAndTimes) {
    const task_basic_info_data_t info = about_task(self_);
    EXPECT_EQ(0, info.suspend_count);
    EXPECT_GT(info.resident_size, 100u);
    EXPECT_GE(info.virtual_size, info.resident_size);
    EXPECT_EQ(nice(0), info.base_priority);
}

TEST_F(TaskInfo, TimesGrowWhileTheCallerComputes) {
    const long long before = in_microseconds(about_task(self_).user_time);
    EXPECT_TRUE(becomes_true([&] { return in_microseconds(about_task(self_).user_time) > before; }));
}

TEST_F(TaskInfo, CountsSuspensions) {
    task_t task = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, task_create(self_, FALSE, &task));
    EXPECT_EQ(0, about_task(task).suspend_count);
    ASSERT_EQ(KERN_SUCCESS, task_suspend(task));
    ASSERT_EQ(KERN_SUCCESS, task_suspend(task));
    EXPECT_EQ(2, about_task(task).suspend_count);
    EXPECT_EQ(KERN_SUCCESS, task_terminate(task));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, task_suspend(task));
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, task));
}

TEST_F(TaskInfoOfOthers, IsThatOfTheirProcess) {
    const Peer peer(hub_);
    const task_basic_info_data_t info = about_task(peer.task());
    EXPECT_GT(info.resident_size, 0u);
    EXPECT_GE(info.virtual_size, info.resident_size);
}

TEST_F(TaskInfoOfOthers, IsRefusedOnceTheyHaveEnded) {
    Peer peer(hub_);
    peer.kill();
    std::array<int, TASK_INFO_MAX> room{};
    unsigned int count = room.size();
    EXPECT_EQ(KERN_INVALID_ARGUMENT, task_info(peer.task(), TASK_BASIC_INFO, room.data(), &count));
    EXPECT_EQ(room.size(), count);
}

TEST_F(TaskInfo, SaysHowManyIntegersItGave) {
    std::array<int, TASK_INFO_MAX> room{};
    unsigned int count = room.size();
    EXPECT_EQ(KERN_SUCCESS, task_info(self_, TASK_BASIC_INFO, room.data(), &count));
    EXPECT_EQ(TASK_BASIC_INFO_COUNT, count);
}

TEST_F(TaskInfo, WithTooLittleRoomGivesNothing) {
    std::array<int, TASK_BASIC_INFO_COUNT> room{};
    room.fill(-7);
    const auto untouched = room;
    unsigned int count = TASK_BASIC_INFO_COUNT - 1;
    EXPECT_EQ(KERN_INVALID_ARGUMENT, task_info(self_, TASK_BASIC_INFO, room.data(), &count));
    EXPECT_EQ(untouched, room);
    EXPECT_EQ(TASK_BASIC_INFO_COUNT - 1, count);
}

TEST_F(TaskInfo, OfAnUnknownFlavorOrNameIsRefused) {
    std::array<int, TASK_INFO_MAX> room{};
    unsigned int count = room.size();
    EXPECT_EQ(KERN_INVALID_ARGUMENT, task_info(self_, TASK_BASIC_INFO + 1, room.data(), &count));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, task_info(unknown_name, TASK_BASIC_INFO, room.data(), &count));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, task_info(task_notify(), TASK_BASIC_INFO, room.data(), &count));
}

TEST_F(TaskInfo, IntoMemoryThatIsNoneIsRefused) {
    int* const nowhere = reinterpret_cast<int*>(8);
    std::array<int, TASK_INFO_MAX> room{};
    unsigned int count = room.size();
    EXPECT_EQ(KERN_INVALID_ADDRESS, task_info(self_, TASK_BASIC_INFO, nowhere, &count));
    EXPECT_EQ(room.size(), count);
    EXPECT_EQ(KERN_INVALID_ADDRESS, task_info(self_, TASK_BASIC_INFO, room.data(), nullptr));
}

// ---- threads ----------------------------------------------------------------------------------------------

TEST_F(ThreadInfo, OfTheCallerSaysThatItRuns) {
    const thread_t self = thread_self();
    const thread_basic_info_data_t info = about_thread(self);
    EXPECT_EQ(TH_STATE_RUNNING, info.run_state);
    EXPECT_EQ(0, info.suspend_count);
    EXPECT_EQ(0, info.sleep_time);
    EXPECT_EQ(nice(0), info.base_priority);
    EXPECT_GE(info.cpu_usage, 0);
    EXPECT_LE(info.cpu_usage, TH_USAGE_SCALE);
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, self, PORT_TYPE_SEND));
}

TEST_F(ThreadInfoOfOthers, SaysThatAReceiverWaits) {
    const Peer peer(hub_);
    const ThreadOf thread(peer.task());
    EXPECT_EQ(TH_STATE_WAITING, about_thread(thread).run_state);
}

// Cases with threads of their own run in a child, whose names nobody counts.
void in_child(const std::function<void()>& body) {
    Child child(body);
    EXPECT_TRUE(child.wait());
}

thread_t make(umach_carrier_t carrier, umach_function_t function, void* argument = nullptr) {
    thread_t thread = PORT_NULL;
    EXPECT_EQ(KERN_SUCCESS, umach_thread_create(task_self(), carrier, function, argument, &thread))
        << mach_error_detail();
    return thread;
}

void park(void*) {
    umach_thread_park(UMACH_FOREVER);
}
void nothing(void*) {}
void compute(void* until) {
    while (!static_cast<std::atomic<bool>*>(until)->load()) {
    }
}

bool comes_to(thread_t thread, int state) {
    return becomes_true([&] { return about_thread(thread).run_state == state; });
}

TEST_F(ThreadInfo, OfOneThatHasNotBegunSaysThatItIsHalted) {
    in_child([] {
        thread_t thread = PORT_NULL;
        ASSERT_EQ(KERN_SUCCESS, thread_create(task_self(), &thread));
        const thread_basic_info_data_t info = about_thread(thread);
        EXPECT_EQ(TH_STATE_HALTED, info.run_state);
        EXPECT_EQ(1, info.suspend_count);
        EXPECT_EQ(0, in_microseconds(info.user_time) + in_microseconds(info.system_time));
    });
}

TEST_F(ThreadInfo, FollowsOneThatComputesIsSuspendedAndComputesOn) {
    in_child([] {
        std::atomic<bool> until = false;
        const thread_t thread = make(UMACH_OS_THREAD, compute, &until);
        EXPECT_TRUE(comes_to(thread, TH_STATE_RUNNING));
        EXPECT_TRUE(becomes_true([&] { return in_microseconds(about_thread(thread).user_time) > 0; }));
        ASSERT_EQ(KERN_SUCCESS, thread_suspend(thread));
        EXPECT_TRUE(comes_to(thread, TH_STATE_STOPPED));
        EXPECT_EQ(1, about_thread(thread).suspend_count);
        ASSERT_EQ(KERN_SUCCESS, thread_resume(thread));
        EXPECT_TRUE(comes_to(thread, TH_STATE_RUNNING));
        until = true;
        EXPECT_EQ(KERN_SUCCESS, umach_thread_join(thread, UMACH_FOREVER));
    });
}

TEST_F(ThreadInfo, OfOneThatIsParkedSaysThatItWaits) {
    in_child([] {
        const thread_t thread = make(UMACH_OS_THREAD, park);
        EXPECT_TRUE(comes_to(thread, TH_STATE_WAITING));
        EXPECT_EQ(KERN_SUCCESS, umach_thread_unpark(thread));
        EXPECT_EQ(KERN_SUCCESS, umach_thread_join(thread, UMACH_FOREVER));
    });
}

TEST_F(ThreadInfo, OfFibersIsTheirOwnStateAndTheTimeOfTheirOsThread) {
    in_child([] {
        const thread_t parked = make(UMACH_FIBER, park);
        umach_thread_yield();
        EXPECT_EQ(TH_STATE_WAITING, about_thread(parked).run_state);
        const thread_t fresh = make(UMACH_FIBER, nothing);
        EXPECT_EQ(TH_STATE_HALTED, about_thread(fresh).run_state);
        const long long before = in_microseconds(about_thread(parked).user_time);
        EXPECT_TRUE(becomes_true([&] { return in_microseconds(about_thread(parked).user_time) > before; }));
        EXPECT_EQ(KERN_SUCCESS, umach_thread_unpark(parked));
        EXPECT_EQ(KERN_SUCCESS, umach_thread_join(parked, UMACH_FOREVER));
    });
}

TEST_F(ThreadInfo, OfOneThatHasEndedIsRefused) {
    in_child([] {
        const thread_t thread = make(UMACH_OS_THREAD, nothing);
        EXPECT_EQ(KERN_SUCCESS, umach_thread_join(thread, UMACH_FOREVER));
        std::array<int, THREAD_INFO_MAX> room{};
        unsigned int count = room.size();
        EXPECT_EQ(KERN_INVALID_ARGUMENT, thread_info(thread, THREAD_BASIC_INFO, room.data(), &count));
    });
}

TEST_F(ThreadInfo, WithTooLittleRoomOrAnUnknownFlavorOrATasksPortIsRefused) {
    const thread_t self = thread_self();
    std::array<int, THREAD_INFO_MAX> room{};
    unsigned int count = THREAD_BASIC_INFO_COUNT - 1;
    EXPECT_EQ(KERN_INVALID_ARGUMENT, thread_info(self, THREAD_BASIC_INFO, room.data(), &count));
    count = room.size();
    EXPECT_EQ(KERN_INVALID_ARGUMENT, thread_info(self, THREAD_BASIC_INFO + 1, room.data(), &count));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, thread_info(self_, THREAD_BASIC_INFO, room.data(), &count));
    EXPECT_EQ(KERN_INVALID_ADDRESS, thread_info(self, THREAD_BASIC_INFO, nullptr, &count));
    EXPECT_EQ(KERN_INVALID_ADDRESS, thread_info(self, THREAD_BASIC_INFO, room.data(), nullptr));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, self, PORT_TYPE_SEND));
}

// ---- the host ---------------------------------------------------------------------------------------------

class HostPort {
public:
    HostPort() : name_(host_self()) { EXPECT_NE(PORT_NULL, name_); }
    HostPort(const HostPort&) = delete;
    HostPort& operator=(const HostPort&) = delete;
    ~HostPort() { port_release(task_self(), name_, PORT_TYPE_SEND); }
    operator host_t() const { return name_; }

private:
    host_t name_;
};

TEST_F(HostInfo, HasTheProcessorsAndTheMemoryOfTheMachine) {
    const HostPort host;
    host_basic_info_data_t info{};
    unsigned int count = HOST_BASIC_INFO_COUNT;
    ASSERT_EQ(KERN_SUCCESS, host_info(host, HOST_BASIC_INFO, reinterpret_cast<host_info_t>(&info), &count));
    EXPECT_EQ(HOST_BASIC_INFO_COUNT, count);
    EXPECT_EQ(sysconf(_SC_NPROCESSORS_CONF), info.max_cpus);
    EXPECT_EQ(sysconf(_SC_NPROCESSORS_ONLN), info.avail_cpus);
    const long long pages = sysconf(_SC_PHYS_PAGES);
    EXPECT_EQ(pages * (sysconf(_SC_PAGESIZE) / 1024), static_cast<long long>(info.memory_size));
}

TEST_F(HostInfo, HasLoadsAndWhatIsLeftForANewcomer) {
    const HostPort host;
    host_load_info_data_t info{};
    unsigned int count = HOST_LOAD_INFO_COUNT;
    ASSERT_EQ(KERN_SUCCESS, host_info(host, HOST_LOAD_INFO, reinterpret_cast<host_info_t>(&info), &count));
    EXPECT_EQ(HOST_LOAD_INFO_COUNT, count);
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 0; i < 3; ++i) {
        EXPECT_GE(info.avenrun[i], 0);
        EXPECT_GE(info.mach_factor[i], 0);
        EXPECT_LE(info.mach_factor[i], processors * LOAD_SCALE);
    }
}

TEST_F(HostInfo, OfAnUnknownFlavorOrAnotherNameOrWithTooLittleRoomIsRefused) {
    const HostPort host;
    std::array<int, HOST_INFO_MAX> room{};
    unsigned int count = room.size();
    EXPECT_EQ(KERN_INVALID_ARGUMENT, host_info(host, 2, room.data(), &count));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, host_info(self_, HOST_BASIC_INFO, room.data(), &count));
    count = HOST_BASIC_INFO_COUNT - 1;
    EXPECT_EQ(KERN_INVALID_ARGUMENT, host_info(host, HOST_BASIC_INFO, room.data(), &count));
    EXPECT_EQ(KERN_INVALID_ADDRESS, host_info(host, HOST_BASIC_INFO, room.data(), nullptr));
}

}  // namespace
}  // namespace umach::tests
