// SPDX-License-Identifier: BSL-1.0
// View: on a terminal a table of jobs at the bottom, with lines passing above it; elsewhere the lines alone.
#pragma once

#include <chrono>
#include <string>

#include "board.hpp"

namespace spool {

class View {
public:
    /// Live when standard output is a terminal.
    View();
    ~View() { erase(); }
    View(const View&) = delete;
    View& operator=(const View&) = delete;

    void say(const std::string& line);
    /// Draws the table anew, where there is one.
    void draw(const Board& board);
    /// Takes the table away.
    void erase();

private:
    bool is_live_;
    int drawn_ = 0;  ///< lines of the table on the screen
    std::string table_;
    std::chrono::steady_clock::time_point begin_;
};

}  // namespace spool
