// SPDX-License-Identifier: BSL-1.0
// Job: what the spooler knows of one document between its first piece and its outcome.
//
// The job's port has one receive right. While the document arrives and the job waits, the spooler's server
// has it and serves it. While a printer has it, `ownership` is what brings it back.
#pragma once

#include <chrono>
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
    std::string document;

    umach::PortName port;           ///< stays the same while the right is away: ownership keeps the name
    umach::ReceiveRight resting;    ///< the receive right, while the spooler neither serves nor lends it
    umach::Ownership ownership;     ///< while a printer holds the receive right
    umach::PortName document_port;  ///< served while the job is printed
    umach::SendRight progress;
    umach::SendOnceRight outcome;
    std::chrono::steady_clock::time_point resumes;  ///< when `resting` is served again
    bool without_client = false;  ///< nobody can send to the job any more; what is queued still counts
};

}  // namespace spool
