// SPDX-License-Identifier: BSL-1.0
// The records of the kernel, as they lie in shared memory: bytes, no classes. Every word names the lock that guards it.
//
// "own": the lock of the task that the record belongs to. "root": the lock of a port's root, the task at the top of its
// nest: the holder of its receive right or, if that lies in a message, the root of the port that the message stands at.
// "host": the segment's own lock. "holder": the lock of whoever holds the right in question.
#pragma once

#include "runtime/machine.hpp"
#include "runtime/words.hpp"

#include <array>

namespace umach::ports {

using runtime::Count;
using runtime::Field;
using runtime::LockWord;
using runtime::Pair;
using runtime::Ref;

struct PortRecord;
struct PortSetRecord;
struct TaskRecord;
struct ThreadRecord;
struct MessageRecord;
struct ProcessRecord;
struct RegionRecord;
struct ViewRecord;
using PortRef = Ref<PortRecord>;
using SetRef = Ref<PortSetRecord>;
using TaskRef = Ref<TaskRecord>;
using ThreadRef = Ref<ThreadRecord>;
using ProcessRef = Ref<ProcessRecord>;
using RegionRef = Ref<RegionRecord>;
using ViewRef = Ref<ViewRecord>;

inline constexpr std::uint32_t entries_per_chunk = 128;
inline constexpr std::uint32_t chunks_per_page = 1024;
inline constexpr std::uint32_t pages_per_task = 16;
inline constexpr std::uint32_t most_names = pages_per_task * chunks_per_page * entries_per_chunk;   // 2,097,152
inline constexpr std::uint32_t name_index_bits = 21;
inline constexpr std::uint32_t most_rights = 64;       // in one message
inline constexpr std::uint32_t deepest_nest = 16;      // of receive rights in messages
inline constexpr std::uint32_t most_orphans = 64;      // kept messages of ended senders at one port
inline constexpr std::uint32_t message_classes = 4;
inline constexpr std::array<std::uint32_t, message_classes> class_bytes{192, 960, 4032, 10240};
inline constexpr std::uint32_t port_stock = 0;         // a carrier's stock of ports; 1 to 4: of messages by class

enum class Life : std::uint8_t { free, live, dying };   // of a region, dying: in the stock

struct Identity {
    std::uint32_t generation;
    Life life;
    std::uint8_t kind;       // of a port: PortKind; of a message: its size class
    std::uint16_t detail;    // of a dying port: 1 once its names are looked for; of a thread: thread_ends
    bool operator==(const Identity&) const = default;
};

// Of an ordinary port tasks receive; messages to the kernel ports of tasks, threads, the host and memory objects are calls.
enum class PortKind : std::uint8_t { ordinary, task, thread, host, memory };

// Where a right is.
enum class PlaceKind : std::uint32_t { nowhere, task, message, port };
struct Place {
    std::uint32_t index = 0;
    PlaceKind kind : 2 = PlaceKind::nowhere;
    std::uint32_t generation : 30 = 0;
    static Place of(PlaceKind kind, std::uint32_t index, std::uint32_t generation) {
        Place place;
        place.index = index;
        place.kind = kind;
        place.generation = generation & 0x3fff'ffff;
        return place;
    }
    bool operator==(const Place&) const = default;
};

// A call by msg_rpc: the thread that waits and the number of its call. The thread's record is reused, the number never.
struct CallRef {
    std::uint32_t thread = 0;
    std::uint32_t number = 0;
    explicit operator bool() const { return number != 0; }
    bool operator==(const CallRef&) const = default;
};

// ---- names -----------------------------------------------------------------------------------------------------

enum RightBits : std::uint8_t {
    right_send = 1,
    right_receive = 2,
    right_owner = 4,
    right_send_once = 8,
    right_dead = 16,
    right_set = 32,
};

struct EntryBits {
    std::uint32_t name;    // the whole name: index and generation, or what port_rename gave
    std::uint16_t urefs;   // of the send right, or of the dead name
    std::uint8_t rights;   // 0: the name is free
    std::uint8_t flags;    // entry_noticed: its PORT_DELETED stands at a notify port
    bool operator==(const EntryBits&) const = default;
};
inline constexpr std::uint8_t entry_noticed = 1;
inline constexpr std::uint8_t entry_renamed = 2;
inline constexpr std::uint16_t most_urefs = 65'534;   // pegged there

// One name of one task. It is also the reserved cell of its PORT_DELETED notice, and one bucket of the task's two maps
// (port to name, and renamed name to entry), which so grow with the space.
struct EntryRecord {
    Field<PortRef> port;      // own; of a set: its index and generation
    Field<EntryBits> bits;    // own
    Field<Pair> links;        // notice list (lock of that port's root too), or free list (own); of a right: who asked to be
                              // told of the port's death, by port_request_notification, as index and generation
    Field<Pair> map;          // own; first: head of this bucket, second: next entry in the chain this one is in
    Field<Pair> alias;        // own; the same for renamed entries
    Field<PortRef> at;        // a notice: the notify port it stands at; a send-once right of a call: its CallRef
};
static_assert(sizeof(EntryRecord) == 48);

struct EntryChunk {
    Field<Pair> link;          // host; free list
    Field<TaskRef> task;       // own
    Count first;               // own; index of entries[0] in the task's space
    std::array<EntryRecord, entries_per_chunk> entries;
};

struct ChunkPage {
    Field<Pair> link;                                     // host; free list
    std::array<Count, chunks_per_page> chunks;            // own; indices of chunks
};

// ---- cells: notices that wait at a notify port, each in the record that it is about ---------------------------------

enum class CellKind : std::uint32_t { none, entry_deleted, message_accepted, no_senders, port_rights };

// Names a cell in one word: what it is about, and the record's index (of an entry: chunk * entries_per_chunk + place).
struct CellRef {
    std::uint32_t word = 0;
    CellRef() = default;
    explicit CellRef(std::uint32_t w) : word(w) {}
    CellRef(CellKind kind, std::uint32_t index) : word(static_cast<std::uint32_t>(kind) << 29 | index) {}
    CellKind kind() const { return static_cast<CellKind>(word >> 29); }
    std::uint32_t index() const { return word & 0x1fff'ffff; }
};

// ---- ports -----------------------------------------------------------------------------------------------------

struct PortCounts {
    std::uint16_t ordinary;   // queued messages that count against the backlog
    std::uint16_t queued;     // all queued messages
    std::uint16_t orphans;    // kept messages whose sender has ended
    std::uint8_t backlog;
    std::uint8_t nest;        // receive rights lie at most this deep below the port
};
static_assert(sizeof(PortCounts) == 8);

struct PortTally {
    std::uint32_t made;       // send rights made from the receive right
    std::uint32_t sequence;   // messages received
};

inline constexpr std::uint32_t asks_senders = 0, asks_send_once = 1;

// In the first line of the cache is what a message to it changes.
struct alignas(64) PortRecord {
    Field<Identity> identity;        // root
    Field<Place> receiver;           // root; a task or a message; stays while the port is dying
    Field<Pair> queue;               // root; messages
    Field<Pair> receivers;           // root; threads that wait at the port itself
    Field<PortCounts> counts;        // root
    Field<PortTally> tally;          // root
    Field<Pair> ready;               // root; links in the set's list of members with messages
    Field<Pair> notices;             // root; cells
    Field<Pair> line;                // root; messages that wait for room: of blocked senders, and kept
    Field<SetRef> set;               // root
    std::atomic<std::uint64_t> filter;   // tasks (index modulo 64) that may have a name for the port; bits are only added
    Count send_rights;               // root; in spaces, messages, special and registered ports, and backups
    Field<Pair> members;             // root; links in the set's list of members
    Field<Place> owner;              // holder; a task or a message
    Count asks;                      // root; what `no_senders` is to be told of: asks_senders, asks_send_once
    Field<PortRef> no_senders;       // root; where to tell that nobody can send any more, or that a send-once right died
    Field<PortRef> backup;           // root; who gets the rights instead of death; of a proxy: its memory object
    Field<Pair> no_senders_links;    // root, and root of the notify port
    Field<PortRef> no_senders_at;
    Field<Pair> rights_links;        // root, and root of the notify port
    Field<PortRef> rights_at;
    Field<Pair> link;                // dying list (root) or free list (host)
    Count object;                    // root; of a kernel port: its task, thread or section; of any other: the id of its rights notice
    Count watch;                     // root; thread that mirrors the port's state in a descriptor
};
static_assert(sizeof(PortRecord) == 192);

struct alignas(64) PortSetRecord {
    Field<Identity> identity;   // own
    Field<TaskRef> task;        // own
    Count name;                 // own; entry index
    Field<Pair> members;        // own; ports
    Field<Pair> ready;          // own; ports with messages
    Field<Pair> receivers;      // own; threads
    Field<Pair> link;           // host; free list
    Count watch;                // own; as of a port
};

// ---- messages --------------------------------------------------------------------------------------------------

// spare: no message, in a carrier's hand for the next (hand.hpp). answer: with the thread whose msg_rpc it answers.
// handed: with a thread that has received it; its rights have names.
enum class MessageState : std::uint8_t { free, spare, prep, queued, waiting, kept, taken, answer, handed, doomed };

struct MessageIdentity {
    std::uint32_t generation;
    MessageState state;
    std::uint8_t rights;       // slots in use behind the reply right
    std::uint8_t flags;        // message_uncounted: to a send-once right; message_complex
    std::uint8_t unused;
};
static_assert(sizeof(MessageIdentity) == 8);
inline constexpr std::uint8_t message_uncounted = 1;
inline constexpr std::uint8_t message_complex = 2;
inline constexpr std::uint8_t message_orphan = 4;     // kept, and its sender has ended
inline constexpr std::uint8_t message_goes_on = 8;    // a call that waits for room: its wait goes on as the one for the answer

// What a right in a message is. `dead`: of a port that was dead when it was sent. `memory`: no right, but a region with
// out-of-line data; its index and generation stand where those of the port would.
enum class Carried : std::uint8_t { none, send, send_once, receive, ownership, all, dead, memory };

struct RightInfo {
    std::uint8_t code;            // of the item, as sent
    Carried carried;
    std::uint16_t offset : 13;    // of the name in the message, in bytes
    std::uint16_t give_up : 1;    // the item's deallocate bit
    std::uint16_t held : 1;       // the message has the right: a send right is counted, any other has left the sender
    std::uint16_t unused : 1;
    std::uint32_t name;           // in the sender's space, later in the receiver's
    bool operator==(const RightInfo&) const = default;
};
static_assert(sizeof(RightInfo) == 8);

struct RightSlot {
    Field<PortRef> port;      // the carrier's until queued, then root
    Field<RightInfo> info;
    Field<CallRef> call;      // of a send-once right that answers a msg_rpc
};

// A message. Until it is committed it belongs to the carrier that prepares it, afterwards to the root of the port it
// stands at, or to the task whose thread has it.
struct alignas(64) MessageRecord {
    Field<MessageIdentity> identity;
    Field<Place> stands;        // a port, or a task
    Field<Pair> links;          // queue, line, or doomed list
    Field<Pair> link;           // host or carrier; free list
    Field<ThreadRef> sender;    // thread, while waiting or kept
    Field<TaskRef> sender_task;
    RightSlot reply;
    std::uint32_t size;         // of header and body, bytes
    std::uint32_t type;
    std::int32_t id;
    std::uint32_t local;        // of an answer or a handed one: its receiver's name for the port that it came to
    std::array<std::uint64_t, 5> spare;
};
static_assert(sizeof(MessageRecord) == 128 && alignof(MessageRecord) == 64);

// ---- memory ----------------------------------------------------------------------------------------------------

inline constexpr std::uint32_t page_bits = 12;
inline constexpr std::uint32_t block_bits = 16;           // the pool is cut into blocks of 64 KiB
inline constexpr std::uint32_t pages_per_block = 1u << (block_bits - page_bits);
inline constexpr std::uint32_t most_orders = 32;          // a region has 2^order blocks of addresses

// Memory of the pool that a task has, a message carries, or a memory object's port holds for all who have a right to it.
// One that nobody has is in the stock, with what memory it has.
struct alignas(64) RegionRecord {
    Field<Identity> identity;   // host
    Field<Place> holder;        // own, or the root of message or port: a task, message, or port; nowhere: in a carrier's hand
    Field<Pair> links;          // own; in the task's list
    Field<Pair> link;           // host; list of free records, or of the stock
    Count block;                // host; its first
    Count order;                // host
    Count first;                // own; page of its addresses at which it begins
    Count pages;                // own
    Count reserved;             // host; pages from the first of its addresses on that have memory for certain
    Count inheritance;          // own; vm_inherit_t: what a child of a fork has of it
    Count altered;              // own; process in which it is not mapped as the rest of the pool is; 0: none
    Field<TaskRef> charged;     // lock of that task; who made the section, or sent the message, and has it counted; null: nobody
};

// ---- threads and tasks -----------------------------------------------------------------------------------------

// receive_senders: a receive that also ends when nobody else can send any more. park: for its own token. join: for the
// death of another thread's or task's kernel port. suspended: until it is resumed.
enum class WaitKind : std::uint8_t { none, send, receive, receive_senders, receive_set, reply, watch, park, join, suspended };

// Waits that stand in nobody's list; the lock of the thread's task guards them.
constexpr bool waits_alone(WaitKind kind) { return kind == WaitKind::watch || kind == WaitKind::park || kind == WaitKind::suspended; }
enum class WaitState : std::uint8_t { idle, waiting, done };

struct Wait {
    std::uint32_t epoch;     // of this wait; a late ring for an earlier one is harmless
    WaitKind kind;
    WaitState state;
    std::int16_t result;     // msg_return_t, once done
};
static_assert(sizeof(Wait) == 8);

// Destinations that accepted a kept message, of which the thread's task has not been told yet.
inline constexpr std::uint32_t most_accepted = 8;
struct Accepted {
    Field<PortRef> port;   // own
    Count name;            // own; the sender's name for it at the time
};

// What runs a thread of control. of_process: the first thread of a process that was made for it.
enum class CarrierKind : std::uint8_t { none, fiber, os_thread, of_process };

enum ThreadSpecial : std::uint32_t { thread_kernel, thread_reply_port, thread_exception, thread_specials };

// Of a thread's identity: it is being terminated and must not go on in the kernel. Terminated by others, its record
// stays, dying and in no list, until the thread itself or the end of its carrier lets go of it.
inline constexpr std::uint16_t thread_ends = 1;

inline constexpr std::uint32_t thread_registers = 21;   // as in x86_thread_state64

// Of a thread: it stands still outside the kernel, suspended; it knows that it is suspended, and will stand still at
// the end of its call; it waits for the answer to its exception. In the first and the last its registers are to be had.
inline constexpr std::uint64_t stands_still = 1;
inline constexpr std::uint64_t will_stand_still = 2;
inline constexpr std::uint64_t stands_in_exception = 3;

// In the first line of the cache is what changes when its wait ends; then, in lines of their own, the word that it looks
// at meanwhile, what it writes itself each time, and what seldom changes.
struct alignas(64) ThreadRecord {
    Field<Wait> wait;               // root of what it waits at
    Field<PortRef> wait_at;         // port or set
    Field<Pair> wait_links;         // in the list of receivers
    Count message;                  // send: the waiting message; reply: the answer; receive: the message; root, own
    Count takes;                    // its own; in a receive: bytes of its buffer, and above them the name it receives from
    Field<CallRef> call;            // own; the msg_rpc under way (thread is 0 when none), and the last number used
    std::atomic<std::uint64_t> gave_up;            // its own; epoch of the wait in a line or list that it could not leave
    alignas(64) std::atomic<std::uint64_t> rung;   // epoch of the latest wait that was ended; stored after the commit
    std::atomic<std::uint64_t> brought;            // a hint: the message that it was rung for
    alignas(64) std::atomic<std::uint64_t> inside; // its own; 1 while it runs in a trap, so not while it waits in one
    std::atomic<std::uint64_t> until;              // its own; while it waits in a trap: when that ends by itself, 0: never
    alignas(64) Field<Identity> identity;          // own; kind: CarrierKind
    Field<TaskRef> task;            // own
    Count carrier;                  // own; name of its carrier as a word; 0: it has not started yet
    std::atomic<std::uint64_t> stopped;     // its own; one of the words above, else 0
    Field<PortRef> kept_port;       // own; where its kept message waits; null: none
    Count kept_name;                // own; the sender's name for that port
    Field<Pair> accepted_span;      // own; first: the oldest of `accepted`, second: how many
    std::array<Accepted, most_accepted> accepted;
    Field<Pair> cell_links;         // own, and root of the notify port; one cell for all that were accepted
    Field<PortRef> cell_at;
    Field<Pair> siblings;           // own; the task's threads
    Field<Pair> link;               // host; free list
    Count tid;                      // own; for people
    std::array<Field<PortRef>, thread_specials> special;   // own; kernel: dies with it; exception: a send right
    Count suspends;                 // own; how often it was suspended and not resumed
    Count ender;                    // own; name of the carrier that terminates it, as a word; 0: none does
    Count token;                    // own; 1: unparked before it parked
    std::array<Count, thread_registers> registers;   // the thread's own, while it is stopped or before it starts
    Count registers_set;            // own; 1: they were changed
};

inline constexpr std::uint32_t most_registered = 4;
enum Special : std::uint32_t { special_kernel, special_notify, special_exception, special_bootstrap, specials };

struct alignas(64) TaskRecord {
    LockWord lock;
    Field<Identity> identity;                      // own
    Count process;                                 // own; index of its process
    Field<Pair> free_names;                        // own; first freed is first used
    Count used_names;                              // own; entries from here on were never used
    Count buckets;                                 // own; of the two maps; at most as many as entries
    Count names, ports, threads, sets;             // own; how many it has
    Count most_names, most_ports, most_threads;    // own; quotas
    Count suspends;                                // own; how often it was suspended and not resumed
    Count ends;                                    // own; name of the carrier that terminates it, as a word; its threads must
                                                   // not call in
    Count serves;                                  // own; 1: made by the library for the host's sake, not by a program
    std::array<Count, pages_per_task> pages;       // own; indices of chunk pages
    Count first_chunk;                             // own; index of the first chunk, where most names are
    std::array<Field<PortRef>, specials> special;  // own; each a send right
    std::array<Field<PortRef>, most_registered> registered;   // own; each a send right
    Field<Pair> thread_list;                       // own
    Field<Pair> dying;                             // own; ports
    Field<Pair> doomed;                            // own; messages
    Field<Pair> regions;                           // own; memory of the pool
    Count region_pages, most_region_pages;         // own; how much that is, with the sections it made, and its quota
    Count flight_pages, most_flight_pages;         // own; of regions in messages that it sent and nobody received yet, and its quota
    Field<Pair> views;                             // own; of sections
    Count self_name, notify_name;                  // own; entry indices
    Field<Pair> link;                              // host; free list
    Count end_cursor;                              // own; how far its end has come
    Count renamed;                                 // own; generation of names whose entry was renamed before
    std::array<std::atomic<std::uint64_t>, 2> program;   // own; up to 16 bytes of the program's name
};

}  // namespace umach::ports
