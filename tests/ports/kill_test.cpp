// SPDX-License-Identifier: BSL-1.0
// Processes that pass rights to each other are killed at random instants; whoever is left puts their records in order,
// and the audit finds nothing wrong. UMACH_KILL_SECONDS sets how long (3 by default).
#include "ports/audit.hpp"
#include "ports/calls.hpp"
#include "ports/receive.hpp"
#include "ports/send.hpp"
#include "ports/task.hpp"
#include "ports/thread.hpp"
#include "ports/wait.hpp"
#include "runtime/detail.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <random>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace umach::ports {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int workers = 6;
constexpr port_name_t first_peer = 1000;

struct Shared {
    std::array<std::atomic<std::uint64_t>, workers> operations;
};

// What a worker is given: a task made for it, with names for everybody's port.
struct Post {
    std::uint32_t process = 0;
    TaskRef task;
    port_name_t own_port = 0;
    pid_t pid = -1;
};

struct Letter {
    msg_header_t header;
    msg_type_t type;
    std::array<port_t, 4> rights;
};

class Worker {
public:
    Worker(Caller& caller, const Post& post, std::uint32_t seed) : caller_(caller), post_(post), random_(seed) {}

    void work_for_ever(std::atomic<std::uint64_t>& operations) {
        for (;;) {
            one_operation();
            operations.fetch_add(1, std::memory_order_relaxed);
        }
    }

private:
    std::uint32_t pick(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
    port_name_t peer() { return first_peer + static_cast<port_name_t>(pick(workers)); }

    void one_operation() {
        switch (pick(10)) {
        case 0: case 1: case 2: return send_rights();
        case 3: return send_plain();
        case 4: return call_peer();
        case 5: return change_ports();
        default: return receive_some();
        }
    }

    Letter letter(std::uint32_t code, port_t name) {
        Letter l{};
        l.header.msg_size = sizeof(msg_header_t) + sizeof(msg_type_t) + sizeof(port_t);
        l.header.msg_remote_port = peer();
        l.type.msg_type_name = code & 0xff;
        l.type.msg_type_size = 32;
        l.type.msg_type_number = 1;
        l.type.msg_type_inline = 1;
        l.type.msg_type_deallocate = pick(2) & 1;
        l.rights[0] = name;
        return l;
    }

    void send_rights() {
        static constexpr std::array codes{MSG_TYPE_PORT, MSG_TYPE_PORT_ALL, MSG_TYPE_PORT_RECEIVE, MSG_TYPE_PORT_OWNERSHIP,
                                          MSG_TYPE_MAKE_SEND_ONCE, MSG_TYPE_MOVE_SEND_ONCE};
        port_name_t fresh = PORT_NULL;
        if (allocate(caller_, post_.task, &fresh) != KERN_SUCCESS) return;
        Letter l = letter(static_cast<std::uint32_t>(codes[pick(codes.size())]), pick(4) == 0 ? peer() : fresh);
        const msg_option_t option = pick(3) == 0 ? SEND_NOTIFY : SEND_TIMEOUT;
        send(caller_, &l.header, option | SEND_TIMEOUT, pick(4) == 0 ? 1 : 0);
        if (pick(3) != 0) deallocate(caller_, post_.task, fresh);
    }

    void send_plain() {
        Letter l{};
        l.header.msg_simple = 1;
        l.header.msg_size = 24 + 4 * pick(200);
        l.header.msg_remote_port = peer();
        std::array<char, 2048> text{};
        std::memcpy(text.data(), &l.header, sizeof l.header);
        send(caller_, reinterpret_cast<msg_header_t*>(text.data()), SEND_TIMEOUT, pick(3));
    }

    void call_peer() {
        std::array<char, 512> text{};
        auto* header = reinterpret_cast<msg_header_t*>(text.data());
        header->msg_simple = 1;
        header->msg_size = sizeof *header;
        header->msg_remote_port = peer();
        header->msg_local_port = reply_;
        if (reply_ == PORT_NULL) allocate(caller_, post_.task, &reply_);
        rpc(caller_, header, SEND_TIMEOUT | RCV_TIMEOUT, text.size(), 1, 2);
    }

    void change_ports() {
        std::vector<NameAndType> all;
        names(caller_, post_.task, &all);
        for (const NameAndType& one : all) {
            const bool keep = one.name <= 2 || one.name == post_.own_port || one.name == reply_ ||
                              (one.name >= first_peer && one.name < first_peer + workers);
            if (!keep && (all.size() > 60 || pick(8) == 0)) deallocate(caller_, post_.task, one.name);
        }
        port_name_t notify = notify_name(caller_);
        receive_from(notify);
    }

    void receive_some() {
        for (int i = 0; i < 4; ++i) receive_from(post_.own_port);
    }

    void receive_from(port_name_t name) {
        std::array<char, 4096> text{};
        auto* header = reinterpret_cast<msg_header_t*>(text.data());
        header->msg_size = text.size();
        header->msg_local_port = name;
        if (receive(caller_, header, RCV_TIMEOUT, pick(2)) != RCV_SUCCESS || header->msg_remote_port == PORT_NULL) return;
        header->msg_simple = 1;
        header->msg_size = sizeof *header;
        header->msg_local_port = PORT_NULL;
        send(caller_, header, SEND_TIMEOUT, 0);
        deallocate(caller_, post_.task, header->msg_remote_port);
    }

    Caller& caller_;
    Post post_;
    std::minstd_rand random_;
    port_name_t reply_ = PORT_NULL;
};

class KillTest : public testing::Test {
protected:
    KillTest() {
        HostSizes sizes;
        sizes.tasks = 64;
        sizes.ports = 4096;
        auto made = Kernel::make(sizes);
        EXPECT_TRUE(made.ok());
        k_.emplace(std::move(made.value()));
        const std::uint32_t slot = k_->machine().claim_carrier();
        carrier_.emplace(k_->machine().carrier(slot), slot);
        process_ = add_process(*k_, *carrier_, static_cast<std::uint64_t>(getpid()), 0, 0);
        carrier_->record().process.put(process_);
        task_ = create_task(*k_, *carrier_, process_, {}, "parent");
        caller_.emplace(Caller{*k_, *carrier_, task_, begin_thread(*k_, *carrier_, task_)});
        void* shared = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        shared_ = new (shared) Shared{};
    }
    ~KillTest() override { munmap(shared_, sizeof(Shared)); }

