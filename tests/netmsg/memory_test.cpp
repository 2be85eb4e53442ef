// SPDX-License-Identifier: BSL-1.0
// Data out of line across a link, over every kind of transport.
#include <sched.h>
#include <umach_inspect.h>

#include <cstring>

#include "tests/netmsg/hosts.hpp"

namespace umach::netmsg::test {
namespace {

class LinkedMemory : public testing::TestWithParam<LinkInTest> {
protected:
    // The one has looked up what the other has checked in as "service".
    void on(const std::function<void(Side&, port_t)>& sender, const std::function<void(Side&, port_t)>& receiver) {
        on_two_hosts(
            GetParam(),
            [sender](Side& side) {
                side.hear();
                sender(side, side.found_there("service"));
            },
            [receiver](Side& side) {
                const port_t service = side.checked_in("service");
                side.tell();
                receiver(side, service);
            });
    }
};
INSTANTIATE_TEST_SUITE_P(, LinkedMemory, testing::ValuesIn(links_in_test()),
                         [](const auto& param) { return std::string(param.param.name); });

struct OneRegion {
    msg_header_t header{};
    msg_type_long_t type{{0, 0, 0, 0, 1, 0, 0}, MSG_TYPE_BYTE, 8, 0};
    unsigned char* data = nullptr;

    msg_return_t send(port_t to, msg_id_t id) {
        header = {0, FALSE, sizeof *this, 0, PORT_NULL, to, id};
        return msg_send(&header, SEND_TIMEOUT, patience);
    }
    msg_return_t receive(port_t from) {
        header.msg_size = sizeof *this;
        header.msg_local_port = from;
        return msg_receive(&header, RCV_TIMEOUT, patience);
    }
    unsigned bytes() const { return type.msg_type_long_number; }
};

unsigned char byte_at(std::size_t place) {
    return static_cast<unsigned char>(place * 7 + place / 4096);
}

// A region of so many bytes, which moves with the message.
OneRegion patterned(unsigned bytes) {
    OneRegion message;
    vm_address_t address = 0;
    EXPECT_EQ(vm_allocate(task_self(), &address, bytes, TRUE), KERN_SUCCESS);
    message.data = reinterpret_cast<unsigned char*>(address);
    for (std::size_t i = 0; i < bytes; ++i) message.data[i] = byte_at(i);
    message.type.msg_type_header.msg_type_deallocate = 1;
    message.type.msg_type_long_number = bytes;
    return message;
}

void expect_pattern(const OneRegion& message, unsigned bytes) {
    ASSERT_EQ(message.bytes(), bytes);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < bytes; ++i) wrong += message.data[i] != byte_at(i) ? 1 : 0;
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(message.data), bytes), KERN_SUCCESS);
}

constexpr unsigned mebibyte = 1u << 20;

TEST_P(LinkedMemory, AMebibyteArrivesWholeAndIsTheReceivers) {
    on([](Side&, port_t service) { EXPECT_EQ(patterned(mebibyte).send(service, 7), SEND_SUCCESS); },
       [](Side&, port_t service) {
           OneRegion got;
           ASSERT_EQ(got.receive(service), RCV_SUCCESS);
           EXPECT_EQ(got.header.msg_id, 7);
           EXPECT_FALSE(got.type.msg_type_header.msg_type_inline);
           expect_pattern(got, mebibyte);
       });
}

// The memory of the first is given back and taken for the second, which does not fill its last page.
TEST_P(LinkedMemory, BehindDataThatArrivesItsLastPageIsZeroWhateverWasThere) {
    constexpr unsigned page = 4096;
    on(
        [](Side& side, port_t service) {
            EXPECT_EQ(patterned(2 * page).send(service, 1), SEND_SUCCESS);
            side.hear();
            EXPECT_EQ(patterned(page + 1).send(service, 2), SEND_SUCCESS);
        },
        [](Side& side, port_t service) {
            OneRegion got;
            ASSERT_EQ(got.receive(service), RCV_SUCCESS);
            expect_pattern(got, 2 * page);
            side.tell();
            ASSERT_EQ(got.receive(service), RCV_SUCCESS);
            for (unsigned i = page + 1; i < 2 * page; ++i) ASSERT_EQ(got.data[i], 0) << i;
            expect_pattern(got, page + 1);
        });
}

