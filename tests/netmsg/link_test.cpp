// SPDX-License-Identifier: BSL-1.0
// What two tasks on two hosts see of each other over a link, of every kind.
#include "servers/netmsg/space.hpp"
#include "tests/netmsg/hosts.hpp"

namespace umach::netmsg::test {
namespace {

class Linked : public testing::TestWithParam<LinkInTest> {
protected:
    void on(const Part& here, const Part& there) { on_two_hosts(GetParam(), here, there); }
};
INSTANTIATE_TEST_SUITE_P(, Linked, testing::ValuesIn(links_in_test()),
                         [](const auto& param) { return std::string(param.param.name); });

// A service that is checked in before the other side looks.
Part serving(const std::function<void(Side&, port_t)>& part) {
    return [part](Side& side) {
        const port_t service = side.checked_in("service");
        side.tell();
        part(side, service);
    };
}

Part using_service(const std::function<void(Side&, port_t)>& part) {
    return [part](Side& side) {
        side.hear();
        part(side, side.found_there("service"));
    };
}

TEST_P(Linked, MessagesArriveOnceInOrderWithTheirBytes) {
    on(using_service([](Side&, port_t service) {
           for (int i = 0; i < 50; ++i) {
               const std::string text =
                   std::to_string(i) + std::string(static_cast<std::size_t>(i) * 40, 'x');
               EXPECT_EQ(Letter(service, i).text(text).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
           }
       }),
       serving([](Side&, port_t service) {
           for (int i = 0; i < 50; ++i) {
               const std::string text =
                   std::to_string(i) + std::string(static_cast<std::size_t>(i) * 40, 'x');
               Letter got = next(service);
               EXPECT_EQ(got->msg_id, i);
               EXPECT_EQ(got.body().substr(0, text.size()), text);
           }
       }));
}

TEST_P(Linked, TheLargestMessageArrivesWhole) {
    const std::string text(MSG_SIZE_MAX - sizeof(msg_header_t), 'L');
    on(using_service([&](Side&, port_t service) {
           EXPECT_EQ(Letter(service, 1).text(text).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
       }),
       serving([&](Side&, port_t service) { EXPECT_TRUE(next(service).body() == text); }));
}

TEST_P(Linked, ACallIsAnswered) {
    on(using_service([](Side&, port_t service) {
           for (int i = 0; i < 20; ++i) {
               Letter call(service, 100 + i, made());
               call.text("ask");
               ASSERT_EQ(call.rpc(SEND_TIMEOUT | RCV_TIMEOUT, patience, patience), RPC_SUCCESS);
               EXPECT_EQ(call->msg_id, 200 + i);
           }
       }),
       serving([](Side&, port_t service) {
           for (int i = 0; i < 20; ++i) {
               Letter got = next(service);
               EXPECT_EQ(type_of(got->msg_remote_port), PORT_TYPE_SEND_ONCE);
               EXPECT_EQ(Letter(got->msg_remote_port, got->msg_id + 100).send(), SEND_SUCCESS);
           }
       }));
}

TEST_P(Linked, ACallWhoseReplyRightIsDroppedEndsWithServerDied) {
    on(using_service([](Side&, port_t service) {
           Letter call(service, 1, made());
           EXPECT_EQ(call.rpc(SEND_TIMEOUT | RCV_TIMEOUT, patience, patience), MIG_SERVER_DIED);
       }),
       serving([](Side&, port_t service) {
           EXPECT_EQ(port_deallocate(task_self(), next(service)->msg_remote_port), KERN_SUCCESS);
       }));
}

TEST_P(Linked, ASendRightCrossesAndComesHomeAsTheOriginal) {
    on(using_service([](Side&, port_t service) {
           const port_t mine = made();
           EXPECT_EQ(Letter(service).item(MSG_TYPE_PORT, {mine}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
           Letter got = next(mine);
           EXPECT_EQ(got.body().substr(0, 5), "hello");
           EXPECT_EQ(next(mine).name(), mine);
       }),
       serving([](Side&, port_t service) {
           const port_t theirs = next(service).name();
           EXPECT_EQ(type_of(theirs), PORT_TYPE_SEND);
           EXPECT_EQ(Letter(theirs).text("hello").send(SEND_TIMEOUT, patience), SEND_SUCCESS);
           EXPECT_EQ(Letter(theirs).item(MSG_TYPE_PORT, {theirs}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
       }));
}

TEST_P(Linked, ARightThatIsSentTwiceHasOneNameThere) {
    on(using_service([](Side&, port_t service) {
           const port_t mine = made();
           for (int i = 0; i < 2; ++i) {
               EXPECT_EQ(Letter(service).item(MSG_TYPE_PORT, {mine, mine}).send(SEND_TIMEOUT, patience),
                         SEND_SUCCESS);
           }
       }),
       serving([](Side&, port_t service) {
           Letter first = next(service), second = next(service);
           EXPECT_EQ(first.name(), second.name());
           EXPECT_EQ(first.items()[0].names[1], first.name());
       }));
}

TEST_P(Linked, ASendOnceRightCrossesAndIsUsedUp) {
    on(using_service([](Side&, port_t service) {
           const port_t mine = made();
           EXPECT_EQ(Letter(service).item(MSG_TYPE_MAKE_SEND_ONCE, {mine}).send(SEND_TIMEOUT, patience),
                     SEND_SUCCESS);
           EXPECT_EQ(next(mine)->msg_id, 7);
       }),
       serving([](Side&, port_t service) {
           const port_t once = next(service).name();
           EXPECT_EQ(type_of(once), PORT_TYPE_SEND_ONCE);
           EXPECT_EQ(Letter(once, 7).send(), SEND_SUCCESS);
           EXPECT_EQ(type_of(once), PORT_TYPE_NONE);
       }));
}

TEST_P(Linked, TheDeathOfAPortIsTold) {
    on(using_service([](Side& side, port_t service) {
           side.tell();
           EXPECT_TRUE(told(NOTIFY_PORT_DELETED, service));
           EXPECT_EQ(Letter(service).send(), SEND_INVALID_PORT);
       }),
       serving([](Side& side, port_t service) {
           side.hear();
           EXPECT_EQ(port_deallocate(task_self(), service), KERN_SUCCESS);
       }));
}

TEST_P(Linked, ThatNobodyCanSendAnyMoreIsTold) {
    on(using_service([](Side&, port_t service) {
           const port_t mine = made(), news = made();
           port_t previous = PORT_NULL;
           EXPECT_EQ(Letter(service).item(MSG_TYPE_PORT, {mine}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
           EXPECT_EQ(port_request_notification(task_self(), mine, NOTIFY_NO_MORE_SENDERS, news, &previous),
                     KERN_SUCCESS);
           Letter none;
           EXPECT_EQ(none.receive(news), RCV_TIMED_OUT);
           EXPECT_EQ(Letter(service).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
           EXPECT_TRUE(told(NOTIFY_NO_MORE_SENDERS, mine, news));
       }),
       serving([](Side&, port_t service) {
           const port_t theirs = next(service).name();
           next(service);
           EXPECT_EQ(port_deallocate(task_self(), theirs), KERN_SUCCESS);
       }));
}

TEST_P(Linked, AReceiveRightMovesWithItsQueueAndItsSendersGoOn) {
    on(using_service([](Side& side, port_t service) {
           const port_t moves = made();
           EXPECT_EQ(Letter(moves, 1).send(), SEND_SUCCESS);
           EXPECT_EQ(Letter(service).item(MSG_TYPE_PORT_ALL, {moves}).send(SEND_TIMEOUT, patience),
                     SEND_SUCCESS);
           EXPECT_EQ(type_of(moves), PORT_TYPE_SEND);
           EXPECT_EQ(Letter(moves, 2).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
           side.hear();
           EXPECT_TRUE(told(NOTIFY_PORT_DELETED, moves));
       }),
       serving([](Side& side, port_t service) {
           const port_t port = next(service).name();
           EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
           EXPECT_EQ(next(port)->msg_id, 1);
           EXPECT_EQ(next(port)->msg_id, 2);
           EXPECT_EQ(port_deallocate(task_self(), port), KERN_SUCCESS);
           side.tell();
       }));
}

TEST_P(Linked, AReceiveRightComesHomeToWhereItsSendersAre) {
    on(using_service([](Side&, port_t service) {
           const port_t moves = made(), back = made();
           EXPECT_EQ(Letter(service, 0, back).item(MSG_TYPE_PORT_ALL, {moves}).send(SEND_TIMEOUT, patience),
                     SEND_SUCCESS);
           EXPECT_EQ(next(back).name(), moves);
           EXPECT_EQ(type_of(moves), PORT_TYPE_RECEIVE_OWN);
           EXPECT_EQ(Letter(moves, 5).send(), SEND_SUCCESS);
           EXPECT_EQ(next(moves)->msg_id, 5);
       }),
       serving([](Side&, port_t service) {
           Letter got = next(service);
           EXPECT_EQ(Letter(got->msg_remote_port)
                         .item(MSG_TYPE_PORT_ALL, {got.name()})
                         .send(SEND_TIMEOUT, patience),
                     SEND_SUCCESS);
       }));
}

// The port has moved away: what comes back is a right to the proxy that it left behind.
TEST_P(Linked, ASendRightToAPortThatMovedComesBackToWhereItWas) {
    on(using_service([](Side&, port_t service) {
           const port_t moves = made(), back = made();
           EXPECT_EQ(Letter(service, 0, back).item(MSG_TYPE_PORT_ALL, {moves}).send(SEND_TIMEOUT, patience),
                     SEND_SUCCESS);
           EXPECT_EQ(next(back).name(), moves);
           EXPECT_EQ(port_deallocate(task_self(), moves), KERN_SUCCESS);
           const port_t again = next(back).name();
           EXPECT_EQ(Letter(again, 5).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
           EXPECT_TRUE(told(NOTIFY_PORT_DELETED, again));
       }),
       serving([](Side&, port_t service) {
           Letter got = next(service);
           for (int i = 0; i < 2; ++i)
               EXPECT_EQ(
                   Letter(got->msg_remote_port).item(MSG_TYPE_PORT, {got.name()}).send(SEND_TIMEOUT, patience),
                   SEND_SUCCESS);
           EXPECT_EQ(next(got.name())->msg_id, 5);
           EXPECT_EQ(port_deallocate(task_self(), got.name()), KERN_SUCCESS);
       }));
}

// 8 in the port's queue, one on its way, 8 in the proxy's.
TEST_P(Linked, AFullQueueHoldsUpItsSenderAfterSeventeenMessagesAndNobodyElse) {
    on(using_service([](Side& side, port_t slow) {
           const port_t quick = side.found_there("quick");
           int sent = 0;
           while (Letter(slow, sent).send(SEND_TIMEOUT, 300) == SEND_SUCCESS) ++sent;
           EXPECT_EQ(sent, 17);
           for (int i = 0; i < 30; ++i)
               EXPECT_EQ(Letter(quick, i).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
           side.tell();
           EXPECT_EQ(Letter(slow, sent).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
       }),
       [](Side& side) {
           const port_t slow = side.checked_in("service"), quick = side.checked_in("quick");
           side.tell();
           for (int i = 0; i < 30; ++i) EXPECT_EQ(next(quick)->msg_id, i);
           side.hear();
           for (int i = 0; i < 18; ++i) EXPECT_EQ(next(slow)->msg_id, i);
       });
}

// The other host's server is killed while a call is there.
TEST_P(Linked, ALostLinkEndsCallsAndProxiesAndGivesUpWhatItHeld) {
    on(using_service([](Side&, port_t service) {
           Letter call(service, 1, made());
           EXPECT_EQ(call.rpc(SEND_TIMEOUT | RCV_TIMEOUT, patience, patience), MIG_SERVER_DIED);
           EXPECT_TRUE(told(NOTIFY_PORT_DELETED, service));
       }),
       serving([](Side& side, port_t service) {
           const port_t news = made();
           port_t previous = PORT_NULL;
           const port_t reply = next(service)->msg_remote_port;
           EXPECT_EQ(netname_check_out(name_server_port, "service", PORT_NULL), NETNAME_SUCCESS);
           EXPECT_EQ(port_request_notification(task_self(), service, NOTIFY_NO_MORE_SENDERS, news, &previous),
                     KERN_SUCCESS);
           side.kill_server();
           EXPECT_TRUE(told(NOTIFY_NO_MORE_SENDERS, service, news));
           EXPECT_TRUE(told(NOTIFY_PORT_DELETED, reply));
       }));
}

TEST_P(Linked, TheNameServiceAsksTheHostThatIsNamed) {
    on(
        [](Side& side) {
            side.hear();
            port_t found = PORT_NULL;
            EXPECT_EQ(netname_look_up(name_server_port, "there", "service", &found), NETNAME_SUCCESS);
            EXPECT_EQ(Letter(found, 3).send(), SEND_SUCCESS);
            EXPECT_EQ(netname_look_up(name_server_port, "there", "nothing", &found), NETNAME_NOT_CHECKED_IN);
            EXPECT_EQ(netname_look_up(name_server_port, "nowhere", "service", &found), NETNAME_NO_SUCH_HOST);
        },
        serving([](Side&, port_t service) { EXPECT_EQ(next(service)->msg_id, 3); }));
}

TEST_P(Linked, ALookUpAtAStarFindsWhatAnyHostHas) {
    on(
        [](Side& side) {
            side.hear();
            port_t found = PORT_NULL;
            EXPECT_EQ(netname_look_up(name_server_port, "*", "service", &found), NETNAME_SUCCESS);
            EXPECT_EQ(Letter(found, 4).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
            EXPECT_EQ(netname_look_up(name_server_port, "*", "nothing", &found), NETNAME_NOT_CHECKED_IN);
        },
        serving([](Side&, port_t service) { EXPECT_EQ(next(service)->msg_id, 4); }));
}

TEST_P(Linked, TheNameServiceOfTheOtherHostSaysItsVersion) {
    on(
        [](Side&) {
            port_t link = PORT_NULL;
            netname_name_t here{}, there{};
            EXPECT_EQ(netname_look_up(name_server_port, "", "netmsg/there", &link), NETNAME_SUCCESS);
            EXPECT_EQ(netname_version(link, there), NETNAME_SUCCESS);
            EXPECT_EQ(netname_version(name_server_port, here), NETNAME_SUCCESS);
            EXPECT_STREQ(there, here);
            EXPECT_STRNE(there, "");
        },
        [](Side&) {});
}

TEST_P(Linked, WhatIsNotCheckedInIsNotFound) {
    on(
        [](Side&) {
            port_t link = PORT_NULL, found = PORT_NULL;
            EXPECT_EQ(netname_look_up(name_server_port, "", "netmsg/there", &link), NETNAME_SUCCESS);
            EXPECT_EQ(netname_look_up(link, "", "nothing", &found), NETNAME_NOT_CHECKED_IN);
        },
        [](Side&) {});
}

}  // namespace
}  // namespace umach::netmsg::test
