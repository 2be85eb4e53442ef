// SPDX-License-Identifier: BSL-1.0
// Client: submits documents, waits for their outcomes, and tells the demo what it saw.
#pragma once

#include <string>
#include <vector>

#include "documents.hpp"
#include "events.hpp"

namespace spool {

class Client {
public:
    Client(std::string name, Policy policy);

    /// Submits all, then waits for all outcomes. returns: the process's exit status, 0 when all were printed.
    int print_all(const std::vector<Document>& documents);
    /// Submits half of the document and then waits for ever, holding the right to its job.
    int dawdle(const Document& document);
    /// Submits it, sees it in the list, lets a page be printed, and cancels it wherever it is then.
    int change_its_mind(const Document& document);

private:
    struct Submitted {
        int number = 0;
        umach::SendRight job;
    };

    umach::Result<Submitted> open(const Document& document);
    bool send_whole(const Submitted& to, std::string_view bytes);
    bool send_pieces(const Submitted& to, std::string_view bytes);
    bool send_last(const Submitted& to);
    bool submit(const Document& document);
    bool await_outcome();
    /// returns: false when nobody is left who could say anything.
    bool await_page();
    void say(int job, const std::string& what) const;
    umach::Result<std::string> ask(const Submitted& to, Id question);
    int jobs_listed() const;

    std::string name_;
    umach::SendRight spooler_;
    umach::ReceiveRight own_;  ///< progress and outcomes come here
    Policy policy_;
    PieceSender sender_;
};

}  // namespace spool
