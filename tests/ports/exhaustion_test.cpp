// SPDX-License-Identifier: BSL-1.0
// Each table of a host, and each quota, is used up: what does not fit any more is refused with a word of which it
// was, what is there still works, and afterwards as much is free as before.
#include "host_fixture.hpp"
#include "letter.hpp"

#include "ports/memory.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace umach::ports {
namespace {

class Exhausted : public HostFixture {
protected:
    Exhausted() : HostFixture({.ports = 256, .tasks = 8, .threads = 32, .message_bytes = 1 << 16, .pool_bytes = 1 << 20}) {
        alarm(60);
        use_once();   // tables that grow have grown
        before_ = counts();
    }
    ~Exhausted() override { alarm(0); }

    // What needs a little of most tables.
    void use_once() {
        port_name_t port = PORT_NULL, set = PORT_NULL;
        EXPECT_EQ(allocate(*caller_, caller_->task, &port), KERN_SUCCESS);
        EXPECT_EQ(set_allocate(*caller_, caller_->task, &set), KERN_SUCCESS);
        EXPECT_EQ(set_deallocate(*caller_, caller_->task, set), KERN_SUCCESS);
        EXPECT_EQ(deallocate(*caller_, caller_->task, port), KERN_SUCCESS);
        use_the_port();
    }
    void use_the_port() {
        Letter letter(port_), got = Letter::from(port_);
        EXPECT_EQ(send(*caller_, letter.header(), SEND_TIMEOUT, 0), SEND_SUCCESS) << runtime::detail();
        EXPECT_EQ(receive(*caller_, got.header(), RCV_TIMEOUT, 0), RCV_SUCCESS);
    }

