// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "other_host.hpp"

namespace spool {
namespace {

// Permission bits do not say whether a folder can be written: trying does.
std::string folder_complaint(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
        return fmt::format("cannot make the output folder {}: {}", folder.string(), error.message());
    }
    std::string probe = (folder / ".probe-XXXXXX").string();
    const int fd = mkstemp(probe.data());
    if (fd < 0) {
        return fmt::format("cannot write into the output folder {}: {}", folder.string(),
                           std::strerror(errno));
    }
    close(fd);
    unlink(probe.c_str());
    return {};
}

std::string file_complaint(const std::filesystem::path& file) {
    if (std::filesystem::is_directory(file)) {
        return fmt::format("{} is a folder: name the files in it", file.string());
    }
    const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fmt::format("cannot read {}: {}", file.string(), std::strerror(errno));
    }
    close(fd);
    return {};
}

}  // namespace

// People need time to look.
Options::Options() : page_time(isatty(STDOUT_FILENO) == 1 ? 300 : 60) {}

bool read_options(int argc, char** argv, Options* options, int* status) {
    CLI::App app("A print spooler, its printers and its clients, each a process, over umach ports.");
    app.name("umach demo");
    app.add_option("FILE", options->files, "Files to print");
    app.add_option("--output", options->output, "Folder for the PDF files")->capture_default_str();
    app.add_option("--printer", options->command, "Pipe each PDF into this shell command, lp for example");
    app.add_option("--page-time", options->page_time, "Milliseconds that a printer takes for a page, at most")
        ->capture_default_str()
        ->check(CLI::Range(10, 1000));
    app.add_option("--over", options->over, "Puts the clients on another host, linked over this transport")
        ->check(CLI::IsMember(std::vector<std::string>(std::begin(transports), std::end(transports))));
    try {
        app.parse(argc, argv);
        return true;
    } catch (const CLI::ParseError& error) {
        *status = app.exit(error) == 0 ? 0 : 2;
        return false;
    }
}

std::string complaint(const Options& options) {
    for (const auto& file : options.files) {
        if (const std::string wrong = file_complaint(file); !wrong.empty()) {
            return wrong;
        }
    }
    return options.command.empty() ? folder_complaint(options.output) : std::string();
}

}  // namespace spool
