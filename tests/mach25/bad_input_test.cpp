// SPDX-License-Identifier: BSL-1.0
// Bad input: each mistake gives its error, takes nothing, and leaves the queue as it was.
#include "kinds.hpp"
#include "parties.hpp"

#include <sys/mman.h>

#include <cstring>
#include <random>

namespace umach::tests {
namespace {

UMACH_SUITE(BadInput);

// Two pages, of which the second can be made unreadable.
class Pages {
public:
    Pages()
        : base_(static_cast<std::byte*>(
              mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
        mprotect(base_ + 4096, 4096, PROT_NONE);
    }
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    ~Pages() { munmap(base_, 8192); }
    // A header whose first `readable` bytes lie in the readable page.
    msg_header_t* header(std::size_t readable) {
        return reinterpret_cast<msg_header_t*>(base_ + 4096 - readable);
    }

private:
    std::byte* base_;
};

TEST_F(BadInput, ANullHeaderIsInvalidMemory) {
    EXPECT_EQ(SEND_INVALID_MEMORY, msg_send(nullptr, SEND_TIMEOUT, 0));
    EXPECT_EQ(SEND_INVALID_MEMORY, msg_rpc(nullptr, SEND_TIMEOUT | RCV_TIMEOUT, 100, 0, 0));
}

TEST_F(BadInput, AWildPointerIsInvalidMemory) {
    for (const std::uintptr_t address : {std::uintptr_t{8}, std::uintptr_t{0xdead'beef'f000},
                                         std::uintptr_t{0xffff'8000'0000'0000}, ~std::uintptr_t{23}}) {
        auto* wild = reinterpret_cast<msg_header_t*>(address);
        EXPECT_EQ(SEND_INVALID_MEMORY, msg_send(wild, SEND_TIMEOUT, 0));
        EXPECT_EQ(RCV_INVALID_MEMORY, msg_receive(wild, RCV_TIMEOUT, 0));
    }
}

TEST_F(BadInput, AHeaderThatIsHalfReadableIsInvalidMemory) {
    Pages pages;
    for (const std::size_t readable : {4u, 8u, 12u, 20u})
        EXPECT_EQ(SEND_INVALID_MEMORY, msg_send(pages.header(readable), SEND_TIMEOUT, 0));
}

TEST_F(BadInput, ABodyThatIsHalfReadableIsInvalidMemory) {
    const Port port;
    Pages pages;
    for (const std::size_t readable : {24u, 28u, 100u}) {
        msg_header_t* header = pages.header(readable);
        *header = msg_header_t{0, TRUE, 120, 0, PORT_NULL, port, 1};
        EXPECT_EQ(SEND_INVALID_MEMORY, msg_send(header, SEND_TIMEOUT, 0));
    }
    EXPECT_EQ(0, waiting_at(port));
}

TEST_F(BadInput, AnUnalignedHeaderIsServed) {
    const Port port;
    std::array<std::byte, 64> bytes{};
    const msg_header_t header{0, TRUE, 24, 0, PORT_NULL, port, 9};
    std::memcpy(bytes.data() + 1, &header, sizeof header);
    void* unaligned = bytes.data() + 1;
    EXPECT_EQ(SEND_SUCCESS, msg_send(static_cast<msg_header_t*>(unaligned), SEND_TIMEOUT, 0));
    EXPECT_EQ(9, next_id(port));
}

struct Overrun {
    const char* name;
    unsigned bits;
    unsigned number;
    std::size_t bytes;
};
class OverrunningItem : public Mach25, public ::testing::WithParamInterface<Overrun> {};
TEST_P(OverrunningItem, IsTooSmallAndTakesNothing) {
    const Port port;
    const Port carried;
    const Overrun& o = GetParam();
    Letter letter(port);
    letter.item(MSG_TYPE_PORT_ALL, {carried}, true);
    letter.raw(descriptor(MSG_TYPE_INTEGER_32, o.bits, o.number), std::string(o.bytes, 'x'));
    EXPECT_EQ(SEND_MSG_TOO_SMALL, letter.send());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
    EXPECT_EQ(0, waiting_at(port));
}
INSTANTIATE_TEST_SUITE_P(Items, OverrunningItem,
                         ::testing::Values(Overrun{"OneWordMissing", 32, 2, 4},
                                           Overrun{"AllMissing", 32, 1, 0},
                                           Overrun{"MostOfThem", 32, 4095, 400},
                                           Overrun{"WideElements", 255, 4095, 64},
                                           Overrun{"ABitTooMuch", 1, 33, 4}),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

TEST_F(BadInput, ALongDescriptorCutShortIsTooSmall) {
    const Port port;
    msg_type_t type = descriptor(0, 0, 0);
    type.msg_type_longform = 1;
    EXPECT_EQ(SEND_MSG_TOO_SMALL, Letter(port).raw(type, "").send());
    EXPECT_EQ(SEND_MSG_TOO_SMALL, Letter(port).raw(type, "1234").send());
}

TEST_F(BadInput, ALongNumberThatWouldOverflowIsTooSmall) {
    const Port port;
    for (const unsigned number : {0x4000'0000u, 0x8000'0001u, 0xffff'ffffu}) {
        msg_type_long_t type{};
        type.msg_type_header = descriptor(0, 0, 0);
        type.msg_type_header.msg_type_longform = 1;
        type.msg_type_long_name = MSG_TYPE_INTEGER_32;
        type.msg_type_long_size = 32;
        type.msg_type_long_number = number;
        std::string bytes(reinterpret_cast<const char*>(&type) + 4, 8);
        EXPECT_EQ(SEND_MSG_TOO_SMALL, Letter(port).raw(type.msg_type_header, bytes + "1234").send());
    }
}

class RightOfBits : public Mach25, public ::testing::WithParamInterface<unsigned> {};
TEST_P(RightOfBits, OtherThan32IsInvalidPort) {
    const Port port;
    const Port carried;
    const port_t name = carried;
    std::string bytes(reinterpret_cast<const char*>(&name), 4);
    bytes += bytes;
    EXPECT_EQ(SEND_INVALID_PORT, Letter(port).raw(descriptor(MSG_TYPE_PORT, GetParam(), 1), bytes).send());
    EXPECT_EQ(0, waiting_at(port));
}
INSTANTIATE_TEST_SUITE_P(Sizes, RightOfBits, ::testing::Values(0u, 1u, 8u, 16u, 31u, 33u, 64u));

class UnknownCode : public Mach25, public ::testing::WithParamInterface<unsigned> {};
TEST_P(UnknownCode, IsInvalidPortAndTakesNothing) {
    const Port port;
    const Port carried;
    Letter letter(port);
    letter.item(MSG_TYPE_PORT_ALL, {carried}, true).item(GetParam(), {carried});
    EXPECT_EQ(SEND_INVALID_PORT, letter.send());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
    EXPECT_EQ(0, waiting_at(port));
}
INSTANTIATE_TEST_SUITE_P(Codes, UnknownCode, ::testing::Values(16u, 17u, 19u, 20u, 22u, 23u, 100u, 255u));

class OutOfLine : public Mach25, public ::testing::WithParamInterface<unsigned> {};
TEST_P(OutOfLine, DataThatCannotBeReadIsInvalidMemoryAndNothingIsTaken) {
    const Port port;
    const Port carried;
    msg_type_t type = descriptor(GetParam(), 32, 1);
    type.msg_type_inline = 0;
    Letter letter(port);
    letter.item(MSG_TYPE_PORT_ALL, {carried}, true).raw(type, "1234567812345678");
    EXPECT_EQ(SEND_INVALID_MEMORY, letter.send());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
    EXPECT_EQ(0, waiting_at(port));
}
INSTANTIATE_TEST_SUITE_P(Codes, OutOfLine, ::testing::Values(2u, 6u, 9u, 5u));

TEST_F(BadInput, SixtyFiveRightsAreRefusedAndNothingIsTaken) {
    const Port port;
    const Port carried;
    const auto before = names_of();
    EXPECT_EQ(SEND_KERNEL_REFUSED, Letter(port).item(MSG_TYPE_PORT, std::vector<port_t>(65, carried)).send());
    Letter split(port);
    split.item(MSG_TYPE_PORT, std::vector<port_t>(64, carried)).item(MSG_TYPE_PORT_ALL, {carried}, true);
    EXPECT_EQ(SEND_KERNEL_REFUSED, split.send());
    EXPECT_EQ(before, names_of());
    EXPECT_STRNE("", mach_error_detail()) << "the quota is named";
}

TEST_F(BadInput, ForeignAndStaleNamesAreInvalid) {
    const Port port;
    port_t stale = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &stale));
    ASSERT_EQ(KERN_SUCCESS, port_deallocate(self_, stale));
    for (const port_t name : {stale, unknown_name, static_cast<port_t>(0x1f'ffff), -3}) {
        EXPECT_EQ(SEND_INVALID_PORT, Letter(name).send());
        EXPECT_EQ(SEND_INVALID_PORT, Letter(port, 1, name).send());
        EXPECT_EQ(SEND_INVALID_PORT, send_right(port, MSG_TYPE_PORT, name));
        EXPECT_EQ(RCV_INVALID_PORT, Letter().receive(name));
        EXPECT_EQ(KERN_INVALID_ARGUMENT, port_deallocate(self_, name));
    }
    EXPECT_EQ(0, waiting_at(port));
}

TEST_F(BadInput, ResultPointersThatCannotBeWrittenAreInvalidAddressAndChangeNothing) {
    const Port port;
    const auto before = names_of();
    auto* wild = reinterpret_cast<port_t*>(16);
    auto* wild_array = reinterpret_cast<port_t**>(16);
    auto* wild_count = reinterpret_cast<unsigned*>(16);
    port_t name = PORT_NULL;
    EXPECT_EQ(KERN_INVALID_ADDRESS, port_allocate(self_, wild));
    EXPECT_EQ(KERN_INVALID_ADDRESS, port_allocate(self_, nullptr));
    EXPECT_EQ(KERN_INVALID_ADDRESS, port_set_allocate(self_, wild));
    EXPECT_EQ(KERN_INVALID_ADDRESS, port_type(self_, port, wild));
    EXPECT_EQ(KERN_INVALID_ADDRESS, port_names(self_, wild_array, wild_count, wild_array, wild_count));
    EXPECT_EQ(KERN_INVALID_ADDRESS, port_status(self_, port, wild, wild, wild, wild, wild));
    EXPECT_EQ(KERN_INVALID_ADDRESS, port_set_backup(self_, port, PORT_NULL, wild));
    EXPECT_EQ(KERN_INVALID_ADDRESS, port_extract_receive(self_, port, wild));
    EXPECT_EQ(KERN_INVALID_ADDRESS, task_get_special_port(self_, TASK_BOOTSTRAP_PORT, wild));
    EXPECT_EQ(KERN_INVALID_ADDRESS, mach_ports_lookup(self_, wild_array, wild_count));
    EXPECT_EQ(KERN_INVALID_ADDRESS, mach_ports_register(self_, wild, 1));
    EXPECT_EQ(KERN_INVALID_ADDRESS,
              port_request_notification(self_, port, NOTIFY_NO_MORE_SENDERS, PORT_NULL, wild));
    EXPECT_EQ(PORT_NULL, name);
    EXPECT_EQ(before, names_of());
}

TEST_F(BadInput, AnUnknownTaskIsInvalid) {
    const Port port;
    port_t name = PORT_NULL;
    for (const task_t task : {PORT_NULL, PORT_DEAD, unknown_name, static_cast<port_t>(port)}) {
        EXPECT_EQ(KERN_INVALID_ARGUMENT, port_allocate(task, &name));
        EXPECT_EQ(KERN_INVALID_ARGUMENT, port_deallocate(task, port));
        EXPECT_EQ(KERN_INVALID_ARGUMENT, port_set_allocate(task, &name));
        EXPECT_EQ(KERN_INVALID_ARGUMENT, port_set_backlog(task, port, 1));
        EXPECT_EQ(KERN_INVALID_ARGUMENT, task_set_special_port(task, TASK_BOOTSTRAP_PORT, PORT_NULL));
        EXPECT_EQ(KERN_INVALID_ARGUMENT, mach_ports_register(task, nullptr, 0));
    }
    EXPECT_EQ(8, status_of(port).backlog);
}

// A word that is now and then a descriptor, a name, or anything.
std::uint32_t random_word(std::mt19937& random, port_t name) {
    static constexpr std::array<unsigned, 9> codes{2, 3, 4, 5, 6, 15, 18, 21, 255};
    const auto pick = static_cast<std::uint32_t>(random());
    if (pick % 8 == 0) return static_cast<std::uint32_t>(random());
    if (pick % 8 < 4) return static_cast<std::uint32_t>(name);
    msg_type_t type = descriptor(codes[pick / 8 % codes.size()], 32, pick / 128 % 4, pick / 512 % 2 != 0);
    type.msg_type_longform = pick / 1024 % 8 == 0 ? 1 : 0;
    type.msg_type_unused = pick / 16384 % 2;
    std::uint32_t word = 0;
    std::memcpy(&word, &type, sizeof word);
    return word;
}

// Takes back what a random message brought: everything in it is a right to the port itself.
void take_back(port_t port) {
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(port));
    for (const auto& [name, type] : names_of())
        if (type == PORT_TYPE_SEND_ONCE) port_deallocate(task_self(), name);
    while (port_release(task_self(), port, PORT_TYPE_SEND) == KERN_SUCCESS) {
    }
}

TEST_F(BadInput, RandomBytesNeverCrashAndAFailureNeverTakesAnything) {
    const Port port;
    std::mt19937 random(20240607);
    Letter letter;
    int sent = 0;
    const auto before = names_of();
    for (int round = 0; round < 20'000; ++round) {
        std::array<std::uint32_t, 24> words;
        for (std::uint32_t& word : words) word = random_word(random, port);
        std::memcpy(&letter.header(), words.data(), sizeof words);
        letter->msg_simple = random() % 4 == 0;
        letter->msg_size = static_cast<msg_size_t>(random() % 97);
        letter->msg_local_port = random() % 4 == 0 ? static_cast<port_t>(port) : PORT_NULL;
        letter->msg_remote_port = port;
        const msg_return_t code = letter.send();
        if (code == SEND_SUCCESS) take_back(port);
        sent += code == SEND_SUCCESS;
        ASSERT_EQ(before, names_of()) << "round " << round << ", code " << code;
    }
    EXPECT_GT(sent, 1000);
}

// ---- exhausted tables: each in a program of its own, on a small host --------------------------------------

UMACH_FRESH(exhaust_ports) {
    const auto before = names_of();
    std::vector<port_t> ports;
    port_t port = PORT_NULL;
    kern_return_t code = KERN_SUCCESS;
    while ((code = port_allocate(task_self(), &port)) == KERN_SUCCESS && ports.size() < 10'000)
        ports.push_back(port);
    EXPECT_EQ(KERN_RESOURCE_SHORTAGE, code);
    EXPECT_STRNE("", mach_error_detail());
    EXPECT_GT(ports.size(), 50u);
    ASSERT_FALSE(ports.empty());
    fill(ports[0], 1);
    EXPECT_EQ(100, next_id(ports[0]));
    for (port_t each : ports) EXPECT_EQ(KERN_SUCCESS, port_deallocate(task_self(), each));
    EXPECT_EQ(before, names_of());
    EXPECT_EQ(KERN_SUCCESS, port_allocate(task_self(), &port)) << "what was given back can be had again";
}

TEST_F(BadInput, ExhaustedPortsAreAResourceShortageAndAllCanBeGivenBack) {
    EXPECT_TRUE(run_fresh("exhaust_ports", {"UMACH_PORTS=200"}));
}

UMACH_FRESH(exhaust_messages) {
    std::vector<port_t> ports(4000);
    for (port_t& port : ports) ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &port));
    port_t carried = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &carried));
    const std::string bytes(8000, 'x');
    std::size_t sent = 0;
    msg_return_t code = SEND_SUCCESS;
    for (std::size_t i = 0; i < ports.size() * 8 && code == SEND_SUCCESS; ++i) {
        code = Letter(ports[i / 8], static_cast<int>(i)).text(bytes).send();
        if (code == SEND_SUCCESS) ++sent;
    }
    EXPECT_EQ(SEND_KERNEL_REFUSED, code);
    EXPECT_GT(sent, 10u);
    EXPECT_EQ(
        SEND_KERNEL_REFUSED,
        Letter(ports.back()).item(MSG_TYPE_PORT_ALL, {carried}, true).text(std::string(7000, 'x')).send());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
    for (std::size_t i = 0; i < sent; ++i) ASSERT_EQ(static_cast<int>(i), next_id(ports[i / 8]));
    EXPECT_EQ(SEND_SUCCESS, Letter(ports[0]).text(bytes).send());
}

TEST_F(BadInput, ExhaustedMessageMemoryRefusesTheSendAndTakesNothing) {
    EXPECT_TRUE(run_fresh("exhaust_messages", {"UMACH_MEMORY=2000000"}));
}

UMACH_FRESH(exhaust_reply_memory) {
    std::vector<port_t> ports(2000);
    for (port_t& port : ports) ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &port));
    const port_t once = make_send_once(ports[0]);
    msg_return_t code = SEND_SUCCESS;
    for (std::size_t i = 0; i < ports.size() * 8 && code == SEND_SUCCESS; ++i)
        code = Letter(ports[i / 8]).text(std::string(8000, 'x')).send();
    ASSERT_EQ(SEND_KERNEL_REFUSED, code);
    EXPECT_EQ(SEND_KERNEL_REFUSED, Letter(once).text(std::string(8000, 'x')).send());
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(once));
}

TEST_F(BadInput, AReplyThatFindsMessageMemoryExhaustedIsRefusedAndKeepsItsRight) {
    EXPECT_TRUE(run_fresh("exhaust_reply_memory", {"UMACH_MEMORY=2000000"}));
}

}  // namespace
}  // namespace umach::tests
