// SPDX-License-Identifier: BSL-1.0
// A port that moves over a link while others send to it, or speak of it.
#include <algorithm>
#include <numeric>
#include <thread>

#include "servers/netmsg/space.hpp"
#include "tests/netmsg/hosts.hpp"

namespace umach::netmsg::test {
namespace {

class Moving : public testing::TestWithParam<LinkInTest> {};
INSTANTIATE_TEST_SUITE_P(, Moving, testing::ValuesIn(links_in_test()),
                         [](const auto& param) { return std::string(param.param.name); });

constexpr int each_round = 40;

void send_numbered(port_t port) {
    for (int i = 0; i < each_round; ++i) {
        const msg_return_t code = Letter(port, i).send(SEND_TIMEOUT, patience);
        ASSERT_EQ(code, SEND_SUCCESS) << "message " << i;
    }
}

// The port is lent, a sender goes on all the time, and the borrower gives it up after so many messages; then its owner
// receives the rest.
std::vector<int> lend(Side& side, port_t service, int taken_there) {
    const port_t port = made();
    Letter loan(service, taken_there);
    EXPECT_EQ(loan.item(MSG_TYPE_PORT_RECEIVE, {port}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
    std::thread sender(send_numbered, port);
    EXPECT_TRUE(told(NOTIFY_RECEIVE_RIGHTS, port));
    std::vector<int> got;
    while (static_cast<int>(got.size()) < each_round - taken_there && !testing::Test::HasFailure())
        got.push_back(next(port)->msg_id);
    sender.join();
    side.hear();
    for (int i = 0; i < taken_there; ++i) got.push_back(i);
    EXPECT_EQ(waiting_at(port), 0);
    end_port(port);
    return got;
}

void borrow(Side& side, port_t service) {
    Letter loan = next(service);
    const port_t port = loan.name();
    for (int i = 0; i < loan->msg_id; ++i) EXPECT_EQ(next(port)->msg_id, i);
    EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
    side.tell();
}

constexpr int rounds = 12;

TEST_P(Moving, ALentPortComesHomeWhileOthersSendToItAndNoMessageIsLostOrDoubled) {
    std::vector<int> all(each_round);
    std::iota(all.begin(), all.end(), 0);
    on_two_hosts(
        GetParam(),
        [&](Side& side) {
            side.hear();
            const port_t service = side.found_there("service");
            for (int round = 0; round < rounds && !HasFailure(); ++round) {
                std::vector<int> got = lend(side, service, round);
                std::sort(got.begin(), got.end());
                EXPECT_EQ(got, all) << "round " << round;
            }
        },
        [](Side& side) {
            const port_t service = side.checked_in("service");
            side.tell();
            for (int round = 0; round < rounds && !HasFailure(); ++round) borrow(side, service);
        });
}

// With so much memory that the next one's goes ahead of its turn.
struct Heavy {
    static constexpr unsigned bytes = 300u << 10;
    msg_header_t header{};
    msg_type_long_t type{{0, 0, 0, 0, 1, 1, 0}, MSG_TYPE_BYTE, 8, bytes};
    vm_address_t data = 0;
};

void send_heavy(port_t port) {
    for (int i = 0; i < each_round; ++i) {
        Heavy heavy;
        ASSERT_EQ(vm_allocate(task_self(), &heavy.data, Heavy::bytes, TRUE), KERN_SUCCESS);
        heavy.header.msg_size = sizeof heavy;
        heavy.header.msg_remote_port = port;
        heavy.header.msg_id = i;
        ASSERT_EQ(msg_send(&heavy.header, SEND_TIMEOUT, patience), SEND_SUCCESS) << "message " << i;
    }
}

int next_heavy(port_t port) {
    Heavy heavy;
    heavy.header.msg_local_port = port;
    heavy.header.msg_size = sizeof heavy;
    EXPECT_EQ(msg_receive(&heavy.header, RCV_TIMEOUT, patience), RCV_SUCCESS);
    EXPECT_EQ(vm_deallocate(task_self(), heavy.data, Heavy::bytes), KERN_SUCCESS);
    return heavy.header.msg_id;
}

TEST_P(Moving, ALentPortComesHomeWhileLargeMessagesAreOnTheirWayToItAndNoneIsLostOrDoubled) {
    on_two_hosts(
        GetParam(),
        [&](Side& side) {
            side.hear();
            const port_t service = side.found_there("service");
            for (int taken = 0; taken < 4 && !HasFailure(); ++taken) {
                const port_t port = made();
                Letter loan(service, taken);
                EXPECT_EQ(loan.item(MSG_TYPE_PORT_RECEIVE, {port}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
                std::thread sender(send_heavy, port);
                EXPECT_TRUE(told(NOTIFY_RECEIVE_RIGHTS, port));
                std::vector<int> got, rest(static_cast<std::size_t>(each_round - taken));
                std::iota(rest.begin(), rest.end(), taken);
                while (got.size() < rest.size() && !HasFailure()) got.push_back(next_heavy(port));
                sender.join();
                std::sort(got.begin(), got.end());
                EXPECT_EQ(got, rest);
                side.hear();
                end_port(port);
            }
        },
        [](Side& side) {
            const port_t service = side.checked_in("service");
            side.tell();
            for (int round = 0; round < 4 && !HasFailure(); ++round) {
                Letter loan = next(service);
                for (int i = 0; i < loan->msg_id; ++i) EXPECT_EQ(next_heavy(loan.name()), i);
                EXPECT_EQ(port_deallocate(task_self(), loan.name()), KERN_SUCCESS);
                side.tell();
            }
        });
}

// A receive right, and so much memory that the message is on its way for a while.
struct Loaded {
    static constexpr unsigned bytes = 4u << 20;
    msg_header_t header{};
    msg_type_t right_type{MSG_TYPE_PORT_RECEIVE, 32, 1, 1, 0, 0, 0};
    port_t right = PORT_NULL;
    msg_type_long_t type{{0, 0, 0, 0, 1, 1, 0}, MSG_TYPE_BYTE, 8, bytes};
    vm_address_t data = 0;

    Loaded(port_t to, port_t port, unsigned code) {
        EXPECT_EQ(vm_allocate(task_self(), &data, bytes, TRUE), KERN_SUCCESS);
        right = port;
        right_type.msg_type_name = code & 0xFF;
        header.msg_size = sizeof *this;
        header.msg_remote_port = to;
        EXPECT_EQ(msg_send(&header, SEND_TIMEOUT, patience), SEND_SUCCESS);
    }
};

struct Unloaded {
    msg_header_t header{};
    msg_type_t right_type{};
    port_t right = PORT_NULL;
    msg_type_long_t type{};
    vm_address_t data = 0;

    explicit Unloaded(port_t at) {
        header.msg_local_port = at;
        header.msg_size = sizeof *this;
        EXPECT_EQ(msg_receive(&header, RCV_TIMEOUT, patience), RCV_SUCCESS);
        EXPECT_EQ(type.msg_type_long_number, Loaded::bytes);
        EXPECT_EQ(vm_deallocate(task_self(), data, Loaded::bytes), KERN_SUCCESS);
    }
};

TEST_P(Moving, ASmallMessageThatNamesAPortOnItsWayInALargeOneDoesNotArriveBeforeIt) {
    on_two_hosts(
        GetParam(),
        [](Side& side) {
            side.hear();
            const port_t slow = side.found_there("slow"), quick = side.found_there("quick");
            const port_t port = made();
            EXPECT_EQ(netname_check_in(name_server_port, "moving", PORT_NULL, port), NETNAME_SUCCESS);
            const Loaded large(slow, port, MSG_TYPE_PORT_RECEIVE);
            side.tell();
            EXPECT_EQ(Letter(quick, 1).item(MSG_TYPE_PORT, {port}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
            EXPECT_EQ(Letter(quick, 2).item(MSG_TYPE_PORT_OWNERSHIP, {port}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
        },
        [](Side& side) {
            const port_t slow = side.checked_in("slow"), quick = side.checked_in("quick");
            side.tell();
            side.hear();
            const port_t found = side.found_there("moving");
            const Unloaded large(slow);
            EXPECT_EQ(large.right, found);
            EXPECT_EQ(next(quick).name(), large.right);
            EXPECT_EQ(next(quick).name(), large.right);
            EXPECT_EQ(type_of(large.right), PORT_TYPE_RECEIVE_OWN);
            EXPECT_EQ(port_deallocate(task_self(), large.right), KERN_SUCCESS);
        });
}

TEST_P(Moving, APortThatFollowsALargeMessageWithASendRightToItHasOneNameThere) {
    on_two_hosts(
        GetParam(),
        [](Side& side) {
            side.hear();
            const port_t slow = side.found_there("slow"), quick = side.found_there("quick");
            const port_t port = made();
            const Loaded large(slow, port, MSG_TYPE_PORT);
            Letter small(quick, 1);
            EXPECT_EQ(small.item(MSG_TYPE_PORT_ALL, {port}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
        },
        [](Side& side) {
            const port_t slow = side.checked_in("slow"), quick = side.checked_in("quick");
            side.tell();
            const port_t port = next(quick).name();
            const Unloaded large(slow);
            EXPECT_EQ(large.right, port);
            EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
        });
}

}  // namespace
}  // namespace umach::netmsg::test
