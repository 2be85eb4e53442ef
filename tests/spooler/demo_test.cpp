// SPDX-License-Identifier: BSL-1.0
// What the demo promises, seen from outside.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <mqueue.h>
#include <sys/msg.h>

#include <algorithm>
#include <regex>

#include "spooler/run.hpp"

namespace spooler_test {
namespace {

constexpr const char* nothing_left = "nothing left behind";
const std::vector<std::string> test_pages{"test-page-wait.pdf", "test-page-time-out.pdf",
                                          "test-page-never-wait.pdf", "test-page-notify.pdf"};

class Demo : public testing::Test {
protected:
    Outcome print(std::vector<std::string> arguments, const How& how = {}) {
        arguments.insert(arguments.begin(), {"--output", folder_.path("out")});
        return run(std::move(arguments), how);
    }
    [[nodiscard]] std::string pdf(const std::string& name) const { return folder_.path("out/" + name); }
    /// returns: the first group of the pattern's first match.
    static std::string find(const std::string& text, const std::string& pattern) {
        std::smatch match;
        return std::regex_search(text, match, std::regex(pattern)) ? match.str(1) : "";
    }
    /// returns: the same as a number; 0 without a match.
    static int number(const std::string& text, const std::string& pattern) {
        return std::atoi(find(text, pattern).c_str());
    }
    void expect_good(const Outcome& outcome) {
        EXPECT_EQ(outcome.status, 0) << outcome.output;
        EXPECT_TRUE(has(outcome.output, nothing_left)) << outcome.output;
    }
    /// Only whole files, none hidden.
    void expect_no_unfinished_file() {
        for (const std::string& name : folder_.names("out")) {
            EXPECT_TRUE(name.ends_with(".pdf") && !name.starts_with(".")) << name;
        }
    }

