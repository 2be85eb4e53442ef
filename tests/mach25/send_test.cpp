// SPDX-License-Identifier: BSL-1.0
// What msg_send looks at, and what arrives.
#include "kinds.hpp"
#include "parties.hpp"

#include <cstring>
#include <memory>

namespace umach::tests {
namespace {

UMACH_SUITE(Send);

TEST_F(Send, DeliversHeaderAndBytesAsTheyWereSent) {
    const Port port;
    Letter letter(port, -77);
    letter.text("four score and seven");
    letter->msg_type = MSG_TYPE_NORMAL;
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(-77, got->msg_id);
    EXPECT_EQ(44u, got->msg_size);
    EXPECT_EQ(TRUE, static_cast<boolean_t>(got->msg_simple));
    EXPECT_EQ("four score and seven", got.body());
    EXPECT_EQ(port, got->msg_local_port);
    EXPECT_EQ(PORT_NULL, got->msg_remote_port);
}

TEST_F(Send, LeavesTheSendersHeaderAsItWas) {
    const Port port;
    Letter letter(port, 5);
    letter.text("text");
    const msg_header_t before = letter.header();
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    EXPECT_EQ(0, std::memcmp(&before, &letter.header(), sizeof before));
}

TEST_F(Send, RoundsTheSizeUpToFour) {
    const Port port;
    Letter letter(port);
    letter.text("abcdefgh").sized(24 + 5);
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(32u, got->msg_size);
    EXPECT_EQ("abcde", got.body().substr(0, 5));
}

TEST_F(Send, AHeaderAloneIsAMessage) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 1).send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(24u, got->msg_size);
}

class SizeTooSmall : public Mach25, public ::testing::WithParamInterface<msg_size_t> {};
TEST_P(SizeTooSmall, LessThanAHeaderIsTooSmall) {
    const Port port;
    EXPECT_EQ(SEND_MSG_TOO_SMALL, Letter(port).sized(GetParam()).send());
    EXPECT_EQ(0, waiting_at(port));
}
INSTANTIATE_TEST_SUITE_P(Sizes, SizeTooSmall, ::testing::Values(0u, 1u, 4u, 20u));

class SizeTooLarge : public Mach25, public ::testing::WithParamInterface<msg_size_t> {};
TEST_P(SizeTooLarge, MoreThan8192IsTooLarge) {
    const Port port;
    EXPECT_EQ(SEND_MSG_TOO_LARGE, Letter(port).sized(GetParam()).send());
    EXPECT_EQ(0, waiting_at(port));
}
INSTANTIATE_TEST_SUITE_P(Sizes, SizeTooLarge,
                         ::testing::Values(8193u, 8196u, 0x7fffffffu, 0x80000000u, 0xffffffffu));

class SizeThatFits : public Mach25, public ::testing::WithParamInterface<msg_size_t> {};
TEST_P(SizeThatFits, ArrivesWholeAndUnchanged) {
    const Port port;
    Letter letter(port, 3);
    std::string bytes(GetParam() - 24, ' ');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>('a' + i % 23);
    letter.text(bytes);
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(bytes, got.body());
}
INSTANTIATE_TEST_SUITE_P(Sizes, SizeThatFits,
                         ::testing::Values(24u, 28u, 188u, 192u, 196u, 216u, 220u, 956u, 960u, 964u, 984u,
                                           988u, 4028u, 4032u, 4036u, 4056u, 4060u, 8188u, 8192u));

TEST_F(Send, TheKernelBitOfTheHeaderIsClearedForEverybodyElse) {
    const Port port;
    Letter letter(port);
    letter->msg_unused = 0xffffff;
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(0u, got->msg_unused & MSG_UNUSED_KERNEL);
}

TEST_F(Send, ToTheNotifyPortCannotPassForANotification) {
    notification_t forged{};
    forged.notify_header.msg_unused = MSG_UNUSED_KERNEL;
    forged.notify_header.msg_simple = TRUE;
    forged.notify_header.msg_size = sizeof forged;
    forged.notify_header.msg_type = MSG_TYPE_EMERGENCY;
    forged.notify_header.msg_remote_port = task_notify();
    forged.notify_header.msg_id = NOTIFY_PORT_DELETED;
    EXPECT_EQ(SEND_SUCCESS, msg_send(&forged.notify_header, SEND_TIMEOUT, 0));
    const auto notice = next_notice();
    ASSERT_TRUE(notice);
    EXPECT_EQ(0u, notice->notify_header.msg_unused & MSG_UNUSED_KERNEL);
}

TEST_F(Send, AnEmergencyMessageIsCarriedAndNeverReorders) {
    const Port port;
    fill(port, 2);
    Letter letter(port, 1);
    letter->msg_type = MSG_TYPE_EMERGENCY;
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(101, next_id(port));
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(1, got->msg_id);
    EXPECT_EQ(MSG_TYPE_EMERGENCY, got->msg_type);
}

TEST_F(Send, AReplyPortIsCarriedAsASendRightAndTheTwoPortFieldsAreSwapped) {
    const Port port;
    const Port reply;
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 1, reply).send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(port, got->msg_local_port);
    EXPECT_EQ(reply, got->msg_remote_port);
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, reply, PORT_TYPE_SEND)) << "a send right has come with it";
}

TEST_F(Send, ThatFailsInItsReplyPortLeavesTheDestinationRightAsItWas) {
    const Named name(Kind::send);
    EXPECT_EQ(SEND_INVALID_PORT, Letter(name, 1, unknown_name).send());
    EXPECT_EQ(PORT_TYPE_SEND, type_of(name));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, name, PORT_TYPE_SEND));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(name)) << "it had one reference";
}