    // Takes until there is no more.
    // returns: how many there were
    template <class Take>
    std::size_t take_all(Take take) {
        std::size_t taken = 0;
        runtime::clear_detail();
        while (take()) {
            if (++taken > 100'000) return ADD_FAILURE() << "it never ends", taken;
            runtime::clear_detail();
        }
        EXPECT_STRNE(runtime::detail(), "") << "nothing says why there is no more";
        EXPECT_GT(taken, 0u);
        check("when all is taken");
        return taken;
    }

    void expect_all_back() {
        check("when all is given back");
        EXPECT_EQ(counts(), before_);
        use_once();
    }

    Counts before_{};
};

TEST_F(Exhausted, PortsAreAShortageAndTheOthersGoOn) {
    std::vector<port_name_t> all;
    take_all([&] {
        port_name_t name = PORT_NULL;
        const kern_return_t code = allocate(*caller_, caller_->task, &name);
        EXPECT_TRUE(code == KERN_SUCCESS || code == KERN_RESOURCE_SHORTAGE) << code;
        if (code == KERN_SUCCESS) all.push_back(name);
        return code == KERN_SUCCESS;
    });
    use_the_port();
    for (const port_name_t name : all) EXPECT_EQ(deallocate(*caller_, caller_->task, name), KERN_SUCCESS);
    before_[zone_chunks] = counts()[zone_chunks];   // a space keeps what it has grown to until its task ends
    expect_all_back();
}

TEST_F(Exhausted, PortSetsAreAShortage) {
    std::vector<port_name_t> all;
    take_all([&] {
        port_name_t name = PORT_NULL;
        const kern_return_t code = set_allocate(*caller_, caller_->task, &name);
        EXPECT_TRUE(code == KERN_SUCCESS || code == KERN_RESOURCE_SHORTAGE) << code;
        if (code == KERN_SUCCESS) all.push_back(name);
        return code == KERN_SUCCESS;
    });
    use_the_port();
    for (const port_name_t name : all) EXPECT_EQ(set_deallocate(*caller_, caller_->task, name), KERN_SUCCESS);
    expect_all_back();
}

// Send-once rights to the task itself: a name each.
TEST_F(Exhausted, NamesLeaveTheMessageInTheQueueAndItCanBeReceivedOnceThereIsRoom) {
    std::vector<port_name_t> all;
    take_all([&] {
        Letter letter(port_), got = Letter::from(port_);
        const msg_return_t sent = send(*caller_, letter.with(MSG_TYPE_MAKE_SEND_ONCE, port_).header(), SEND_TIMEOUT, 0);
        EXPECT_EQ(sent, SEND_SUCCESS) << runtime::detail();
        const msg_return_t code = receive(*caller_, got.header(), RCV_TIMEOUT, 0);
        EXPECT_TRUE(code == RCV_SUCCESS || code == RCV_NOT_ENOUGH_MEMORY) << code;
        if (code == RCV_SUCCESS) all.push_back(got.name(0));
        return code == RCV_SUCCESS;
    });
    for (const port_name_t name : all) EXPECT_EQ(deallocate(*caller_, caller_->task, name), KERN_SUCCESS);
    Letter got = Letter::from(port_);
    EXPECT_EQ(receive(*caller_, got.header(), RCV_TIMEOUT, 0), RCV_SUCCESS);
    EXPECT_EQ(deallocate(*caller_, caller_->task, got.name(0)), KERN_SUCCESS);
    receive_all(port_);
    receive_all(notify_name(*caller_));
    check("at the end");
    use_once();
}

TEST_F(Exhausted, MemoryForMessagesRefusesTheSendAndHasTakenNothing) {
    std::vector<port_name_t> ports(64);
    for (port_name_t& name : ports) EXPECT_EQ(allocate(*caller_, caller_->task, &name), KERN_SUCCESS);
    const Counts with_ports = counts();
    std::size_t at = 0;
    take_all([&] {
        Letter letter(ports[at / PORT_BACKLOG_DEFAULT % ports.size()]);
        ++at;
        const msg_return_t code = send(*caller_, letter.with(MSG_TYPE_PORT, port_).header(), SEND_TIMEOUT, 0);
        EXPECT_TRUE(code == SEND_SUCCESS || code == SEND_KERNEL_REFUSED) << code;
        return code == SEND_SUCCESS;
    });
    for (const port_name_t name : ports) receive_all(name);
    EXPECT_EQ(counts(), with_ports);
    for (const port_name_t name : ports) EXPECT_EQ(deallocate(*caller_, caller_->task, name), KERN_SUCCESS);
    expect_all_back();
}

TEST_F(Exhausted, ThreadsAreNotMadeAndNothingOfThemIsLeft) {
    std::vector<ThreadRef> all;
    take_all([&] {
        const ThreadRef made = make_thread(*k_, *carrier_, caller_->task, CarrierKind::fiber, false);
        if (made) all.push_back(made);
        return static_cast<bool>(made);
    });
    use_the_port();
    for (const ThreadRef thread : all) end_thread(*k_, *carrier_, thread);
    k_->settle(*carrier_);
    expect_all_back();
}

TEST_F(Exhausted, TasksAreNotMadeAndNothingOfThemIsLeft) {
    std::vector<TaskRef> all;
    take_all([&] {
        const TaskRef made = create_task(*k_, *carrier_, process_, {}, "another");
        if (made) all.push_back(made);
        return static_cast<bool>(made);
    });
    use_the_port();
    for (const TaskRef task : all) end_task(*k_, *carrier_, task);
    expect_all_back();
}

TEST_F(Exhausted, ProcessesAreNotLetInAndAreOnceOneHasGone) {
    std::vector<std::uint32_t> all;
    take_all([&] {
        const std::uint32_t made = add_process(*k_, *carrier_, 1, 1, 0);
        if (made != 0) all.push_back(made);
        return made != 0;
    });
    end_process(*k_, *carrier_, all.back());
    EXPECT_EQ(add_process(*k_, *carrier_, 1, 1, 0), all.back());
    for (const std::uint32_t process : all) end_process(*k_, *carrier_, process);
    expect_all_back();
}

TEST_F(Exhausted, MemoryOfThePoolIsAShortageAndAllOfItCanBeHadAgain) {
    const auto take = [&] {
        RegionRef region;
        const kern_return_t code = allocate_memory(*caller_, caller_->task, 1 << 16, &region);
        EXPECT_TRUE(code == KERN_SUCCESS || code == KERN_RESOURCE_SHORTAGE) << code;
        return code == KERN_SUCCESS;
    };
    const auto give_all_back = [&] {
        const TaskRecord& task = k_->task(caller_->task.index);
        while (const std::uint32_t first = task.regions.get().first) {
            const RegionRecord& region = k_->region(first);
            ASSERT_EQ(deallocate_memory(*caller_, offset_of(region), region.pages << page_bits), KERN_SUCCESS);
        }
    };
    const std::size_t first_time = take_all(take);
    give_all_back();
    EXPECT_EQ(take_all(take), first_time);
    give_all_back();
    expect_all_back();
}

}  // namespace
}  // namespace umach::ports