    void make_post(int i) {
        Post& post = posts_[static_cast<std::size_t>(i)];
        post.process = add_process(*k_, *carrier_, 1, 0, 0);
        post.task = create_task(*k_, *carrier_, post.process, {}, "worker");
        ASSERT_TRUE(post.task) << runtime::detail();
        ASSERT_EQ(allocate(*caller_, post.task, &post.own_port), KERN_SUCCESS) << runtime::detail();
        port_name_t mine = PORT_NULL;
        ASSERT_EQ(insert_from(post.task, post.own_port, &mine), KERN_SUCCESS);
        peer_names_[static_cast<std::size_t>(i)] = mine;
    }

    // Gives the parent a send right for a worker's port.
    kern_return_t insert_from(TaskRef task, port_name_t his, port_name_t* mine) {
        Caller as_worker{*k_, *carrier_, task, caller_->thread};
        static port_name_t next = 50'000;
        *mine = next++;
        return insert_send(as_worker, task_, his, *mine);
    }

    void introduce(int i) {
        for (int j = 0; j < workers; ++j) {
            const auto to = posts_[static_cast<std::size_t>(i)].task;
            insert_send(*caller_, to, peer_names_[static_cast<std::size_t>(j)], first_peer + j);
        }
    }

    void spawn(int i) {
        Post& post = posts_[static_cast<std::size_t>(i)];
        const int descriptor = k_->machine().segment().descriptor();
        const int memory = k_->pool().descriptor();
        const std::size_t bytes = k_->machine().segment().bytes();
        post.pid = fork();
        ASSERT_GE(post.pid, 0);
        if (post.pid != 0) return;
        auto segment = runtime::Segment::attach(runtime::SegmentKind::anonymous, runtime::Descriptor(dup(descriptor)), bytes);
        auto joined = segment.ok() ? Kernel::join(std::move(segment).value(), runtime::Descriptor{}, runtime::Descriptor(dup(memory)))
                                   : runtime::Outcome<Kernel>(segment.fault());
        if (!joined.ok()) _exit(2);
        Kernel& k = joined.value();
        const std::uint32_t slot = k.machine().claim_carrier();
        if (slot == 0) _exit(3);
        runtime::Carrier carrier(k.machine().carrier(slot), slot);
        carrier.record().process.put(post.process);
        Caller caller{k, carrier, post.task, begin_thread(k, carrier, post.task)};
        Worker(caller, post, static_cast<std::uint32_t>(getpid())).work_for_ever(shared_->operations[static_cast<std::size_t>(i)]);
    }

