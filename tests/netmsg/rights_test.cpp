// SPDX-License-Identifier: BSL-1.0
// The rights of one link, without a link.
#include "servers/netmsg/rights.hpp"

#include <gtest/gtest.h>

#include "tests/netmsg/attack.hpp"

namespace umach::netmsg::test {
namespace {

TEST(RightsOfALink, APortThatMovedIsNotGivenBackWhileAMessageFromBeforeIsOnItsWayToIt) {
    in_a_host_of_its_own([] {
        port_set_name_t set = PORT_NULL;
        ASSERT_EQ(port_set_allocate(task_self(), &set), KERN_SUCCESS);
        Rights rights(set, Quota{}, [](Op, std::uint32_t, std::uint32_t) {}, [](int, port_t) {});
        const port_t port = new_port(), way = new_port();
        ASSERT_EQ(make_right(MSG_TYPE_PORT, port, way), port);
        const WireRight held = rights.leave(MSG_TYPE_PORT, port);
        rights.left(held);
        rights.holding(held.id)->busy = true;
        const WireRight moved = rights.leave(MSG_TYPE_PORT_ALL, port);
        rights.left(moved);
        EXPECT_TRUE(rights.released(held.id, 1));
        EXPECT_TRUE(rights.senders_gone(port));
        rights.give_credit(moved.id);
        EXPECT_NE(rights.proxy_named(port), nullptr);
        EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
        rights.arrived(held.id);
        EXPECT_EQ(rights.proxy_named(port), nullptr);
        EXPECT_EQ(type_of(port), PORT_TYPE_NONE);
    });
}

}  // namespace
}  // namespace umach::netmsg::test