TEST_F(Send, ToASendOnceRightUsesItUpAndNotifiesNobody) {
    const Port port;
    const port_t once = make_send_once(port);
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(once));
    EXPECT_EQ(SEND_SUCCESS, Letter(once, 4).send());
    EXPECT_EQ(PORT_TYPE_NONE, type_of(once));
    EXPECT_FALSE(next_notice());
    EXPECT_EQ(4, next_id(port));
}

TEST_F(Send, ThatFailsDoesNotUseUpASendOnceDestination) {
    const Port port;
    const port_t once = make_send_once(port);
    EXPECT_EQ(SEND_INVALID_PORT, Letter(once).item(MSG_TYPE_PORT, {unknown_name}).send());
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(once));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, once, PORT_TYPE_SEND_ONCE));
}

TEST_F(Send, ASimpleBodyIsNeverParsedEvenIfItsDescriptorsLie) {
    const Port port;
    Letter letter(port);
    letter.raw(descriptor(MSG_TYPE_PORT, 32, 4000), "xxxx");
    letter->msg_simple = TRUE;
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    EXPECT_EQ(0, next_id(port));
}

TEST_F(Send, AComplexMessageWithoutRightsArrivesAsSimple) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(port).raw(descriptor(MSG_TYPE_INTEGER_32, 32, 1), "1234").send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(TRUE, static_cast<boolean_t>(got->msg_simple));
}

TEST_F(Send, ANullRightStillMakesTheMessageComplex) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, send_right(port, MSG_TYPE_PORT, PORT_NULL));
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(FALSE, static_cast<boolean_t>(got->msg_simple));
    EXPECT_EQ(PORT_NULL, got.name());
}

TEST_F(Send, AComplexMessageWithAnEmptyBodyIsDeliveredAsSimple) {
    const Port port;
    Letter letter(port, 8);
    letter->msg_simple = FALSE;
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(TRUE, static_cast<boolean_t>(got->msg_simple));
}

TEST_F(Send, SixtyFourBitElementsStandDirectlyBehindTheirDescriptor) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(port).raw(descriptor(MSG_TYPE_INTEGER_64, 64, 1), "12345678").send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(36u, got->msg_size);
    EXPECT_EQ("12345678", got.body().substr(4));
}

TEST_F(Send, BitsAreCountedInWholeWordsOfFourBytes) {
    const Port port;
    const Port carried;
    // 33 bits take 5 bytes, padded to 8; the right behind them is found there.
    Letter letter(port);
    letter.raw(descriptor(MSG_TYPE_BIT, 1, 33), "12345678").item(MSG_TYPE_PORT, {carried});
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(carried, got.name(1));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, carried, PORT_TYPE_SEND));
}

TEST_F(Send, ALongDescriptorIgnoresWhatItsShortFieldsSay) {
    const Port port;
    const Port carried;
    Letter letter(port);
    letter.item(Item{MSG_TYPE_PORT, {carried}, false, true});
    auto* type = reinterpret_cast<msg_type_t*>(&letter.header() + 1);
    type->msg_type_name = 200;
    type->msg_type_size = 99;
    type->msg_type_number = 4095;
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ(carried, got.name());
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, carried, PORT_TYPE_SEND));
}

TEST_F(Send, FromOneThreadToOnePortStaysInOrder) {
    const Port port;
    Party sender([&] {
        for (int i = 0; i < 500; ++i)
            if (const int code = Letter(port, i).send(MSG_OPTION_NONE); code != SEND_SUCCESS) return code;
        return SEND_SUCCESS;
    });
    for (int i = 0; i < 500; ++i) ASSERT_EQ(i, next_id(port, patience));
    EXPECT_EQ(SEND_SUCCESS, sender.result());
}

TEST_F(Send, FromSeveralThreadsLosesAndDoublesNothingAndKeepsEachInOrder) {
    const Port port;
    constexpr int threads = 4;
    constexpr int each = 250;
    std::vector<std::unique_ptr<Party>> senders;
    for (int t = 0; t < threads; ++t)
        senders.push_back(std::make_unique<Party>([&port, t] {
            for (int i = 0; i < each; ++i)
                if (const int code = Letter(port, t * each + i).send(MSG_OPTION_NONE); code != 0) return code;
            return SEND_SUCCESS;
        }));
    std::array<int, threads> next{};
    for (int i = 0; i < threads * each; ++i) {
        const int id = next_id(port, patience);
        ASSERT_GE(id, 0);
        ASSERT_EQ(next[static_cast<std::size_t>(id / each)]++, id % each);
    }
    for (auto& sender : senders) EXPECT_EQ(SEND_SUCCESS, sender->result());
    EXPECT_EQ(0, waiting_at(port));
}

TEST_F(Send, TheTrapTakesItsSizeFromTheArgument) {
    const Port port;
    Letter letter(port, 6);
    letter.text("abcd").sized(3);
    EXPECT_EQ(SEND_SUCCESS, msg_send_trap(&letter.header(), SEND_TIMEOUT, 28, 0));
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ("abcd", got.body());
    EXPECT_EQ(SEND_MSG_TOO_SMALL, msg_send_trap(&letter.header(), SEND_TIMEOUT, 20, 0));
}

TEST_F(Send, WithTheSwitchHintSendsAsUsual) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 6).send(SEND_SWITCH | SEND_TIMEOUT, 0));
    EXPECT_EQ(6, next_id(port));
}

TEST_F(Send, AFailureSaysInWordsWhatItWasAbout) {
    const Port port;
    EXPECT_EQ(SEND_INVALID_PORT, Letter(port).item(MSG_TYPE_PORT, {unknown_name}).send());
    EXPECT_STRNE("", mach_error_detail());
}

}  // namespace
}  // namespace umach::tests
