// SPDX-License-Identifier: BSL-1.0
// Whom the system says is there, and whose FIFOs and queues are used: this user, root, and who is allowed.
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "tests/transport/kinds.hpp"

namespace umach::transport::test {
namespace {

constexpr uid_t stranger = 65'533;

Options allowing(std::set<long> users, std::set<long> groups = {}) {
    Options options;
    options.allowed = {std::move(users), std::move(groups)};
    return options;
}

std::string own_name(const std::string& begin) {
    static int number = 0;
    return begin + "umach-transport-" + std::to_string(getpid()) + "-allowed-" + std::to_string(++number);
}

// Only root can be somebody else.
class Allowing : public testing::Test {
protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs to be root";
    }

    // A process of another user; which ends with the test.
    void as_stranger(const std::function<void()>& body) {
        child_ = fork_ours();
        if (child_ != 0) return;
        if (setgid(stranger) != 0 || setuid(stranger) != 0) _exit(1);
        body();
        for (;;) pause();
    }
    void TearDown() override {
        if (child_ <= 0) return;
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
    }

    // What the listener says of the stranger who comes.
    std::string verdict(const std::string& address, const Options& options) {
        auto door = listen(address, options).value();
        const std::string place = door.address();
        as_stranger([&] { new auto(connect(place, {}, soon())); });
        pollfd look{door.descriptor(), POLLIN, 0};
        EXPECT_EQ(poll(&look, 1, 20'000), 1);
        const auto guest = door.accept();
        if (!guest) return guest.fault().what;
        return guest.value() != nullptr ? "in" : "";
    }

    // What there is to say against connecting to, or listening at, something that is there already.
    static std::string against(const std::string& address, bool listens, const Options& options = {}) {
        const auto made = listens ? listen(address, options).ok() ? "" : listen(address, options).fault().what
                                  : connect(address, options, soon()).fault().what;
        return made;
    }

private:
    pid_t child_ = -1;
};

TEST_F(Allowing, AForeignUserIsRefusedAtASocketByNumber) {
    const std::string said = verdict("unix:" + own_name("@"), {});
    EXPECT_NE(said.find("refused user 65533, group 65533, process "), std::string::npos) << said;
}

TEST_F(Allowing, AForeignUserComesInIfItOrItsGroupIsAllowed) {
    EXPECT_EQ(verdict("unix:" + own_name("@"), allowing({stranger})), "in");
    TearDown();
    EXPECT_EQ(verdict("unix:" + own_name("/tmp/"), allowing({}, {stranger})), "in");
}

TEST_F(Allowing, AnotherUserAllowedDoesNotLetThisOneIn) {
    EXPECT_NE(verdict("unix:" + own_name("@"), allowing({stranger - 1}, {stranger - 1})), "in");
}

TEST_F(Allowing, AListenerThatIsAForeignUserIsRefusedByWhoConnects) {
    int told[2];
    ASSERT_EQ(pipe(told), 0);
    const std::string address = "unix:" + own_name("@");
    as_stranger([&] {
        new auto(listen(address, {}));
        [[maybe_unused]] const auto written = write(told[1], "l", 1);
    });
    char l = 0;
    ASSERT_EQ(read(told[0], &l, 1), 1);
    EXPECT_NE(against(address, false).find("refused user 65533"), std::string::npos)
        << against(address, false);
    EXPECT_TRUE(connect(address, allowing({stranger}), soon()).ok());
    close(told[0]);
    close(told[1]);
}

TEST_F(Allowing, ASocketFileIsClosedToOthersUnlessOthersAreAllowed) {
    const std::string path = own_name("/tmp/");
    struct stat seen {};
    {
        const auto door = listen("unix:" + path, {});
        ASSERT_EQ(stat(path.c_str(), &seen), 0);
        EXPECT_EQ(seen.st_mode & 0777, 0600u);
    }
    const auto door = listen("unix:" + path, allowing({stranger}));
    ASSERT_EQ(stat(path.c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 0777, 0666u);
}

// ---- FIFOs and queues that somebody else has put there ---------------------------------------------------

TEST_F(Allowing, AFifoOfAForeignUserOrOpenToOthersOrBehindALinkOrNoneIsRefusedByName) {
    const std::string path = own_name("/tmp/"), to = path + ".to", address = "fifo:" + path;
    ASSERT_EQ(mkfifo(to.c_str(), 0600), 0);
    const runtime::Descriptor reader(open(to.c_str(), O_RDWR | O_CLOEXEC));
    for (const bool listens : {false, true}) {
        ASSERT_EQ(chown(to.c_str(), stranger, stranger), 0);
        EXPECT_NE(against(address, listens).find("is of user 65533, who is not allowed"), std::string::npos);
        ASSERT_EQ(chown(to.c_str(), 0, 0), 0);
        chmod(to.c_str(), 0620);
        EXPECT_NE(against(address, listens).find("its mode is 620"), std::string::npos);
        chmod(to.c_str(), 0600);
        std::filesystem::rename(to, path + ".else");
        std::filesystem::create_symlink(path + ".else", to);
        EXPECT_NE(against(address, listens).find("is a symbolic link"), std::string::npos);
        std::filesystem::rename(path + ".else", to);
    }
    std::filesystem::remove(to);
    close(open(to.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    EXPECT_NE(against(address, false).find("is no FIFO"), std::string::npos);
    std::filesystem::remove(to);
}

TEST_F(Allowing, ALockOfAForeignUserOrOpenToOthersOrThatIsAnotherFileIsRefusedByNameAndKept) {
    const std::string path = own_name("/tmp/"), lock = path + ".lock", address = "unix:" + path;
    close(open(lock.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    ASSERT_EQ(chown(lock.c_str(), stranger, stranger), 0);
    EXPECT_NE(against(address, true).find("is of user 65533, who is not allowed"), std::string::npos);
    ASSERT_EQ(chown(lock.c_str(), 0, 0), 0);
    chmod(lock.c_str(), 0604);
    EXPECT_NE(against(address, true).find("its mode is 604"), std::string::npos);
    chmod(lock.c_str(), 0600);
    ASSERT_EQ(truncate(lock.c_str(), 1), 0);
    EXPECT_NE(against(address, true).find("is no lock"), std::string::npos);
    EXPECT_TRUE(std::filesystem::remove(lock));
}

TEST_F(Allowing, APosixQueueOfAForeignUserOrOpenToOthersIsRefusedByName) {
    const std::string name = own_name("/"), address = "posix:" + name;
    mq_attr attributes{};
    attributes.mq_maxmsg = 8;
    attributes.mq_msgsize = 4096;
    const mqd_t queue = mq_open(name.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600, &attributes);
    ASSERT_GE(queue, 0);
    ASSERT_EQ(fchown(queue, stranger, stranger), 0);
    EXPECT_NE(against(address, false).find("is of user 65533, who is not allowed"), std::string::npos);
    EXPECT_NE(against(address, true), "");
    ASSERT_EQ(fchown(queue, 0, 0), 0);
    fchmod(queue, 0606);
    EXPECT_NE(against(address, false).find("its mode is 606"), std::string::npos);
    mq_close(queue);
    mq_unlink(name.c_str());
}

TEST_F(Allowing, ASystemVQueueOfAForeignUserOrOpenToOthersIsRefusedByName) {
    const key_t key = 0x30000000 + getpid();
    const std::string address = "sysv:" + std::to_string(key);
    const int queue = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
    ASSERT_GE(queue, 0);
    msqid_ds seen{};
    const auto change = [&](uid_t user, unsigned short mode) {
        ASSERT_EQ(msgctl(queue, IPC_STAT, &seen), 0);
        seen.msg_perm.uid = user;
        seen.msg_perm.mode = mode;
        ASSERT_EQ(msgctl(queue, IPC_SET, &seen), 0);
    };
    change(stranger, 0600);
    EXPECT_NE(against(address, false).find("is of user 65533, who is not allowed"), std::string::npos);
    EXPECT_NE(against(address, true), "");
    change(0, 0660);
    EXPECT_NE(against(address, false).find("its mode is 660"), std::string::npos);
    msgctl(queue, IPC_RMID, nullptr);
}

// Who can write to the door's queue can offer what is no queue of its own.
TEST_F(Allowing, WhatIsNoKnockOrOffersNoQueueIsRefusedAtThePosixDoorByName) {
    const std::string name = own_name("/");
    auto door = listen("posix:" + name, {}).value();
    const mqd_t queue = mq_open(name.c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_GE(queue, 0);
    ASSERT_EQ(mq_send(queue, "hello", 5, 0), 0);
    EXPECT_NE(door.accept().fault().what.find("refused what is no knock"), std::string::npos);
    const std::int32_t knock[4] = {0x756D4B31, getpid(), 0, 0};
    ASSERT_EQ(mq_send(queue, reinterpret_cast<const char*>(knock), sizeof knock, 0), 0);
    EXPECT_NE(door.accept().fault().what.find("a queue of process " + std::to_string(getpid())),
              std::string::npos);
    mq_close(queue);
}

}  // namespace
}  // namespace umach::transport::test
