// SPDX-License-Identifier: BSL-1.0
// Spooler: takes documents from clients, keeps them, and lends each as a right to a printer.
//
//   arriving -> waiting -> printing -> printed | failed | cancelled
//                  ^___________|  the printer died: the receive right came back to its owner
#pragma once

#include <chrono>
#include <deque>
#include <map>

#include "events.hpp"
#include "job.hpp"

namespace spool {

/// The spool's disk is slow on purpose, so that mailboxes fill up while people watch: after every eight
/// pieces of a job, and at most so often, its port is not read for a while.
struct Slowness {
    std::chrono::milliseconds pause{60};
    int pauses = 3;
};

class Spooler {
public:
    explicit Spooler(Slowness slowness);

    /// Serves until it is told to close and every job has its outcome. returns: the process's exit status.
    int run();

private:
    struct Idle {
        umach::ReplyRight answer;
        std::string printer;
    };
    using Reader = umach::MessageReader;
    using Writer = umach::MessageWriter;
    using Done = umach::Result<void>;

    void add_handlers();
    void on_job(Id id, Done (Spooler::*member)(Job&, Reader&, Writer&));
    void on_service(Id id, Done (Spooler::*member)(Reader&, Writer&));

    Done submitted(Reader& in, Writer& out);
    Done listed(Reader& in, Writer& out);
    Done asked_for_work(Reader& in, Writer& out);
    Done given_back(Reader& in, Writer& out);
    Done closing(Reader& in, Writer& out);

    Done document_came(Job& job, Reader& in, Writer& out);
    Done piece_came(Job& job, Reader& in, Writer& out);
    Done last_piece_came(Job& job, Reader& in, Writer& out);
    Done state_asked(Job& job, Reader& in, Writer& out);
    Done cancelled(Job& job, Reader& in, Writer& out);

    umach::Result<Job*> open_job(Reader& in);
    Done answer_submission(Job& job, umach::ReplyRight answer);
    /// returns: false when it is too large, and the job has ended.
    bool check_size(Job& job);
    Done is_complete(Job& job);
    void rest_a_while(Job& job);
    void wake_rested();
    umach::WhenEmpty until_next_wake() const;
    void hear(umach::Notification& notification);
    void senders_gone(port_t name);
    void drop_abandoned();

    void hand_out_work();
    bool lend(Job& job, umach::ReplyRight& printer);
    void came_home(umach::ReceiveRight right);
    void serve_again(Job& job, umach::ReceiveRight right);
    void end(Job& job, State state, std::string_view why);
    void forget(Job& job);

    Job* find(umach::PortName port);
    void close();

    umach::Host host_;
    umach::Server server_;
    umach::PortName service_;
    Slowness slowness_;
    std::map<int, Job> jobs_;
    std::deque<int> queue_;
    std::deque<Idle> idle_;
    std::map<int, Row> history_;  ///< jobs that have ended, for the list
    int last_number_ = 0;
    bool closing_ = false;
    std::size_t names_at_start_ = 0;
};

}  // namespace spool
