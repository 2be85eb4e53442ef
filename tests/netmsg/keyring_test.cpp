// SPDX-License-Identifier: BSL-1.0
// Keys in files, and the tool that makes, pins and uses them.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "servers/netmsg/keyring.hpp"
#include "tests/netmsg/folder.hpp"
#include "tests/netmsg/running_tool.hpp"

namespace umach::netmsg::test {
namespace {

mode_t mode_of(const std::string& path) {
    struct stat seen {};
    EXPECT_EQ(stat(path.c_str(), &seen), 0) << path;
    return seen.st_mode & 07777;
}

const std::string some_key(64, 'a'), other_key(64, 'b');

TEST(Keyring, MakesOneKeyThatOnlyItsUserReads) {
    const Folder folder;
    const Keyring ring(folder.at("a/b"));
    EXPECT_FALSE(ring.key().ok());
    const std::string made = ring.make_key().value().fingerprint();
    EXPECT_EQ(ring.make_key().value().fingerprint(), made);
    EXPECT_EQ(mode_of(folder.at("a/b/key.pem")), 0600u);
    EXPECT_EQ(mode_of(folder.at("a/b")), 0700u);
    for (const auto& entry : std::filesystem::directory_iterator(folder.at("a/b")))
        EXPECT_EQ(entry.path().filename(), "key.pem");
}

TEST(Keyring, RefusesAKeyThatOthersCanReadAndOneBehindASymbolicLink) {
    const Folder folder;
    const Keyring ring(folder.at("k"));
    ASSERT_TRUE(ring.make_key().ok());
    chmod(folder.at("k/key.pem").c_str(), 0640);
    EXPECT_NE(ring.key().fault().what.find("is open to others"), std::string::npos);
    EXPECT_FALSE(ring.make_key().ok());
    chmod(folder.at("k/key.pem").c_str(), 0600);
    std::filesystem::rename(folder.at("k/key.pem"), folder.at("k/else"));
    std::filesystem::create_symlink("else", folder.at("k/key.pem"));
    EXPECT_FALSE(ring.key().ok());
}

std::string fingerprint(int number) {
    const std::string digits = std::to_string(number);
    return std::string(64 - digits.size(), '0') + digits;
}

TEST(Keyring, OfSeveralProcessesThatPinAtOnceNoneUndoesWhatAnotherHasPinned) {
    const Folder folder;
    constexpr int processes = 4, each = 20;
    std::vector<pid_t> children;
    for (int child = 0; child < processes; ++child) {
        children.push_back(fork());
        if (children.back() != 0) continue;
        bool good = true;
        for (int i = child * each; i < (child + 1) * each; ++i)
            good = Keyring(folder.at("k")).pin({fingerprint(i), "peer" + std::to_string(i)}).ok() && good;
        _exit(good ? 0 : 1);
    }
    for (const pid_t child : children) {
        int status = -1;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
    EXPECT_EQ(Keyring(folder.at("k")).peers().value().size(), std::size_t{processes * each});
}

TEST(Keyring, WhatAKilledWriterHasLeftGoesWithTheNextChange) {
    const Folder folder;
    const Keyring ring(folder.at("k"));
    ASSERT_TRUE(ring.pin({some_key, "shop"}).ok());
    std::ofstream(folder.at("k/peers.new")) << "half a li";
    EXPECT_TRUE(ring.pin({other_key, "office"}).ok());
    EXPECT_EQ(ring.peers().value().size(), 2u);
    EXPECT_FALSE(std::filesystem::exists(folder.at("k/peers.new")));
}

TEST(Keyring, PinsListsAndRemovesPeers) {
    const Folder folder;
    const Keyring ring(folder.at("k"));
    EXPECT_TRUE(ring.peers().value().empty());
    EXPECT_TRUE(ring.pin({some_key, "shop"}).ok());
    EXPECT_TRUE(ring.pin({other_key, "office"}).ok());
    EXPECT_FALSE(ring.pin({some_key, "again"}).ok());
    EXPECT_FALSE(ring.pin({std::string(64, 'c'), "shop"}).ok());
    EXPECT_FALSE(ring.pin({"short", "x"}).ok());
    EXPECT_FALSE(ring.pin({std::string(64, 'c'), "two words"}).ok());
    EXPECT_EQ(mode_of(folder.at("k/peers")), 0600u);
    EXPECT_TRUE(ring.remove("shop").ok());
    EXPECT_FALSE(ring.remove("shop").ok());
    const auto left = ring.peers().value();
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(left[0].fingerprint, other_key);
    EXPECT_EQ(left[0].name, "office");
}

TEST(Keyring, BelievesNoListThatOthersCanWriteOrThatHasALineThatIsNone) {
    const Folder folder;
    const Keyring ring(folder.at("k"));
    ASSERT_TRUE(ring.pin({some_key, "shop"}).ok());
    chmod(folder.at("k/peers").c_str(), 0620);
    EXPECT_FALSE(ring.peers().ok());
    chmod(folder.at("k/peers").c_str(), 0600);
    std::ofstream(folder.at("k/peers"), std::ios::app) << "not a key\n";
    EXPECT_NE(ring.peers().fault().what.find("not a key"), std::string::npos);
}

// ---- the tool ------------------------------------------------------------------------------------------

std::string said(const std::vector<std::string>& words) {
    Tool tool(words);
    const std::string line = tool.line();
    EXPECT_EQ(tool.status(), 0) << words.back();
    return line;
}

// Two hosts with keys of their own, over one kind of network.
class KeyedLink : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        ASSERT_TRUE(hosts_[0].says("is ready") && hosts_[1].says("is ready"));
        for (int i = 0; i < 2; ++i) keys_[i] = said({"key", "--dir", ring(i)});
    }
    std::string ring(int i) const { return folder_.at(i == 0 ? "a" : "b"); }
    void pin(int at, int whose) {
        Tool tool({"key", "--dir", ring(at), "pin", keys_[whose], "peer"});
        EXPECT_EQ(tool.status(), 0);
    }
    static std::string name(int i) { return "keyed-" + std::to_string(getpid()) + (i == 0 ? "a" : "b"); }

