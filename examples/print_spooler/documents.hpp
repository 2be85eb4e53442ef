// SPDX-License-Identifier: BSL-1.0
// Document: a file to print, or a page that the demo writes itself.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "piece_sender.hpp"

namespace spool {

struct Document {
    std::string title;
    std::string output;          ///< name of the PDF in the output folder
    std::filesystem::path file;  ///< empty: `text` is the document
    std::string text;

    /// returns: its bytes; a file that cannot be read is thrown as std::runtime_error.
    [[nodiscard]] std::string read() const;
};

/// returns: the files as documents, with output names of which no two are alike.
std::vector<Document> documents_of(const std::vector<std::filesystem::path>& files);

/// A page that says what the policy is by which it came.
Document test_page(Policy policy);
/// A document long enough to be interrupted.
Document long_document(const std::string& title);

}  // namespace spool