    Folder folder_;
};

TEST_F(Demo, PrintsTheFilesToPdfThatHoldTheirText) {
    const std::string file = folder_.write("letter.txt", "Dear reader,\nthis is a letter.\n");
    expect_good(print({file}));
    EXPECT_EQ(pages_of(pdf("letter.txt.pdf")), 1);
    if (can_read_text()) {
        EXPECT_TRUE(has(text_of(pdf("letter.txt.pdf")), "this is a letter."));
    }
    for (const std::string& page : test_pages) {
        EXPECT_EQ(pages_of(pdf(page)), 1) << page;
    }
    expect_no_unfinished_file();
}

TEST_F(Demo, EveryPolicyMeetsAFullMailboxAndDoesWhatItIsFor) {
    const std::string output = print({}).output;
    EXPECT_GT(number(output, "it waited, ([0-9]+) ms"), 1) << output;
    EXPECT_GT(number(output, "([0-9]+) SEND_TIMED_OUT after 20 ms"), 0) << output;
    EXPECT_GT(number(output, "([0-9]+) SEND_TIMED_OUT at once"), 0) << output;
    const int kept = number(output, "([0-9]+) SEND_WILL_NOTIFY");
    EXPECT_GT(kept, 0) << output;
    EXPECT_EQ(kept, number(output, "([0-9]+) NOTIFY_MSG_ACCEPTED"));
}

TEST_F(Demo, JobOfAKilledPrinterComesBackByItsRightAndIsPrinted) {
    const Outcome outcome = print({});
    expect_good(outcome);
    const std::string job = find(outcome.output, "job ([0-9]+) +NOTIFY_RECEIVE_RIGHTS");
    ASSERT_FALSE(job.empty()) << outcome.output;
    const auto back = outcome.output.find("NOTIFY_RECEIVE_RIGHTS");
    EXPECT_FALSE(find(outcome.output.substr(back), "job " + job + " +(printed): ").empty()) << outcome.output;
    EXPECT_TRUE(has(outcome.output, "restarts  1 printer")) << outcome.output;
}

TEST_F(Demo, ClientKilledInMidSubmissionLeavesNoJobAndNoRight) {
    const Outcome outcome = print({});
    expect_good(outcome);
    const std::string job = find(outcome.output, "kill -9 client dawdler .*of job ([0-9]+)");
    EXPECT_FALSE(find(outcome.output, "job " + job + " +(dropped): client dawdler is gone").empty());
    EXPECT_TRUE(has(outcome.output, "closes with 0 jobs and 0 rights left over")) << outcome.output;
    EXPECT_FALSE(has(read_file(pdf("never complete.pdf")), "%PDF"));
}

TEST_F(Demo, CancelledJobIsNotPrintedAndWhoHoldsItAnswers) {
    const Outcome outcome = print({});
    expect_good(outcome);
    EXPECT_FALSE(
        find(outcome.output, "waverer: cancels; (printer [AB]|the spooler) answers: cancelled").empty())
        << outcome.output;
    EXPECT_FALSE(has(read_file(pdf("to be cancelled.pdf")), "%PDF"));
}

TEST_F(Demo, ManyFilesArePrintedEachOnce) {
    std::vector<std::string> files;
    for (int i = 0; i < 12; ++i) {
        files.push_back(folder_.write("file" + std::to_string(i), std::string(2000, 'a')));
    }
    const Outcome outcome = print(files);
    expect_good(outcome);
    EXPECT_TRUE(has(outcome.output, "16 printed, 1 cancelled, 0 failed, 1 dropped")) << outcome.output;
    EXPECT_EQ(folder_.names("out").size(), files.size() + test_pages.size());
}

TEST_F(Demo, FilesOfOneNameGivePdfsOfTheirOwn) {
    std::filesystem::create_directory(folder_.path("sub"));
    expect_good(print({folder_.write("a.txt", "one\n"), folder_.write("sub/a.txt", std::string(70, '\f'))}));
    EXPECT_EQ(pages_of(pdf("a.txt.pdf")), 1);
    EXPECT_EQ(pages_of(pdf("a.txt-2.pdf")), 70);
}

TEST_F(Demo, EmptyFileGivesOnePage) {
    expect_good(print({folder_.write("empty", "")}));
    EXPECT_EQ(pages_of(pdf("empty.pdf")), 1);
}

TEST_F(Demo, BytesThatAreNoTextArePrintedAllTheSame) {
    std::string bytes;
    for (int i = 0; i < 20000; ++i) {
        bytes += static_cast<char>(i * 7919 >> 3);
    }
    expect_good(print({folder_.write("binary", bytes), folder_.write("latin1",
                                                                     "Gr\xfc\xdf"
                                                                     "e, said he\n")}));
    EXPECT_GT(pages_of(pdf("binary.pdf")), 0);
    if (can_read_text()) {
        EXPECT_TRUE(has(text_of(pdf("latin1.pdf")), "e, said he"));
    }
}

TEST_F(Demo, FiveMegabytesArePrintedToTheLastLine) {
    std::string text;
    for (int line = 0; text.size() < 5'000'000; ++line) {
        text += "line " + std::to_string(line) + std::string(60, '.') + "\n";
    }
    expect_good(print({folder_.write("big", text + "the last line\n")}));
    const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
    EXPECT_EQ(pages_of(pdf("big.pdf")), (lines + 77) / 78);
    if (can_read_text()) {
        EXPECT_TRUE(has(text_of(pdf("big.pdf")), "the last line"));
    }
}

TEST_F(Demo, AFileGoesInOneMessageOutOfLineAndAPageOfTheDemosInPieces) {
    const Outcome outcome = print({folder_.write("letter", std::string(300'000, 'x'))});
    expect_good(outcome);
    EXPECT_EQ(count(outcome.output, "waits: 300000 bytes in one message"), 1) << outcome.output;
    EXPECT_GE(count(outcome.output, " pieces"), 4);
}

TEST_F(Demo, FileThatIsTooLargeFailsItsJobAndIsNamed) {
    const Outcome outcome = print({folder_.write("huge", std::string((32U << 20U) + 1, 'x'))});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_TRUE(has(outcome.output, "larger than 32 MiB")) << outcome.output;
    EXPECT_TRUE(has(outcome.output, nothing_left)) << outcome.output;
}

TEST_F(Demo, RunsWithoutStandardInput) {
    How how;
    how.closed_input = true;
    expect_good(print({folder_.write("a", "text\n")}, how));
}

TEST_F(Demo, TerminalShowsATableThatIsGoneWhenTheSummaryComes) {
    How how;
    how.on_terminal = true;
    const Outcome outcome = print({"--page-time", "60"}, how);
    expect_good(outcome);
    EXPECT_TRUE(has(outcome.output, "\033[7m job  client")) << outcome.output;
    const auto summary = outcome.output.find("\njobs  ");
    ASSERT_NE(summary, std::string::npos);
    EXPECT_FALSE(has(outcome.output.substr(summary), "\033"));
}

TEST_F(Demo, WithoutATerminalThereIsNoEscapeSequence) {
    EXPECT_FALSE(has(print({}).output, "\033"));
}

// ---- back ends -------------------------------------------------------------------------------------------

TEST_F(Demo, PrinterCommandGetsEveryPdfOnItsInput) {
    std::filesystem::create_directory(folder_.path("piped"));
    const std::string command = "cat > '" + folder_.path("piped") + "'/$$";
    expect_good(print({"--printer", command, folder_.write("a", "text\n")}));
    int whole = 0;
    for (const std::string& name : folder_.names("piped")) {
        whole += pages_of(folder_.path("piped/" + name)) > 0 ? 1 : 0;
    }
    EXPECT_GE(whole, 5);
    EXPECT_FALSE(std::filesystem::exists(folder_.path("out")));
}

TEST_F(Demo, PrinterCommandThatFailsFailsTheRunAndIsNamed) {
    const Outcome outcome = print({"--printer", "exit 3", folder_.write("a", "text\n")});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_TRUE(has(outcome.output, "'exit 3' ended with status 3")) << outcome.output;
    EXPECT_TRUE(has(outcome.output, nothing_left)) << outcome.output;
}

// ---- what cannot be done ---------------------------------------------------------------------------------

TEST_F(Demo, OutputFolderThatCannotBeMadeIsOneSentenceAndStatus2) {
    const std::string file = folder_.write("plain", "no folder");
    const Outcome outcome = run({"--output", file + "/out", file});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(count(outcome.output, "\n"), 1) << outcome.output;
    EXPECT_TRUE(has(outcome.output, "cannot make the output folder " + file + "/out: Not a directory"));
}

TEST_F(Demo, OutputFolderThatCannotBeWrittenIsOneSentenceAndStatus2) {
    const Outcome outcome = run({"--output", "/proc/self/fd", folder_.write("a", "text\n")});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_TRUE(has(outcome.output, "cannot write into the output folder /proc/self/fd")) << outcome.output;
}

TEST_F(Demo, FileThatIsNotThereIsOneSentenceAndStatus2) {
    const Outcome outcome = print({folder_.path("missing")});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_TRUE(has(outcome.output, "cannot read " + folder_.path("missing") + ": No such file"))
        << outcome.output;
}

TEST_F(Demo, FolderInsteadOfAFileIsOneSentenceAndStatus2) {
    const Outcome outcome = print({folder_.path(".")});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_TRUE(has(outcome.output, "is a folder")) << outcome.output;
}

// ---- being ended -----------------------------------------------------------------------------------------

OnLine signal_at(const std::string& part, int signal) {
    return [part, signal](const std::string& line, pid_t demo) {
        if (has(line, part)) {
            kill(demo, signal);
        }
    };
}

TEST_F(Demo, InterruptInMidJobCleansUpAndEndsWith130) {
    How how;
    how.on_line = signal_at("its receive right goes", SIGINT);
    const Outcome outcome = print({folder_.write("a", std::string(100000, 'a'))}, how);
    EXPECT_EQ(outcome.status, 130) << outcome.output;
    EXPECT_TRUE(has(outcome.output, "interrupted\n")) << outcome.output;
    EXPECT_TRUE(has(outcome.output, nothing_left)) << outcome.output;
    wait_for_all_children();
    expect_no_unfinished_file();
}

TEST_F(Demo, InterruptFromTheKeyboardReachesAllAndStillCleansUp) {
    How how;
    how.on_line = [](const std::string& line, pid_t demo) {
        if (has(line, "its receive right goes")) {
            kill(-demo, SIGINT);
        }
    };
    const Outcome outcome = print({}, how);
    EXPECT_EQ(outcome.status, 130) << outcome.output;
    EXPECT_TRUE(has(outcome.output, nothing_left)) << outcome.output;
}

TEST_F(Demo, KilledDemoTakesItsProcessesAlong) {
    How how;
    how.on_line = signal_at("its receive right goes", SIGKILL);
    EXPECT_EQ(print({}, how).status, 128 + SIGKILL);
    wait_for_all_children();
}

TEST_F(Demo, KilledSpoolerEndsTheRunWithAStatusAndNothingIsLeft) {
    How how;
    how.on_line = [](const std::string& line, pid_t) {
        const std::string process = find(line, "spooler   process ([0-9]+) has checked in");
        if (!process.empty()) {
            kill(std::stoi(process), SIGKILL);
        }
    };
    const Outcome outcome = print({}, how);
    EXPECT_EQ(outcome.status, 1) << outcome.output;
    EXPECT_TRUE(has(outcome.output, "spooler (process")) << outcome.output;
    EXPECT_TRUE(has(outcome.output, nothing_left)) << outcome.output;
    wait_for_all_children();
}

// ---- over a link -----------------------------------------------------------------------------------------

class DemoOver : public Demo, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(, DemoOver, testing::Values("tcp", "udp", "unix", "fifo", "pipe", "sysv", "posix"),
                         [](const auto& param) { return std::string(param.param); });

std::ptrdiff_t fifos_of(int run) {
    const std::filesystem::directory_iterator files("/tmp");
    return std::count_if(begin(files), end(files), [run](const auto& file) {
        return has(file.path().filename().string(), "umach-demo-" + std::to_string(run));
    });
}

void expect_nothing_of(int run) {
    EXPECT_EQ(fifos_of(run), 0);
    EXPECT_LT(msgget(0x5500'0000 + run, 0), 0);
    EXPECT_LT(mq_open(("/umach-demo-" + std::to_string(run)).c_str(), O_RDONLY | O_CLOEXEC), 0);
}

TEST_P(DemoOver, ClientsOfAnotherHostPrintAsOnOneAndNothingIsLeft) {
    const std::string file = folder_.write("letter.txt", "Dear reader,\nthis is a letter.\n");
    const Outcome outcome = print({"--over", GetParam(), file});
    expect_good(outcome);
    expect_nothing_of(number(outcome.output, "joined with desk-([0-9]+)"));
    EXPECT_TRUE(has(outcome.output, "the clients are on another host: joined with desk-")) << outcome.output;
    EXPECT_TRUE(has(outcome.output, "5 printed, 1 cancelled, 0 failed, 1 dropped")) << outcome.output;
    EXPECT_TRUE(has(outcome.output, "closes with 0 jobs and 0 rights left over")) << outcome.output;
    EXPECT_EQ(pages_of(pdf("letter.txt.pdf")), 1);
    expect_no_unfinished_file();
}

TEST_P(DemoOver, KilledDemoTakesBothHostsAndTheLinkAlong) {
    How how;
    how.on_line = signal_at("its receive right goes", SIGKILL);
    const Outcome outcome = print({"--over", GetParam()}, how);
    EXPECT_EQ(outcome.status, 128 + SIGKILL);
    wait_for_all_children();
    const int run = number(outcome.output, "joined with desk-([0-9]+)");
    ASSERT_GT(run, 0) << outcome.output;
    expect_nothing_of(run);
}

}  // namespace
}  // namespace spooler_test
