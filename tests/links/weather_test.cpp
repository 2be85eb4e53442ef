// SPDX-License-Identifier: BSL-1.0
// Two hosts over a link in bad weather: loss to 30 %, duplicates, delay, and the disorder that delay makes. What
// is sent arrives exactly once and in order, or the link is down for good, and told.
#include <cstdlib>

#include "tests/netmsg/hosts.hpp"

namespace umach::netmsg::test {
namespace {

struct Profile {
    unsigned lost, doubled, delayed, milliseconds;
};

std::vector<Profile> profiles() {
    std::vector<Profile> all;
    for (const unsigned lost : {0u, 100u, 300u})
        for (const unsigned doubled : {0u, 100u})
            for (const unsigned delayed : {0u, 250u})
                for (const unsigned milliseconds : {2u, 20u}) all.push_back({lost, doubled, delayed, milliseconds});
    return all;
}

std::string name_of(const testing::TestParamInfo<Profile>& info) {
    const Profile& profile = info.param;
    return "lost" + std::to_string(profile.lost) + "_doubled" + std::to_string(profile.doubled) + "_delayed" +
           std::to_string(profile.delayed) + "_" + std::to_string(profile.milliseconds) + "ms";
}

int messages() {
    return std::getenv("UMACH_FULL") != nullptr ? 2000 : 40;
}

class InWeather : public testing::TestWithParam<Profile> {
protected:
    LinkInTest link() const {
        transport::Weather weather;
        weather.seed = 17;
        weather.lost = GetParam().lost;
        weather.doubled = GetParam().doubled;
        weather.delayed = GetParam().delayed;
        weather.delay = std::chrono::milliseconds(GetParam().milliseconds);
        return link_in_weather("weather", weather);
    }
};
INSTANTIATE_TEST_SUITE_P(, InWeather, testing::ValuesIn(profiles()), name_of);

// Of a port that died, all that can still be said is that it did.
bool is_down(port_t port) {
    port_type_t type = PORT_TYPE_NONE;
    return port_type(task_self(), port, &type) == KERN_SUCCESS && type == PORT_TYPE_DEAD_NAME;
}

// Asks and is answered, one after the other; answers come with the number of the question.
void ask(Side& side) {
    side.hear();
    const port_t service = side.found_there("service");
    port_t reply = PORT_NULL;
    ASSERT_EQ(port_allocate(task_self(), &reply), KERN_SUCCESS);
    for (int i = 0; i < messages(); ++i) {
        const msg_return_t sent = Letter(service, i, reply).send(SEND_TIMEOUT, patience);
        if (sent == SEND_INVALID_PORT && is_down(service)) return;
        ASSERT_EQ(sent, SEND_SUCCESS);
    }
    for (int i = 0; i < messages(); ++i) {
        Letter answer;
        const msg_return_t code = answer.receive(reply, RCV_TIMEOUT, patience);
        if (code == RCV_TIMED_OUT && is_down(service)) return;
        ASSERT_EQ(code, RCV_SUCCESS) << i;
        ASSERT_EQ(answer->msg_id, 10'000 + i);
    }
    Letter more;
    EXPECT_EQ(more.receive(reply), RCV_TIMED_OUT) << "one came twice";
}

void answer(Side& side) {
    const port_t service = side.checked_in("service");
    side.tell();
    std::vector<port_t> answers;
    for (int i = 0; i < messages(); ++i) {
        Letter got;
        if (got.receive(service, RCV_TIMEOUT, patience) != RCV_SUCCESS) return;
        ASSERT_EQ(got->msg_id, i);
        answers.push_back(got->msg_remote_port);
    }
    for (int i = 0; i < messages(); ++i)
        if (Letter(answers[static_cast<std::size_t>(i)], 10'000 + i).send(SEND_TIMEOUT, patience) != SEND_SUCCESS) return;
}

TEST_P(InWeather, MessagesArriveOnceAndInOrderOrTheLinkIsDown) {
    on_two_hosts(link(), ask, answer);
}

}  // namespace
}  // namespace umach::netmsg::test
