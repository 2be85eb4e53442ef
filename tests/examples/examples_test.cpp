// SPDX-License-Identifier: BSL-1.0
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

namespace umach::test {
namespace {

struct Ran {
    std::string output;
    int status;
};

class Example : public ::testing::Test {
protected:
    /// Orphans of the example become ours: those are waited for too.
    static void SetUpTestSuite() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

    static Ran run(const std::string& name, const std::string& arguments = "") {
        return run_at(name + "/" + name + " " + arguments);
    }
    static Ran run_at(const std::string& command) {
        FILE* from = popen((std::string(EXAMPLES "/") + command + " 2>&1").c_str(), "r");
        Ran ran{};
        std::array<char, 4096> part{};
        while (std::size_t bytes = std::fread(part.data(), 1, part.size(), from))
            ran.output.append(part.data(), bytes);
        ran.status = pclose(from);
        wait_for_all_children();
        return ran;
    }
    /// One that stays ends the tests.
    static void wait_for_all_children() {
        alarm(30);
        while (wait(nullptr) > 0) {
        }
        alarm(0);
    }
    static int count(const std::string& text, const std::string& part) {
        int found = 0;
        for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
        return found;
    }
};

TEST_F(Example, PingPongPrintsTheSameOnEachCarrier) {
    const std::string game = "ping 1\npong 1\nping 2\npong 2\nping 3\npong 3\n";
    for (const char* carrier : {"fiber", "os_thread", "process"}) {
        const Ran ran = run("ping_pong", carrier);
        EXPECT_EQ(ran.output, game) << carrier;
        EXPECT_EQ(ran.status, 0) << carrier;
    }
}

TEST_F(Example, SharedImageIsChangedByThreeProcessesInTurn) {
    const Ran ran = run("shared_image");
    const std::string head = "P5 640 480 255\n";
    EXPECT_EQ(ran.status, 0);
    ASSERT_EQ(ran.output.substr(0, head.size()), head);
    ASSERT_EQ(ran.output.size(), head.size() + 640 * 480);
    const auto pixel = [&](std::size_t x, std::size_t y) { return static_cast<unsigned char>(ran.output[head.size() + y * 640 + x]); };
    EXPECT_EQ(pixel(0, 0), 0) << "the frame";
    EXPECT_EQ(pixel(8, 8), 255 - 16 * 255 / 1118) << "the slope's negative";
    EXPECT_EQ(pixel(631, 471), 255 - (631 + 471) * 255 / 1118);
}

TEST_F(Example, SharedSectionShowsAGliderThatOneProcessMovesAndAnotherDraws) {
    const Ran ran = run("shared_section");
    EXPECT_EQ(ran.status, 0);
    EXPECT_EQ(count(ran.output, "\n\n"), 4) << ran.output;
    EXPECT_EQ(count(ran.output, "#"), 4 * 5);
    const std::string moved = "..........\n..........\n...#......\n....#.....\n..###.....\n..........\n\n";
    ASSERT_GE(ran.output.size(), moved.size());
    EXPECT_EQ(ran.output.substr(ran.output.size() - moved.size()), moved) << ran.output;
}

TEST_F(Example, OutOfLineDataOfAMach25ProgramIsKeptWithoutTheDeallocateBitAndGoneWithIt) {
    const Ran ran = run("out_of_line");
    EXPECT_EQ(ran.status, 0);
    EXPECT_EQ(ran.output, "client: kept \"the numbers below a hundred thousand\"\n"
                          "client: the table is gone\n"
                          "client: got \"the numbers below a hundred thousand: 4999950000\"\n");
}

TEST_F(Example, PingPongOnACarrierThatThereIsNotFails) {
    EXPECT_EQ(WEXITSTATUS(run("ping_pong", "pigeon").status), 1);
}

TEST_F(Example, SupervisorsWorkersDieTwiceAndEveryJobIsDoneOnce) {
    const Ran ran = run("supervisor");
    EXPECT_EQ(ran.status, 0);
    for (int job = 1; job <= 6; ++job) {
        EXPECT_EQ(count(ran.output, "job " + std::to_string(job) + " is done\n"), 1) << ran.output;
    }
    EXPECT_EQ(count(ran.output, "a worker died of job 2\n"), 1);
    EXPECT_EQ(count(ran.output, "a worker died of job 5\n"), 1);
    EXPECT_EQ(count(ran.output, "\n"), 8);
}

TEST_F(Example, DebuggerReadsAMessageOnItsWayAndNoneIsMissing) {
    const Ran ran = run("debugger");
    EXPECT_EQ(ran.status, 0);
    EXPECT_EQ(count(ran.output, "name 100: send\n"), 1) << ran.output;
    EXPECT_EQ(
        count(ran.output, "the debugger gets the next one, and passes it on\nthe printer gets it too\n"), 1);
}

TEST_F(Example, PhilosophersAllEat) {
    const Ran ran = run("philosophers");
    EXPECT_EQ(ran.status, 0);
    for (int who = 0; who < 5; ++who) {
        EXPECT_EQ(count(ran.output, "philosopher " + std::to_string(who) + " eats"), 3) << ran.output;
    }
}

TEST_F(Example, PhilosophersEatInTheSameOrderForTheSameSeed) {
    const Ran ran = run("philosophers", "--seed 5");
    EXPECT_EQ(ran.status, 0);
    EXPECT_EQ(run("philosophers", "--seed 5").output, ran.output);
    bool differs = false;
    for (int seed = 6; seed < 10; ++seed) {
        differs = differs || run("philosophers", "--seed " + std::to_string(seed)).output != ran.output;
    }
    EXPECT_TRUE(differs) << "the seed decides nothing";
}

TEST_F(Example, KillroomTellsOfEveryEndAndBreaksNoRule) {
    const Ran ran = run("killroom", "1");
    EXPECT_EQ(ran.status, 0);
    EXPECT_EQ(count(ran.output, " had come in, and the end of each was told; 0 rules broken\n"), 1) << ran.output;
}

// ---- the classic exchanges, over transports alone --------------------------------------------------------

TEST_F(Example, PipeParentAndChildSpeakOverTwoPipes) {
    const Ran ran = run_at("exchanges/pipe_parent_child");
    EXPECT_EQ(ran.output, "the child answers hI tHERE\nthe child answers gREETINGS\n");
    EXPECT_EQ(ran.status, 0);
}

TEST_F(Example, FifoProducerIsHeldUpAndEveryItemComesInOrder) {
    const Ran ran = run_at("exchanges/fifo_producer_consumer");
    EXPECT_EQ(ran.output, "2000 items came, in order\n");
    EXPECT_EQ(ran.status, 0);
}

TEST_F(Example, SysvMessagesAreTakenByTheirType) {
    const Ran ran = run_at("exchanges/sysv_typed_messages");
    EXPECT_EQ(ran.output,
              "first the question: what is the time?\nthe client hears: time for tea\n"
              "then an order: coffee\nthen an order: tea\n");
    EXPECT_EQ(ran.status, 0);
}

TEST_F(Example, PosixMessagesAreServedByPriorityOnceOneIsToldOfThem) {
    const Ran ran = run_at("exchanges/posix_priorities");
    EXPECT_EQ(ran.output,
              "priority 9: a heart attack\npriority 5: a broken arm\npriority 1: a cold\n"
              "priority 1: a cough\npriority 0: no more\n");
    EXPECT_EQ(ran.status, 0);
}

TEST_F(Example, UdpDateServerAnswersEachQuestion) {
    const Ran ran = run_at("exchanges/udp_date_server");
    EXPECT_EQ(ran.output.find("date of 0: Thu 01 Jan 1970\ndate of 1000000000: Sun 09 Sep 2001\ndate of now: "), 0u)
        << ran.output;
    EXPECT_EQ(count(ran.output, "\n"), 3);
    EXPECT_EQ(ran.status, 0);
}

TEST_F(Example, TcpEchoServesItsClientsAtTheSameTime) {
    const Ran ran = run_at("exchanges/tcp_echo");
    EXPECT_EQ(ran.output, "300 lines went there and back\n");
    EXPECT_EQ(ran.status, 0);
}

TEST_F(Example, LookAroundFindsTheClockOfAnotherHostByAStar) {
    const Ran ran = run("look_around");
    EXPECT_NE(ran.output.find("the clock that was found says 13\n"), std::string::npos) << ran.output;
    EXPECT_EQ(ran.status, 0);
}

}  // namespace
}  // namespace umach::test
