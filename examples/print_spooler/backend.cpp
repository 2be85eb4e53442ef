// SPDX-License-Identifier: BSL-1.0
#include "backend.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace spool {
namespace {

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

void write_file(const std::filesystem::path& path, const std::string& bytes) {
    errno = 0;
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) {
        fail(fmt::format("cannot write {}", path.string()));
    }
}

// The command ends with its printer.
[[noreturn]] void become(const std::string& command, int input) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGPIPE, SIG_DFL);
    dup2(input, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
}

// A command that reads no further than it likes is content with what it read: its exit status says so.
void write_all(int fd, const std::string& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t count = write(fd, bytes.data() + done, bytes.size() - done);
        if (count < 0 && errno != EINTR) {
            break;
        }
        done += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    close(fd);
}

void pipe_into(const std::string& command, const std::string& bytes) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        fail("cannot make a pipe");
    }
    const pid_t child = fork();
    if (child == 0) {
        become(command, ends[0]);
    }
    close(ends[0]);
    write_all(ends[1], bytes);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        fail("cannot start the command");
    }
    if (status != 0) {
        const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        throw std::runtime_error(fmt::format("'{}' ended with status {}", command, code));
    }
}

}  // namespace

std::string Backend::deliver(const std::string& name, const std::string& pdf) const {
    if (!command.empty()) {
        pipe_into(command, pdf);
        return fmt::format("into '{}'", command);
    }
    const auto path = folder / name;
    write_file(unfinished(folder, name), pdf);
    std::filesystem::rename(unfinished(folder, name), path);
    return path.string();
}

std::filesystem::path unfinished(const std::filesystem::path& folder, const std::string& name) {
    return folder / fmt::format(".{}.part", name);
}

}  // namespace spool
