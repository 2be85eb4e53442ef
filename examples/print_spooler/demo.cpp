// SPDX-License-Identifier: BSL-1.0
// The demo: prints files through the spooler. This process only watches: it starts the run in a child, which
// makes the host, and when the child has ended it looks whether anything of the run is left.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "supervisor.hpp"

namespace {

volatile std::sig_atomic_t run_process = 0;

// Descriptors 0 to 2 must be something, or the next file opened would be taken for them.
void open_standard_descriptors() {
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = dup(fd);
    }
    if (fd >= 0) {
        close(fd);
    }
}

// What asks this process to end asks the run to, which cleans up.
void pass_signals_on() {
    struct sigaction action {};
    action.sa_handler = [](int) { kill(static_cast<pid_t>(run_process), SIGINT); };
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGHUP, &action, nullptr);
}

int run(const spool::Options& options, const std::vector<spool::Document>& documents, int notes) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGHUP, SIG_DFL);
    try {
        return spool::Supervisor(options, documents, spool::Traces(notes)).run();
    } catch (const std::exception& failure) {
        fmt::print(stderr, "umach demo: {}\n", failure.what());
        return 1;
    }
}

std::string read_all(int fd) {
    std::string bytes;
    char some[4096];
    for (ssize_t count = 0; (count = read(fd, some, sizeof some)) != 0;) {
        if (count > 0) {
            bytes.append(some, static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            break;
        }
    }
    return bytes;
}

int status_of(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) {
        fmt::print(stderr, "umach demo: the run was ended by signal {}\n", WTERMSIG(status));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// returns: whether nothing is left; says what is.
bool look_for_leftovers(const spool::Options& options, const std::vector<std::string>& outputs,
                        const std::string& notes) {
    auto left = spool::end_orphans();
    for (auto& line : spool::remove_unfinished(options.output, outputs)) {
        left.push_back(std::move(line));
    }
    for (auto& line : spool::still_there(notes)) {
        left.push_back(std::move(line));
    }
    for (const std::string& line : left) {
        fmt::print("left behind: {}\n", line);
    }
    if (left.empty()) {
        fmt::print(
            "nothing left behind: no process, shared memory, semaphore, queue, socket or unfinished file\n");
    }
    return left.empty();
}

std::vector<std::string> outputs_of(const std::vector<spool::Document>& documents) {
    std::vector<std::string> outputs;
    for (const spool::Document& document : documents) {
        outputs.push_back(document.output);
    }
    for (const spool::Policy policy : spool::all_policies) {
        outputs.push_back(spool::test_page(policy).output);
    }
    outputs.push_back(spool::long_document("to be cancelled").output);
    return outputs;
}

int watch(const spool::Options& options) {
    const auto documents = spool::documents_of(options.files);
    int notes[2];
    if (pipe2(notes, O_CLOEXEC) != 0) {
        fmt::print(stderr, "umach demo: cannot make a pipe\n");
        return 1;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const pid_t child = fork();
    if (child == 0) {
        close(notes[0]);
        _exit(run(options, documents, notes[1]));
    }
    run_process = child;
    pass_signals_on();
    close(notes[1]);
    const std::string noted = read_all(notes[0]);
    const int status = status_of(child);
    const bool clean = look_for_leftovers(options, outputs_of(documents), noted);
    std::fflush(stdout);
    return status != 0 || clean ? status : 1;
}

}  // namespace

int main(int argc, char** argv) {
    open_standard_descriptors();
    std::signal(SIGPIPE, SIG_IGN);
    spool::Options options;
    int status = 0;
    if (!spool::read_options(argc, argv, &options, &status)) {
        return status;
    }
    if (const std::string wrong = spool::complaint(options); !wrong.empty()) {
        fmt::print(stderr, "umach demo: {}\n", wrong);
        return 2;
    }
    return watch(options);
}
