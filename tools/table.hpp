// SPDX-License-Identifier: BSL-1.0
// A table for people: columns as wide as their widest cell; the last one is as long as it is.
#pragma once

#include <string>
#include <vector>

namespace umach::tools {

class Table {
public:
    // A title that begins with '>' is that of a column of numbers, which stand to the right.
    explicit Table(std::vector<std::string> titles);
    void add(std::vector<std::string> cells);
    // The lines, each with its end, and each after the margin.
    std::string text(const std::string& margin = "") const;

private:
    std::vector<bool> right_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace umach::tools
