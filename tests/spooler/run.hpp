// SPDX-License-Identifier: BSL-1.0
// The demo as a user runs it: arguments in, what it prints and its exit status out.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace spooler_test {

/// Where the demo is.
void set_demo(std::string path);

struct Outcome {
    int status = -1;     ///< exit status; 128 and the signal when it was killed
    std::string output;  ///< standard output and standard error, as they came
};

/// What to do with the running demo when a line has come. The process id is the demo's.
using OnLine = std::function<void(const std::string& line, pid_t demo)>;

struct How {
    bool closed_input = false;
    bool on_terminal = false;
    OnLine on_line = {};
};

/// Runs the demo until it has ended and nobody holds its output any more.
Outcome run(std::vector<std::string> arguments, const How& how = {});

/// Waits until this process has no child left, adopted ones included. One that stays ends the tests.
void wait_for_all_children();

/// A folder that goes with its object.
class Folder {
public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] std::string path(const std::string& name) const { return (path_ / name).string(); }
    std::string write(const std::string& name, const std::string& bytes) const;
    /// returns: names of what is in it or in a folder in it, hidden ones too.
    [[nodiscard]] std::vector<std::string> names(const std::string& folder = {}) const;

private:
    std::filesystem::path path_;
};

std::string read_file(const std::string& path);
bool has(const std::string& text, const std::string& part);
int count(const std::string& text, const std::string& part);
/// returns: of a PDF that Cairo wrote.
int pages_of(const std::string& pdf_path);
/// returns: false when pdftotext is not installed.
bool can_read_text();
std::string text_of(const std::string& pdf_path);

}  // namespace spooler_test