    // What the keeper does when a process has ended.
    void bury(int i) {
        Post& post = posts_[static_cast<std::size_t>(i)];
        for (std::uint32_t slot = 1; slot < k_->machine().carriers(); ++slot) {
            runtime::CarrierRecord& record = k_->machine().carrier(slot);
            if (record.life.load() != 0 && record.process.get() == post.process) record.life.store(FUTEX_OWNER_DIED | FUTEX_WAITERS);
        }
        end_process(*k_, *carrier_, post.process);
    }

    void kill_and_replace(int i) {
        Post& post = posts_[static_cast<std::size_t>(i)];
        kill(post.pid, SIGKILL);
        int status = 0;
        ASSERT_EQ(waitpid(post.pid, &status, 0), post.pid);
        ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "worker " << i << " ended by itself: " << status;
        bury(i);
        deallocate(*caller_, task_, peer_names_[static_cast<std::size_t>(i)]);
        make_post(i);
        introduce(i);
        spawn(i);
    }

    std::uint64_t total() {
        std::uint64_t sum = 0;
        for (auto& count : shared_->operations) sum += count.load();
        return sum;
    }

    void drain_notices() {
        std::array<char, 64> text{};
        auto* header = reinterpret_cast<msg_header_t*>(text.data());
        do {
            header->msg_size = text.size();
            header->msg_local_port = notify_name(*caller_);
        } while (receive(*caller_, header, RCV_TIMEOUT, 0) == RCV_SUCCESS);
    }

    std::optional<Kernel> k_;
    std::optional<runtime::Carrier> carrier_;
    std::optional<Caller> caller_;
    std::uint32_t process_ = 0;
    TaskRef task_;
    Shared* shared_ = nullptr;
    std::array<Post, workers> posts_;
    std::array<port_name_t, workers> peer_names_{};
};

constexpr int least_kills = 50;   // however busy the machine is

TEST_F(KillTest, WorkersKilledAtRandomInstantsLeaveEveryRecordInOrderAndDelayNobody) {
    const char* wanted = std::getenv("UMACH_KILL_SECONDS");
    const auto end = Clock::now() + std::chrono::seconds(wanted != nullptr ? std::atoi(wanted) : 3);
    for (int i = 0; i < workers; ++i) make_post(i);
    for (int i = 0; i < workers; ++i) introduce(i);
    for (int i = 0; i < workers; ++i) spawn(i);
    std::minstd_rand random(7);
    int kills = 0, audits = 0;
    std::uint64_t before = 0;
    while ((kills < least_kills || Clock::now() < end) && !HasFailure()) {
        // Until everybody together has done some operations more, so that a kill falls somewhere new.
        const std::uint64_t goal = total() + random() % 400;
        const auto patience = Clock::now() + std::chrono::seconds(5);
        while (total() < goal && Clock::now() < patience) sched_yield();
        ASSERT_GE(total(), goal) << "nobody got on for 5 s after " << kills << " kills";
        kill_and_replace(static_cast<int>(random() % workers));
        drain_notices();
        if (++kills % 50 != 0) continue;
        const Audit found = audit(*k_, *carrier_);
        ++audits;
        for (const std::string& violation : found.violations) ADD_FAILURE() << violation;
    }
    before = total();
    for (int i = 0; i < workers; ++i) {
        kill(posts_[static_cast<std::size_t>(i)].pid, SIGKILL);
        waitpid(posts_[static_cast<std::size_t>(i)].pid, nullptr, 0);
        bury(i);
    }
    const Audit last = audit(*k_, *carrier_);
    for (const std::string& violation : last.violations) ADD_FAILURE() << violation;
    EXPECT_EQ(last.rescued_wakeups, 0u);
    std::printf("%d kills, %lu operations, %lu logs undone, %d audits\n", kills, before,
                k_->machine().header().mended.load(), audits);
}

}  // namespace
}  // namespace umach::ports