// So large that it is still on its way when a small one has come, on a busy machine too.
TEST_P(LinkedMemory, SmallMessagesPassBetweenTheFramesOfALargeOne) {
    constexpr unsigned large = 32 * mebibyte;
    on(
        [](Side& side, port_t slow) {
            const port_t quick = side.found_there("quick");
            EXPECT_EQ(patterned(large).send(slow, 1), SEND_SUCCESS);
            EXPECT_EQ(Letter(quick, 2).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
        },
        [](Side& side, port_t slow) {
            const port_t quick = side.checked_in("quick");
            EXPECT_EQ(next(quick)->msg_id, 2);
            Letter none;
            EXPECT_EQ(none.receive(slow), RCV_TIMED_OUT) << "the large one was first";
            OneRegion got;
            ASSERT_EQ(got.receive(slow), RCV_SUCCESS);
            expect_pattern(got, large);
        });
}

struct Several {
    msg_header_t header{};
    msg_type_long_t first_type{{0, 0, 0, 0, 1, 0, 0}, MSG_TYPE_BYTE, 8, 0};
    unsigned char* first = nullptr;
    msg_type_t rights_type{MSG_TYPE_PORT, 32, 2, 0, 0, 0, 0};
    port_t* rights = nullptr;
    msg_type_t none_type{MSG_TYPE_BYTE, 8, 0, 0, 0, 0, 0};
    unsigned char* none = nullptr;
    msg_type_t second_type{MSG_TYPE_INTEGER_32, 32, 3, 0, 0, 0, 0};
    int* second = nullptr;
    msg_type_t number_type{MSG_TYPE_INTEGER_32, 32, 1, 1, 0, 0, 0};
    int number = 0;
};

TEST_P(LinkedMemory, SeveralItemsAndRightsOutOfLineArriveInTheirPlaces) {
    on(
        [](Side&, port_t service) {
            port_t ports[2];
            for (port_t& port : ports) EXPECT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
            std::vector<unsigned char> bytes(30'001);
            for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = byte_at(i);
            int numbers[3] = {5, 6, 7};
            Several message;
            message.header = {0, FALSE, sizeof message, 0, PORT_NULL, service, 9};
            message.first_type.msg_type_long_number = static_cast<unsigned>(bytes.size());
            message.first = bytes.data();
            message.rights = ports;
            message.second = numbers;
            message.number = 77;
            EXPECT_EQ(msg_send(&message.header, SEND_TIMEOUT, patience), SEND_SUCCESS);
            EXPECT_EQ(next(ports[0])->msg_id, 100);
            EXPECT_EQ(next(ports[1])->msg_id, 101);
        },
        [](Side&, port_t service) {
            Several got;
            got.header.msg_size = sizeof got;
            got.header.msg_local_port = service;
            ASSERT_EQ(msg_receive(&got.header, RCV_TIMEOUT, patience), RCV_SUCCESS);
            ASSERT_EQ(got.first_type.msg_type_long_number, 30'001u);
            for (std::size_t i = 0; i < 30'001; ++i) ASSERT_EQ(got.first[i], byte_at(i)) << i;
            EXPECT_EQ(reinterpret_cast<vm_address_t>(got.first) % 4096, 0u);
            EXPECT_EQ(reinterpret_cast<vm_address_t>(got.second) % 4096, 0u);
            const int* const numbers = got.second;
            EXPECT_EQ(numbers[0] * 100 + numbers[1] * 10 + numbers[2], 567);
            EXPECT_EQ(got.number, 77);
            for (int i = 0; i < 2; ++i)
                EXPECT_EQ(Letter(got.rights[i], 100 + i).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
        });
}

// Of all tasks of this host, its server's too.
unsigned long long bytes_of_regions() {
    unsigned long long bytes = 0;
    umach_inspect_tasks([](const umach_task_seen_t* task,
                           void* sum) { *static_cast<unsigned long long*>(sum) += task->region_bytes; },
                        &bytes);
    return bytes;
}

// As many as fill the queues, then all of them are taken: what the servers kept for them is given back.
TEST_P(LinkedMemory, ManyMessagesWithMemoryToAPortThatIsFullAllArriveInOrder) {
    constexpr int many = 24;
    on(
        [](Side& side, port_t service) {
            for (int i = 0; i < many; ++i)
                ASSERT_EQ(patterned(50'000 + static_cast<unsigned>(i)).send(service, i), SEND_SUCCESS);
            side.tell();
        },
        [](Side&, port_t service) {
            const auto before = bytes_of_regions();
            for (int i = 0; i < many; ++i) {
                OneRegion got;
                ASSERT_EQ(got.receive(service), RCV_SUCCESS);
                EXPECT_EQ(got.header.msg_id, i);
                expect_pattern(got, 50'000 + static_cast<unsigned>(i));
            }
            const auto late = runtime::Deadline::in(std::chrono::seconds(20));
            while (bytes_of_regions() > before && !late.passed()) sched_yield();
            EXPECT_LE(bytes_of_regions(), before);
        });
}

// Eight in each queue, one that waits for room, and of the next its memory, if it was there in time.
TEST_P(LinkedMemory, AFullPortHoldsUpWhoSendsItMemoryAfterAtMostEighteenMessagesAndThenAllArriveInOrder) {
    constexpr unsigned bytes = 20'000;
    on(
        [](Side& side, port_t service) {
            OneRegion message;
            int sent = 0;
            for (msg_return_t code = SEND_SUCCESS; code == SEND_SUCCESS; sent += code == SEND_SUCCESS ? 1 : 0) {
                message = patterned(bytes);
                message.header = {0, FALSE, sizeof message, 0, PORT_NULL, service, sent};
                code = msg_send(&message.header, SEND_TIMEOUT, 300);
            }
            EXPECT_GE(sent, 17);
            EXPECT_LE(sent, 18);
            side.tell();
            EXPECT_EQ(message.send(service, sent), SEND_SUCCESS);
            EXPECT_EQ(Letter(service, sent + 1).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
        },
        [](Side& side, port_t service) {
            side.hear();
            OneRegion got;
            int next = 0;
            for (; got.receive(service) == RCV_SUCCESS && got.header.msg_size == sizeof got; ++next) {
                EXPECT_EQ(got.header.msg_id, next);
                expect_pattern(got, bytes);
            }
            EXPECT_EQ(got.header.msg_id, next) << "the one without memory is the last";
            EXPECT_GE(next, 18);
        });
}

// More than a link carries in one message: its right to an answer is given up.
TEST(LinkedMemoryOfOneKind, ACallWithMoreMemoryThanALinkCarriesEndsWithServerDied) {
    on_two_hosts(
        links_in_test().front(),
        [](Side& side) {
            side.hear();
            const port_t service = side.found_there("service");
            OneRegion call;
            vm_address_t address = 0;
            constexpr unsigned bytes = (256u << 20) + 1;
            ASSERT_EQ(vm_allocate(task_self(), &address, bytes, TRUE), KERN_SUCCESS);
            call.data = reinterpret_cast<unsigned char*>(address);
            call.type.msg_type_long_number = bytes;
            call.type.msg_type_header.msg_type_deallocate = 1;
            port_t reply = PORT_NULL;
            ASSERT_EQ(port_allocate(task_self(), &reply), KERN_SUCCESS);
            call.header = {0, FALSE, sizeof call, 0, reply, service, 1};
            EXPECT_EQ(msg_rpc(&call.header, SEND_TIMEOUT | RCV_TIMEOUT, sizeof call, patience, patience),
                      MIG_SERVER_DIED);
            EXPECT_EQ(patterned(mebibyte).send(service, 2), SEND_SUCCESS);
        },
        [](Side& side) {
            const port_t service = side.checked_in("service");
            side.tell();
            OneRegion got;
            ASSERT_EQ(got.receive(service), RCV_SUCCESS);
            EXPECT_EQ(got.header.msg_id, 2);
            expect_pattern(got, mebibyte);
        });
}

}  // namespace
}  // namespace umach::netmsg::test
