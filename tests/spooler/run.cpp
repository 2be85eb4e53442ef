// SPDX-License-Identifier: BSL-1.0
#include "spooler/run.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spooler_test {
namespace {

std::string demo_path;

// Both ends of what the demo writes into.
struct Output {
    int ours = -1;
    int its = -1;
};

Output open_output(bool terminal) {
    Output output;
    if (terminal) {
        output.ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        grantpt(output.ours);
        unlockpt(output.ours);
        output.its = open(ptsname(output.ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
    } else {
        std::array<int, 2> ends{};
        output = pipe2(ends.data(), O_CLOEXEC) == 0 ? Output{ends[0], ends[1]} : output;
    }
    if (output.ours < 0 || output.its < 0) {
        throw std::runtime_error("no pipe or terminal to be had");
    }
    return output;
}

[[noreturn]] void become_demo(const std::vector<std::string>& arguments, const How& how, int output) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    how.closed_input ? close(STDIN_FILENO) : dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    std::vector<char*> words{demo_path.data()};
    for (const std::string& argument : arguments) {
        words.push_back(const_cast<char*>(argument.c_str()));
    }
    words.push_back(nullptr);
    execv(demo_path.c_str(), words.data());
    _exit(127);
}

// A terminal that nobody holds any more reads EIO.
std::string read_lines(int fd, pid_t demo, const OnLine& on_line) {
    std::string output;
    std::size_t told = 0;
    std::array<char, 4096> some{};
    for (ssize_t got = 0; (got = read(fd, some.data(), some.size())) > 0 || (got < 0 && errno == EINTR);) {
        output.append(some.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        for (std::size_t end = 0; (end = output.find('\n', told)) != std::string::npos; told = end + 1) {
            if (on_line) {
                on_line(output.substr(told, end - told), demo);
            }
        }
    }
    return output;
}

}  // namespace

void set_demo(std::string path) {
    demo_path = std::move(path);
}

Outcome run(std::vector<std::string> arguments, const How& how) {
    const Output output = open_output(how.on_terminal);
    const pid_t demo = fork();
    if (demo == 0) {
        become_demo(arguments, how, output.its);
    }
    close(output.its);
    Outcome outcome;
    outcome.output = read_lines(output.ours, demo, how.on_line);
    close(output.ours);
    int status = 0;
    waitpid(demo, &status, 0);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome;
}

void wait_for_all_children() {
    alarm(20);
    while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
    alarm(0);
}

Folder::Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "umach-spooler-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("no folder to be had");
    }
    path_ = pattern;
}

Folder::~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
}

std::string Folder::write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path(name);
}

std::vector<std::string> Folder::names(const std::string& folder) const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_ / folder)) {
        found.push_back(entry.path().filename().string());
    }
    return found;
}

std::string read_file(const std::string& path) {
    std::ostringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    return bytes.str();
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

int count(const std::string& text, const std::string& part) {
    int found = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) {
        ++found;
    }
    return found;
}

int pages_of(const std::string& pdf_path) {
    const std::string bytes = read_file(pdf_path);
    std::smatch match;
    return bytes.starts_with("%PDF-") && std::regex_search(bytes, match, std::regex("/Count ([0-9]+)"))
               ? std::stoi(match[1])
               : 0;
}

bool can_read_text() {
    return std::system("command -v pdftotext >/dev/null 2>&1") == 0;
}

std::string text_of(const std::string& pdf_path) {
    FILE* pipe = popen(("pdftotext -layout '" + pdf_path + "' - 2>/dev/null").c_str(), "r");
    std::string text;
    std::array<char, 4096> some{};
    for (std::size_t got = 0; (got = fread(some.data(), 1, some.size(), pipe)) > 0;) {
        text.append(some.data(), got);
    }
    pclose(pipe);
    return text;
}

}  // namespace spooler_test
