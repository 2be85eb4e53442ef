// SPDX-License-Identifier: BSL-1.0
// umach check, on hosts at work, after kills, and on one that was broken on purpose.
#include "tool.hpp"

#include "tasks/host.hpp"

#include <csignal>

namespace umach::tests {
namespace {

TEST(Check, FindsNothingInAFreshHost) {
    ToolHost host;
    const Ended run = run_tool({"check", host.name()});
    EXPECT_EQ(run.status, 0) << run.out;
    EXPECT_TRUE(run.out.starts_with("host " + host.name() + ": no rule broken in ")) << run.out;
}

TEST(Check, FindsNothingWhileMembersWorkAndAfterTheyAreKilled) {
    ToolHost host;
    const auto work = [](const std::function<void()>& ready) {
        port_t port = PORT_NULL;
        must(port_allocate(task_self(), &port));
        ready();
        for (;;) {
            send_to(port);
            receive_from(port);
        }
    };
    for (int round = 0; round < 5; ++round) {
        Process first = start_member(host.name(), work), second = start_member(host.name(), work);
        EXPECT_EQ(host.ask({"check"})["violations"], Json::array());
        first.signal(SIGKILL);
        first.status();
        EXPECT_EQ(host.ask({"check"})["violations"], Json::array());
    }
}

TEST(Check, SaysWhatItLookedAt) {
    ToolHost host;
    const Json seen = host.ask({"check"});
    EXPECT_GE(seen["looked_at"]["tasks"], 2);  // the keeper's and the tool's own
    EXPECT_GE(seen["looked_at"]["names"], 4);
    EXPECT_EQ(seen["rescued_wakeups"], 0);
}

TEST(Check, NamesWhatIsBrokenAndEndsWithOne) {
    ToolHost host;
    const Process vandal = start_member(host.name(), [&](const std::function<void()>& ready) {
        auto joined = tasks::attach_for_looking(host.name());
        must(joined.ok() ? 0 : -1);
        ports::Kernel& k = *joined.value();
        const ports::PortRef kernel_port = k.task(1).special[ports::special_kernel];
        k.port(kernel_port.index).send_rights.put(77);
        ready();
    });
    const Ended run = run_tool({"check", host.name()});
    EXPECT_EQ(run.status, 1);
    EXPECT_TRUE(run.out.starts_with("send rights: port ")) << run.out;
    EXPECT_NE(run.out.find("counts 77 send rights, 2 were found"), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("(umach, pid " + std::to_string(host.process().pid()) + ")"), std::string::npos)
        << run.out;
    const Ended json = run_tool({"check", host.name(), "--json"});
    EXPECT_EQ(json.status, 1);
    EXPECT_EQ(json.json()["violations"].size(), 1u);
}

TEST(Check, OfAHostThatIsNotThereEndsWithTwo) {
    EXPECT_EQ(run_tool({"check", "nobody-has-this-name"}).status, 2);
}

}  // namespace
}  // namespace umach::tests
