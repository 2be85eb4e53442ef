// SPDX-License-Identifier: BSL-1.0
#include "view.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace spool {
namespace {

constexpr int bar_width = 20;
constexpr int least_rows = 4;

struct Size {
    int rows = 24;
    int columns = 80;
};

Size terminal_size() {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
        return {};
    }
    return {size.ws_row, size.ws_col};
}

std::string bar(const JobOnBoard& job) {
    const int done = job.pages > 0 ? bar_width * job.page / job.pages : 0;
    return std::string(static_cast<std::size_t>(std::clamp(done, 0, bar_width)), '#');
}

const char* colour_of(const JobOnBoard& job) {
    switch (job.state) {
        case State::printing: return "\033[33m";
        case State::printed: return "\033[32m";
        case State::failed:
        case State::cancelled: return "\033[31m";
        default: return job.abandoned ? "\033[31m" : "";
    }
}

// Characters of other than one column would break the line: titles are shown in ASCII.
std::string plain(const std::string& text, std::size_t width) {
    std::string shown = text.substr(0, width);
    std::replace_if(
        shown.begin(), shown.end(), [](unsigned char c) { return c < 32 || c > 126; }, '?');
    return shown;
}

std::string row(int number, const JobOnBoard& job, int columns) {
    const std::string text =
        fmt::format("{:>4}  {:<11} {:<10} {:<1} {:>4}/{:<4} [{:<20}] {}", number, plain(job.client, 11),
                    job.abandoned ? "dropped" : word_for(job.state), plain(job.printer, 1), job.page,
                    job.pages, bar(job), plain(job.title, 60));
    return fmt::format("{}{}\033[0m\n", colour_of(job),
                       text.substr(0, static_cast<std::size_t>(columns - 1)));
}

// What moves comes first, then what ended last.
std::vector<int> jobs_to_show(const Board& board, int rows) {
    std::vector<int> numbers;
    for (const auto& [number, job] : board.jobs()) {
        numbers.push_back(number);
    }
    const auto is_over = [&board](int number) {
        const JobOnBoard& job = board.jobs().at(number);
        return job.abandoned || job.state >= State::printed;
    };
    std::sort(numbers.begin(), numbers.end(), [&is_over](int a, int b) {
        return is_over(a) != is_over(b) ? is_over(b) : (is_over(a) ? a > b : a < b);
    });
    numbers.resize(std::min(numbers.size(), static_cast<std::size_t>(std::max(rows, least_rows))));
    return numbers;
}

}  // namespace

View::View() : is_live_(isatty(STDOUT_FILENO) == 1), begin_(std::chrono::steady_clock::now()) {}

void View::say(const std::string& line) {
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin_;
    const std::string table = table_;
    erase();
    fmt::print("{:6.3f}  {}\n", time.count(), line);
    if (is_live_) {
        table_ = table;
        drawn_ = static_cast<int>(std::count(table_.begin(), table_.end(), '\n'));
        std::fputs(table_.c_str(), stdout);
    }
    std::fflush(stdout);
}

void View::draw(const Board& board) {
    if (!is_live_ || board.jobs().empty()) {
        return;
    }
    const Size size = terminal_size();
    std::string table = fmt::format("\033[7m{:>4}  {:<11} {:<12} {:<9} {:<22} {}\033[0m\n", "job", "client",
                                    "state", "page", "", "document");
    for (const int number : jobs_to_show(board, size.rows / 2 - 2)) {
        table += row(number, board.jobs().at(number), size.columns);
    }
    if (table != table_) {
        erase();
        table_ = table;
        drawn_ = static_cast<int>(std::count(table_.begin(), table_.end(), '\n'));
        std::fputs(table_.c_str(), stdout);
        std::fflush(stdout);
    }
}

void View::erase() {
    if (drawn_ > 0) {
        fmt::print("\033[{}A\033[J", drawn_);
    }
    drawn_ = 0;
    table_.clear();
}

}  // namespace spool
