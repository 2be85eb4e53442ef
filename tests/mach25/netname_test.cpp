// SPDX-License-Identifier: BSL-1.0
// The name service: ports found by name, entries that die with their port.
#include "kinds.hpp"
#include "parties.hpp"

#include <servers/netname.h>

#include <cstring>

namespace umach::tests {
namespace {

class Netname : public Family {
protected:
    // The server's port is the task's for good: it is asked for before the fixture looks at the space.
    void SetUp() override {
        server_ = name_server_port;
        ASSERT_NE(PORT_NULL, server_);
        Family::SetUp();
    }
    port_t look_up(const char* name, kern_return_t expected = NETNAME_SUCCESS) {
        port_t found = PORT_NULL;
        EXPECT_EQ(expected, netname_look_up(server_, "", name, &found));
        return found;
    }
    // Returns once the server has worked off what it was sent before.
    void settle() {
        netname_name_t version;
        EXPECT_EQ(NETNAME_SUCCESS, netname_version(server_, version));
    }
    port_t server_ = PORT_NULL;
};

TEST_F(Netname, FindsWhatWasCheckedIn) {
    const Port port;
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_in(server_, "printer", PORT_NULL, port));
    EXPECT_EQ(port, look_up("printer"));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_SEND));
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_out(server_, "printer", PORT_NULL));
}

TEST_F(Netname, KnowsNoNameThatWasNeverCheckedIn) {
    EXPECT_EQ(PORT_NULL, look_up("nobody", NETNAME_NOT_CHECKED_IN));
}

TEST_F(Netname, CheckedOutIsNotFoundAgain) {
    const Port port;
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_in(server_, "printer", PORT_NULL, port));
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_out(server_, "printer", PORT_NULL));
    look_up("printer", NETNAME_NOT_CHECKED_IN);
    EXPECT_EQ(NETNAME_NOT_CHECKED_IN, netname_check_out(server_, "printer", PORT_NULL));
}

TEST_F(Netname, AnotherSignatureCannotReplaceOrRemoveAnEntry) {
    const Port signature;
    const Port other;
    const Port port;
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_in(server_, "printer", signature, port));
    EXPECT_EQ(NETNAME_NOT_YOURS, netname_check_in(server_, "printer", other, other));
    EXPECT_EQ(NETNAME_NOT_YOURS, netname_check_in(server_, "printer", PORT_NULL, other));
    EXPECT_EQ(NETNAME_NOT_YOURS, netname_check_out(server_, "printer", other));
    EXPECT_EQ(port, look_up("printer"));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_SEND));
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_out(server_, "printer", signature));
}

TEST_F(Netname, TheSameSignatureReplacesAnEntry) {
    const Port signature;
    const Port first;
    const Port second;
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_in(server_, "printer", signature, first));
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_in(server_, "printer", signature, second));
    EXPECT_EQ(second, look_up("printer"));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, second, PORT_TYPE_SEND));
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_out(server_, "printer", signature));
}

TEST_F(Netname, AnEntryDiesWithItsPort) {
    {
        const Port port;
        EXPECT_EQ(NETNAME_SUCCESS, netname_check_in(server_, "printer", PORT_NULL, port));
    }
    settle();
    look_up("printer", NETNAME_NOT_CHECKED_IN);
}

TEST_F(Netname, APortThatIsNullOrDeadIsInvalid) {
    const Named dead(Kind::dead);
    EXPECT_EQ(NETNAME_INVALID_PORT, netname_check_in(server_, "printer", PORT_NULL, PORT_NULL));
    EXPECT_EQ(NETNAME_INVALID_PORT, netname_check_in(server_, "printer", PORT_NULL, dead));
    look_up("printer", NETNAME_NOT_CHECKED_IN);
}

TEST_F(Netname, ANameWithoutRightIsInvalidPort) {
    const Port port;
    EXPECT_EQ(SEND_INVALID_PORT, netname_check_in(server_, "printer", PORT_NULL, unknown_name));
    EXPECT_EQ(SEND_INVALID_PORT, netname_check_in(server_, "printer", unknown_name, port));
}

TEST_F(Netname, AServerPortThatIsNoServersIsInvalid) {
    port_t found = PORT_NULL;
    EXPECT_EQ(SEND_INVALID_PORT, netname_look_up(unknown_name, "", "printer", &found));
}

TEST_F(Netname, NamesOf80BytesAreToldApartByTheirLastByte) {
    const Port a;
    const Port b;
    const std::string stem(79, 'x');
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_in(server_, (stem + "a").c_str(), PORT_NULL, a));
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_in(server_, (stem + "b").c_str(), PORT_NULL, b));
    EXPECT_EQ(a, look_up((stem + "a").c_str()));
    EXPECT_EQ(b, look_up((stem + "b").c_str()));
    for (const port_t port : {static_cast<port_t>(a), static_cast<port_t>(b)})
        EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_SEND));
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_out(server_, (stem + "a").c_str(), PORT_NULL));
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_out(server_, (stem + "b").c_str(), PORT_NULL));
}

TEST_F(Netname, AnUnknownHostIsSaidToBeSo) {
    port_t found = PORT_NULL;
    EXPECT_EQ(NETNAME_NO_SUCH_HOST, netname_look_up(server_, "elsewhere", "printer", &found));
}

TEST_F(Netname, EveryHostIncludesThisOne) {
    const Port port;
    port_t found = PORT_NULL;
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_in(server_, "printer", PORT_NULL, port));
    EXPECT_EQ(NETNAME_SUCCESS, netname_look_up(server_, "*", "printer", &found));
    EXPECT_EQ(port, found);
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_SEND));
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_out(server_, "printer", PORT_NULL));
}

TEST_F(Netname, SaysItsVersionInAtMost80Bytes) {
    netname_name_t version;
    std::memset(version, 'x', sizeof version);
    EXPECT_EQ(NETNAME_SUCCESS, netname_version(server_, version));
    EXPECT_LT(strnlen(version, sizeof version), sizeof version);
}

TEST_F(Netname, AChildFindsWhatItsParentCheckedIn) {
    const Port port;
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_in(server_, "printer", PORT_NULL, port));
    Child child([] {
        port_t found = PORT_NULL;
        ASSERT_EQ(NETNAME_SUCCESS, netname_look_up(name_server_port, "", "printer", &found));
        EXPECT_EQ(SEND_SUCCESS, Letter(found, 8).send());
    });
    EXPECT_EQ(8, next_id(port, patience));
    EXPECT_TRUE(child.wait());
    EXPECT_EQ(NETNAME_SUCCESS, netname_check_out(server_, "printer", PORT_NULL));
}

TEST_F(Netname, AnEntryOfAKilledChildGoes) {
    Child child([] {
        port_t own = PORT_NULL;
        ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &own));
        ASSERT_EQ(NETNAME_SUCCESS, netname_check_in(name_server_port, "childs", PORT_NULL, own));
        report_at_side();
        Letter().receive(own, RCV_TIMEOUT, patience);
    });
    const port_t reported_port = reported(side_);
    const Port found(look_up("childs"));
    child.kill();
    EXPECT_TRUE(next_notice(patience));
    EXPECT_TRUE(next_notice(patience));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(reported_port));
    settle();
    look_up("childs", NETNAME_NOT_CHECKED_IN);
}
}  // namespace
}  // namespace umach::tests