    Folder folder_;
    Tool hosts_[2] = {Tool({"host", name(0)}), Tool({"host", name(1)})};
    std::string keys_[2];
};
INSTANTIATE_TEST_SUITE_P(, KeyedLink, testing::Values("tcp", "udp"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(KeyedLink, JoinsTwoThatHavePinnedEachOtherAndSaysWithWhichKey) {
    pin(0, 1);
    pin(1, 0);
    Tool listens({"link", name(0), "--listen", std::string(GetParam()) + ":127.0.0.1:0", "--keys", ring(0)});
    const std::string line = listens.line();
    ASSERT_TRUE(line.starts_with("listening at ")) << line;
    Tool connects({"link", name(1), "--connect", line.substr(13), "--keys", ring(1)});
    EXPECT_TRUE(listens.says("joined with " + name(1) + ", key " + keys_[1]));
    EXPECT_TRUE(connects.says("joined with " + name(0) + ", key " + keys_[0]));
}

TEST_P(KeyedLink, RefusesAKeyThatIsNotPinnedAndSaysWhich) {
    pin(1, 0);
    Tool listens({"link", name(0), "--listen", std::string(GetParam()) + ":127.0.0.1:0", "--keys", ring(0)});
    Tool connects({"link", name(1), "--connect", listens.line().substr(13), "--keys", ring(1)});
    EXPECT_TRUE(listens.says("parted from a peer: the peer's key " + keys_[1] + " is not pinned"));
    EXPECT_TRUE(connects.says("parted from a peer"));
}

TEST_P(KeyedLink, IsPlainOnlyIfAskedAndSaysSo) {
    const std::string address = std::string(GetParam()) + ":127.0.0.1:0";
    {
        Tool without({"link", name(0), "--listen", address, "--keys", folder_.at("none")}, 2);
        EXPECT_TRUE(without.says("`umach key` makes one"));
        EXPECT_EQ(without.status(), 2);
    }
    {
        Tool outside({"link", name(0), "--listen", std::string(GetParam()) + ":0.0.0.0:0", "--insecure"}, 2);
        EXPECT_TRUE(outside.says("is no loopback address"));
        EXPECT_EQ(outside.status(), 2);
    }
    Tool plain({"link", name(0), "--listen", address, "--insecure"}, 2);
    EXPECT_TRUE(plain.says("is plain"));
}

}  // namespace
}  // namespace umach::netmsg::test
