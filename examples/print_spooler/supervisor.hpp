// SPDX-License-Identifier: BSL-1.0
// Supervisor: starts spooler, printers and clients, hears what they tell, kills two of them on purpose, and
// closes the shop when the work is done.
#pragma once

#include <chrono>
#include <optional>

#include "board.hpp"
#include "children.hpp"
#include "documents.hpp"
#include "leftovers.hpp"
#include "other_host.hpp"
#include "options.hpp"
#include "printer.hpp"
#include "view.hpp"

namespace spool {

class Supervisor {
public:
    /// `traces` notes what the processes hold, for the one who looks afterwards.
    Supervisor(const Options& options, std::vector<Document> documents, Traces traces);

    /// waits: until all is done. returns: the exit status: 0 all went as it should, 1 not, 130 interrupted.
    int run();

private:
    void hear_one();
    void hear(const News& news);
    void open_shop();
    void start_printer(const std::string& name);
    void start_client(const std::string& name, const std::function<int()>& work);
    void start_clients();
    void kill_printer(const News& news);
    void kill_client(const News& news);
    void reap();
    void ended(const Ended& ended);
    void close_when_done();
    void note_traces();
    bool is_stuck() const;
    bool owes_news() const;
    /// What goes wrong is remembered; what cannot be gone on with ends the run.
    void note_wrong(const std::string& why) { wrong_.push_back(why); }
    void give_up(const std::string& why);
    int end();

    Options options_;
    std::vector<Document> documents_;
    Traces traces_;
    umach::ReceiveRight port_;  ///< where events come, registered for the children
    Children children_;         ///< after the port: they end first
    std::optional<OtherHost> other_host_;  ///< where the clients are, if not here
    Board board_;
    View view_;
    Pace pace_;

    bool opened_ = false;
    bool closing_ = false;
    bool given_up_ = false;
    int restarts_ = 0;
    int victim_job_ = 0;  ///< whose printer was killed, and that has neither come back nor ended
    pid_t victim_ = 0;
    std::vector<std::string> wrong_;
    std::chrono::steady_clock::time_point heard_;
    std::chrono::steady_clock::time_point noted_;
};

}  // namespace spool
