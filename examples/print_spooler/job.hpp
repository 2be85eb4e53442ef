// SPDX-License-Identifier: BSL-1.0
// Job: what the spooler knows of one document between its first piece and its outcome.
//
// The job's port has one receive right. While the document arrives and the job waits, the spooler's server
// has it and serves it. While a printer has it, `ownership` is what brings it back.
#pragma once

#include <chrono>
#include <span>
#include <string>

#include <umach/umach.hpp>

#include "protocol.hpp"

namespace spool {

struct Job {
    int number = 0;
    State state = State::arriving;
    int attempt = 0;
    int pages = 0;
    int pieces = 0;
    std::string title;
    std::string output;
    std::string client;
    std::string printer;
    umach::Region whole;     ///< the document, if it came in one message
    std::string in_pieces;   ///< else

    umach::PortName port;           ///< stays the same while the right is away: ownership keeps the name
    umach::ReceiveRight resting;    ///< the receive right, while the spooler neither serves nor lends it
    umach::Ownership ownership;     ///< while a printer holds the receive right
    umach::SendRight progress;
    umach::SendOnceRight outcome;
    std::chrono::steady_clock::time_point resumes;  ///< when `resting` is served again
    [[nodiscard]] std::span<const std::byte> document() const {
        return whole ? std::span<const std::byte>(whole.bytes()) : std::as_bytes(std::span(in_pieces));
    }
    [[nodiscard]] std::size_t bytes() const { return document().size(); }

    bool without_client = false;  ///< nobody can send to the job any more; what is queued still counts
};

}  // namespace spool
