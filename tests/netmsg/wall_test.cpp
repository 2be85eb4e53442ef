// SPDX-License-Identifier: BSL-1.0
// Programs behind a wall, and what attacks from behind it, from a link and from a member get.
#include <sys/stat.h>

#include <filesystem>

#include <nlohmann/json.hpp>

#include "tests/netmsg/running_tool.hpp"

namespace umach::netmsg::test {
namespace {

// Whom a wall makes another user can run only what everybody can; and behind it /tmp is empty.
bool everybody_can_run(const std::filesystem::path& program) {
    if (program.string().starts_with("/tmp/")) return false;
    for (auto path = program; path != path.root_path(); path = path.parent_path()) {
        struct stat seen {};
        if (stat(path.c_str(), &seen) != 0 || (seen.st_mode & 1) == 0) return false;
    }
    return true;
}

class Wall : public testing::Test {
protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "what the system grants another user is up to it";
        if (!everybody_can_run(UMACH_ASKS)) GTEST_SKIP() << "not everybody can run " << UMACH_ASKS;
        ASSERT_TRUE(host_.says("is ready"));
    }
    int status_of(std::vector<std::string> words) {
        Tool tool(std::move(words));
        return tool.status();
    }
    int isolated(const std::string& script) {
        return status_of({"run", "--isolated", name_, "sh", "-c", script});
    }

    const std::string name_ = own_name("wall");
    Tool host_ = Tool({"host", name_});
};

TEST_F(Wall, TheSameProgramTextWorksAsAMemberAndIsolatedWithWhatItWasGivenAndNothingElse) {
    const pid_t answers = member(name_, [] {
        const port_t port = service("answers");
        service("other");
        for (int i = 0; i < 3; ++i) {
            Letter got = next(port);
            EXPECT_EQ(got->msg_id, 41);
            EXPECT_EQ(Letter(got->msg_remote_port, 42).send(), SEND_SUCCESS);
        }
    });
    // Until the name is there.
    const auto late = runtime::Deadline::in(std::chrono::seconds(20));
    while (status_of({"run", name_, UMACH_ASKS, "other-than"}) != 3 && !late.passed()) {
    }
    int as_member = 3;
    while (as_member == 3 && !late.passed()) as_member = status_of({"run", name_, UMACH_ASKS, "answers"});
    EXPECT_EQ(as_member, 42);
    EXPECT_EQ(status_of({"run", "--isolated", "--give", "answers", name_, UMACH_ASKS, "answers"}), 42);
    EXPECT_EQ(status_of({"run", "--isolated", "--give", "answers", name_, UMACH_ASKS, "other"}), 3);
    EXPECT_EQ(status_of({"run", "--isolated", name_, UMACH_ASKS, "answers"}), 3);
    EXPECT_EQ(status_of({"run", name_, UMACH_ASKS, "answers"}), 42);
    expect_well(answers);
    Tool check({"check", name_});
    EXPECT_TRUE(check.says("no rule broken"));
}

TEST_F(Wall, BehindItAProgramIsAnotherUserWithoutANetworkOrFilesToWrite) {
    EXPECT_EQ(isolated("exit 7"), 7);
    EXPECT_EQ(isolated("kill -KILL $$"), 128 + 9);
    EXPECT_EQ(isolated("test $(id -u) -ge 65534 && test \"$(id -G)\" = \"$(id -u)\""), 0);
    EXPECT_EQ(isolated("echo x > /tmp/x && test -s /tmp/x"), 0);
    EXPECT_NE(isolated("echo x > /var/tmp/umach-wall"), 0);
    EXPECT_FALSE(std::filesystem::exists("/tmp/x"));
    EXPECT_EQ(isolated("test $(ls -d /proc/[0-9]* | wc -l) -lt 8"), 0);
    EXPECT_EQ(isolated("test -z \"$(ls /proc/self/fd | grep -v '^[0-3]$')\""), 0);
    EXPECT_EQ(
        isolated("grep -q 'NoNewPrivs:.*1' /proc/self/status && grep -q 'Seccomp:.*2' /proc/self/status"), 0);
    EXPECT_EQ(isolated("grep -q 'CapEff:.*0000000000000000' /proc/self/status"), 0);
}

TEST_F(Wall, ARunThatCannotBeIsRefusedInWords) {
    for (const std::vector<std::string>& words : {std::vector<std::string>{"run", own_name("nobody"), "true"},
                                                  {"run", "--isolated", own_name("nobody"), "true"},
                                                  {"run", name_, "/nonexistent/program"}}) {
        Tool tool(words, 2);
        EXPECT_TRUE(tool.says("umach: ")) << words[1];
        EXPECT_EQ(tool.status(), 2) << words[1];
    }
    Tool tool({"run", "--isolated", "--give", "nothing", name_, "true"}, 2);
    EXPECT_TRUE(tool.says("there is no \"nothing\" at " + name_));
    EXPECT_EQ(tool.status(), 126);
}

// Attacks that stop nowhere would say nothing: as a member several succeed.
TEST_F(Wall, AttacksFromBehindItAndFromALinkAreAllStoppedAndSomeOfAMemberAreNot) {
    Tool attack({"attack", name_, "--json"});
    std::string text;
    for (std::string line; !(line = attack.line()).empty();) text += line + "\n";
    EXPECT_EQ(attack.status(), 0) << text;
    std::map<std::string, int> stopped, all;
    for (const auto& verdict : nlohmann::json::parse(text)) {
        const std::string level = verdict["level"];
        ++all[level];
        stopped[level] += verdict["stopped"].get<bool>() ? 1 : 0;
        if (level != "member") {
            EXPECT_TRUE(verdict["stopped"].get<bool>()) << verdict.dump();
        }
    }
    EXPECT_EQ(all["member"], 16);
    EXPECT_EQ(all["isolated"], 29);
    EXPECT_EQ(all["remote"], 15);
    EXPECT_LT(stopped["member"], 8) << text;
    Tool check({"check", name_});
    EXPECT_TRUE(check.says("no rule broken"));
}

}  // namespace
}  // namespace umach::netmsg::test
