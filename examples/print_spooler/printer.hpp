// SPDX-License-Identifier: BSL-1.0
// Printer: asks the spooler for work, holds the job's receive right while it prints, and gives it back.
#pragma once

#include <chrono>
#include <string>

#include "backend.hpp"
#include "events.hpp"

namespace spool {

/// How fast paper is fed, so that people can watch: a page, but not more than a job in all.
struct Pace {
    std::chrono::milliseconds page{60};
    std::chrono::milliseconds job{1000};
};

class Printer {
public:
    Printer(std::string name, Backend backend, Pace pace);

    /// Prints until the spooler has no more work or has ended. returns: the process's exit status.
    int run();

private:
    struct InHand {
        Ticket ticket{};
        std::string title;
        std::string output;
        umach::PortName port;
        std::string document;
        umach::SendRight client;
        Progress now{};
    };

    bool take(umach::Message& reply);
    bool print();
    bool draw_pages(std::string* pdf);
    void report();
    void feed_paper();
    bool give_back(const std::string& why);
    umach::Result<void> answer(umach::MessageWriter& out);

    std::string name_;
    Backend backend_;
    Pace pace_;
    umach::SendRight spooler_;
    umach::Server server_;  ///< of the job in hand: its client asks and cancels while it is printed
    InHand job_;
    std::chrono::steady_clock::time_point reported_;
};

}  // namespace spool
