// SPDX-License-Identifier: BSL-1.0
// The words that spooler, clients, printers and demo say to each other: each request, its reply below.
//
// Three kinds of ports:
//   the spooler's    found by its name at the name service; takes submissions, and printers ask for work
//   a job's          IS the job: whoever holds its receive right works on it. The client holds a send right,
//                    asks or cancels there, and need not know where the job is just now: the right moves
//                    from spooler to printer and back with its queue, and no question is lost on the way.
//   a client's       progress comes here, sent with "never wait": a client that does not look holds up no
//                    printer. The outcome comes to the same port by a send-once right: that one never counts
//                    against the eight places and so cannot be lost.
#pragma once

#include <cstddef>
#include <cstdint>

#include <mach/message.h>

namespace spool {

inline constexpr const char* spooler_name = "print spooler";
inline constexpr std::size_t piece_limit = 7 * 1024;             ///< bytes of a piece
inline constexpr std::size_t document_limit = 32 * 1024 * 1024;  ///< bytes of a document in all
inline constexpr std::size_t name_limit = 120;                   ///< characters of a title or output name

enum class State : std::int32_t { arriving, waiting, printing, printed, cancelled, failed };

constexpr const char* word_for(State state) {
    constexpr const char* words[] = {"arriving", "waiting", "printing", "printed", "cancelled", "failed"};
    return words[static_cast<std::size_t>(state)];
}

enum Id : msg_id_t {
    // ---- to the spooler's port ----
    submit = 7100,      // title, output, client: text; progress: send right; outcome: send-once right
                        //   reply: Ticket; the job: send right
    list_jobs = 7101,   // First
                        //   reply: some Rows, each an item; none when there are no more
    next_job = 7102,    // printer: text
                        //   reply, when there is work: Ticket; title, output: text; the job: RECEIVE right;
                        //   document: the same; progress: send right. KERN_ABORTED: the shop closes.
    give_back = 7103,   // Progress; why: text; the job: RECEIVE right.  no reply
    close_shop = 7104,  // nothing.  no reply
    // ---- to a job's port, wherever its receive right is ----
    document = 7109,    // all of it: bytes, out of line unless there are few.  no reply
    piece = 7110,       // instead of that: bytes of it.  no reply
    last_piece = 7111,  // nothing.  no reply
    ask_state = 7112,   // nothing
                        //   reply: Progress; who answers: text
    cancel = 7113,      // nothing
                        //   reply: Progress; who answers: text
    // ---- to a client's port ----
    progress = 7130,  // Progress.  no reply
    outcome = 7131,   // Progress; why: text.  no reply
    // ---- to the demo's port ----
    event = 7140,  // Event; who, what: text.  no reply
};

struct Ticket {
    std::int32_t job;
    std::int32_t attempt;  ///< 1, and one more for each printer that died of it
    std::uint64_t bytes;
};

struct First {
    std::int32_t job;
};

struct Progress {
    std::int32_t job;
    State state;
    std::int32_t page;
    std::int32_t pages;
};

struct Row {
    Progress now;
    std::uint64_t bytes;
    char title[name_limit + 8];
    char client[24];
};

}  // namespace spool
