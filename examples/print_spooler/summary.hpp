// SPDX-License-Identifier: BSL-1.0
// Summary: the accounts of a run, and whether all went as it should.
#pragma once

#include "board.hpp"
#include "documents.hpp"
#include "options.hpp"

namespace spool {

/// Prints the accounts; what went wrong is said too. returns: whether nothing did.
bool summary(const Board& board, const Options& options, const std::vector<Document>& documents, int restarts,
             std::vector<std::string> wrong);

}  // namespace spool
