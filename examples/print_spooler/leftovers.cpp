// SPDX-License-Identifier: BSL-1.0
#include "leftovers.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <sstream>

#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "backend.hpp"

namespace spool {
namespace {

namespace fs = std::filesystem;

constexpr const char* process_mark = "process ";
constexpr const char* socket_mark = "socket ";
constexpr const char* file_mark = "file ";
constexpr auto grace = std::chrono::seconds(2);

// ---- notes -----------------------------------------------------------------------------------------------

// Sockets stand as "socket:[INODE]", files that still have a name as themselves.
void each_descriptor(pid_t process, const std::function<void(const std::string&)>& use) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", process), error)) {
        const std::string target = fs::read_symlink(entry.path(), error).string();
        if (target.starts_with("socket:[")) {
            use(socket_mark + target.substr(8, target.size() - 9));
        } else if (target.starts_with("/dev/shm/") || target.find("/umach-demo-") != std::string::npos) {
            use(file_mark + target);
        }
    }
}

void each_mapping(pid_t process, const std::function<void(const std::string&)>& use) {
    std::ifstream maps(fmt::format("/proc/{}/maps", process));
    for (std::string line; std::getline(maps, line);) {
        if (const auto at = line.find("/dev/shm/"); at != std::string::npos) {
            use(file_mark + line.substr(at, line.find(" (deleted)") - at));
        }
    }
}

// ---- what is there ---------------------------------------------------------------------------------------

// The columns of a table of the kernel's, from its second line on.
void each_line(const char* table, const std::function<void(const std::vector<std::string>&)>& use) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        std::istringstream words(line);
        use({std::istream_iterator<std::string>(words), {}});
    }
}

bool semaphores_touched_by(int set, unsigned long count, const std::set<std::string>& processes) {
    for (unsigned long i = 0; i < count; ++i) {
        if (processes.contains(std::to_string(semctl(set, static_cast<int>(i), GETPID)))) {
            return true;
        }
    }
    return false;
}

// Columns: proc_ipc tables name the processes that made and last used a segment or queue.
void find_system_v(const std::set<std::string>& ours, std::vector<std::string>& found) {
    each_line("/proc/sysvipc/shm", [&](const auto& row) {
        if (row.size() > 5 && (ours.contains(row[4]) || ours.contains(row[5]))) {
            found.push_back(fmt::format("System V segment {}", row[1]));
        }
    });
    each_line("/proc/sysvipc/msg", [&](const auto& row) {
        if (row.size() > 6 && (ours.contains(row[5]) || ours.contains(row[6]))) {
            found.push_back(fmt::format("System V queue {}", row[1]));
        }
    });
    each_line("/proc/sysvipc/sem", [&](const auto& row) {
        if (row.size() > 3 && semaphores_touched_by(std::stoi(row[1]), std::stoul(row[3]), ours)) {
            found.push_back(fmt::format("System V semaphores {}", row[1]));
        }
    });
}

void find_sockets(const std::set<std::string>& ours, std::vector<std::string>& found) {
    each_line("/proc/net/unix", [&](const auto& row) {
        if (row.size() > 6 && ours.contains(row[6])) {
            found.push_back(fmt::format("socket {} {}", row[6], row.size() > 7 ? row[7] : ""));
        }
    });
}

}  // namespace

void Traces::write_new(const std::string& line) {
    if (written_.insert(line).second) {
        const std::string bytes = line + "\n";
        static_cast<void>(!write(fd_, bytes.data(), bytes.size()));
    }
}

// A System V queue may name the thread that waited at it.
void Traces::note(pid_t process) {
    write_new(process_mark + std::to_string(process));
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/task", process), error)) {
        write_new(process_mark + entry.path().filename().string());
    }
    each_descriptor(process, [this](const std::string& line) { write_new(line); });
    each_mapping(process, [this](const std::string& line) { write_new(line); });
}

std::vector<std::string> end_orphans() {
    std::vector<std::string> killed;
    const auto end = std::chrono::steady_clock::now() + grace;
    for (;;) {
        const pid_t reaped = waitpid(-1, nullptr, WNOHANG);
        if (reaped < 0 && errno != EINTR) {
            return killed;
        }
        if (reaped == 0 && std::chrono::steady_clock::now() > end) {
            std::ifstream children(fmt::format("/proc/self/task/{}/children", getpid()));
            for (pid_t child = 0; children >> child;) {
                killed.push_back(fmt::format("process {}, which had to be killed", child));
                kill(child, SIGKILL);
                waitpid(child, nullptr, 0);
            }
        } else if (reaped == 0) {
            usleep(2000);
        }
    }
}

std::vector<std::string> remove_unfinished(const fs::path& folder, const std::vector<std::string>& outputs) {
    std::vector<std::string> left;
    for (const std::string& output : outputs) {
        std::error_code error;
        fs::remove(unfinished(folder, output), error);
        if (error) {
            left.push_back(unfinished(folder, output).string());
        }
    }
    return left;
}

std::vector<std::string> still_there(const std::string& notes) {
    std::set<std::string> processes;
    std::set<std::string> sockets;
    std::vector<std::string> found;
    std::istringstream lines(notes);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(process_mark)) {
            processes.insert(line.substr(std::char_traits<char>::length(process_mark)));
        } else if (line.starts_with(socket_mark)) {
            sockets.insert(line.substr(std::char_traits<char>::length(socket_mark)));
        } else if (line.starts_with(file_mark) && fs::exists(line.substr(5))) {
            found.push_back(line);
        }
    }
    for (const std::string& process : processes) {
        if (fs::exists(fmt::format("/proc/{}", process))) {
            found.push_back(fmt::format("process {}", process));
        }
    }
    find_system_v(processes, found);
    find_sockets(sockets, found);
    return found;
}

}  // namespace spool
