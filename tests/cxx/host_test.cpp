// SPDX-License-Identifier: BSL-1.0
// Host: names for ports.
#include <gtest/gtest.h>

#include <umach/umach.hpp>

namespace umach::test {
namespace {

TEST(Host, PortIsFoundUnderItsName) {
    const Host host = Host::join().value();
    const ReceiveRight port = ReceiveRight::allocate().value();
    ASSERT_TRUE(host.check_in("cxx.found", port));
    EXPECT_EQ(host.look_up("cxx.found").value().name(), port.name());
    EXPECT_TRUE(host.check_out("cxx.found"));
}

TEST(Host, UnknownNameIsNotCheckedIn) {
    const Host host = Host::join().value();
    EXPECT_EQ(host.look_up("cxx.nobody").code(), NETNAME_NOT_CHECKED_IN);
    EXPECT_EQ(host.check_out("cxx.nobody").code(), NETNAME_NOT_CHECKED_IN);
}

TEST(Host, EntryOfAnotherHostObjectIsNotYours) {
    const Host owner = Host::join().value();
    const Host stranger = Host::join().value();
    const ReceiveRight port = ReceiveRight::allocate().value();
    ASSERT_TRUE(owner.check_in("cxx.owned", port));
    EXPECT_EQ(stranger.check_in("cxx.owned", port).code(), NETNAME_NOT_YOURS);
    EXPECT_EQ(stranger.check_out("cxx.owned").code(), NETNAME_NOT_YOURS);
    EXPECT_TRUE(owner.check_out("cxx.owned"));
}

TEST(Host, EmptyRightCannotBeCheckedIn) {
    const Host host = Host::join().value();
    EXPECT_EQ(host.check_in("cxx.null", PortName()).code(), NETNAME_INVALID_PORT);
}

}  // namespace
}  // namespace umach::test
