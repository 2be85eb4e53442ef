// SPDX-License-Identifier: BSL-1.0
#include "summary.hpp"

#include <cstdio>
#include <fstream>

#include <fmt/format.h>

namespace spool {
namespace {

bool is_pdf(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    char head[5] = {};
    file.read(head, sizeof head);
    return std::string_view(head, sizeof head) == "%PDF-";
}

// returns: how many of the PDFs that should be there are.
int check_files(const Options& options, const std::vector<Document>& documents,
                std::vector<std::string>& wrong) {
    int there = 0;
    for (const Document& document : documents) {
        if (is_pdf(options.output / document.output)) {
            ++there;
        } else {
            wrong.push_back(fmt::format("{} is not there", (options.output / document.output).string()));
        }
    }
    return there;
}

void check_jobs(const Board& board, std::vector<std::string>& wrong) {
    for (const auto& [number, job] : board.jobs()) {
        const bool has_outcome =
            job.abandoned || job.state == State::printed || job.state == State::cancelled;
        if (!has_outcome) {
            wrong.push_back(fmt::format("job {} '{}' is {}", number, job.title, word_for(job.state)));
        }
    }
    if (board.jobs_left() != 0 || board.names_left() != 0) {
        wrong.emplace_back("the spooler did not close with empty hands");
    }
}

void check_shows(const Board& board, std::vector<std::string>& wrong) {
    if (board.returns().empty()) {
        wrong.emplace_back("no right came back from a killed printer");
    }
    if (board.abandoned() != 1) {
        wrong.emplace_back("the killed client's half document was not dropped");
    }
    if (board.count(State::cancelled) != 1) {
        wrong.emplace_back("no job was cancelled");
    }
    if (board.policies().size() != std::size(all_policies)) {
        wrong.emplace_back("not every client told what it saw of its policy");
    }
    for (const auto& [policy, report] : board.policies()) {
        if (report.proof == 0) {
            wrong.push_back(fmt::format("the policy {} did not show itself", report.client));
        }
    }
}

void print_accounts(const Board& board, int restarts) {
    fmt::print(
        "\njobs      {} submitted: {} printed, {} cancelled, {} failed, {} dropped with their client\n",
        board.jobs().size(), board.count(State::printed), board.count(State::cancelled),
        board.count(State::failed), board.abandoned());
    fmt::print("pages     {}\n", board.pages_printed());
    for (const auto& [policy, report] : board.policies()) {
        fmt::print("policy    {:<11} {}\n", report.client, report.what);
    }
    for (const std::string& line : board.returns()) {
        fmt::print("right     {}\n", line);
    }
    fmt::print("restarts  {} {}\n", restarts, restarts == 1 ? "printer" : "printers");
}

}  // namespace

bool summary(const Board& board, const Options& options, const std::vector<Document>& documents, int restarts,
             std::vector<std::string> wrong) {
    print_accounts(board, restarts);
    check_jobs(board, wrong);
    check_shows(board, wrong);
    if (options.command.empty()) {
        const int there = check_files(options, documents, wrong);
        fmt::print("output    {} of {} PDF files in {}\n", there, documents.size(),
                   std::filesystem::absolute(options.output).lexically_normal().string());
    } else {
        fmt::print("output    piped into '{}'\n", options.command);
    }
    for (const std::string& line : wrong) {
        fmt::print("WRONG     {}\n", line);
    }
    std::fflush(stdout);
    return wrong.empty();
}

}  // namespace spool
