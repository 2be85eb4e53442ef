// SPDX-License-Identifier: BSL-1.0
#include "documents.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

namespace spool {
namespace {

constexpr int lines_of_a_test_page = 40;
constexpr int lines_of_a_long_document = 6000;

std::string output_name(const std::filesystem::path& file, std::set<std::string>& taken) {
    std::string name = file.filename().string();
    name.erase(0, name.find_first_not_of('.'));  // a hidden file gives no hidden PDF
    std::string output = name + ".pdf";
    for (int number = 2; !taken.insert(output).second; ++number) {
        output = fmt::format("{}-{}.pdf", name, number);
    }
    return output;
}

const char* meaning_of(Policy policy) {
    switch (policy) {
        case Policy::wait: return "no option: a full mailbox is waited for, as long as it takes";
        case Policy::wait_for: return "SEND_TIMEOUT 20: waits so many milliseconds, then SEND_TIMED_OUT";
        case Policy::never_wait: return "SEND_TIMEOUT 0: a full mailbox is SEND_TIMED_OUT at once";
        case Policy::notify: break;
    }
    return "SEND_NOTIFY: the kernel keeps the message and tells when it has entered the mailbox";
}

}  // namespace

std::string Document::read() const {
    if (file.empty()) {
        return text;
    }
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    if (!in.is_open() || in.bad()) {
        throw std::runtime_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
    }
    return bytes.str();
}

std::vector<Document> documents_of(const std::vector<std::filesystem::path>& files) {
    std::set<std::string> taken;
    for (const Policy policy : all_policies) {
        taken.insert(test_page(policy).output);
    }
    std::vector<Document> documents;
    for (const auto& file : files) {
        documents.push_back({file.filename().string(), output_name(file, taken), file, {}});
    }
    return documents;
}

Document test_page(Policy policy) {
    std::string text =
        fmt::format("Test page of the client '{}'\n\n{}\n\n", name_of(policy), meaning_of(policy));
    for (int line = 1; line <= lines_of_a_test_page; ++line) {
        text += fmt::format("{:3}  the mailbox of a port holds eight messages\n", line);
    }
    const std::string name = fmt::format("test-page-{}", name_of(policy));
    return {name, name + ".pdf", {}, text};
}

Document long_document(const std::string& title) {
    std::string text;
    for (int line = 1; line <= lines_of_a_long_document; ++line) {
        text += fmt::format("{:5}  {}\n", line, title);
    }
    return {title, title + ".pdf", {}, text};
}

}  // namespace spool
