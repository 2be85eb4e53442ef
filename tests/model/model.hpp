// SPDX-License-Identifier: BSL-1.0
// The rights algebra once more, as small and plain as it can be said: no locks, no shared memory, no steps,
// one call at a time, and a whole host is a value that can be copied. It is what the kernel is compared with
// after every call.
//
// The model makes no names. Whoever drives it calls the kernel first and tells the model which names came
// out; the model says whether that port could have got that name: the one it has in the space, or an unused
// one.
#pragma once

#include <mach.h>

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace umach::model {

inline constexpr int none = -1;

enum Bits : unsigned { send = 1, receive = 2, owner = 4, once = 8, dead = 16, set = 32 };

// One name. `object` is a port's number, or a set's; of a dead name nothing.
struct Entry {
    int object = none;
    unsigned rights = 0;
    int urefs = 0;
    int notice_at = none;  // the port at which its PORT_DELETED waits
    int serial = 0;        // in which order names were made
};

enum class At { nowhere, task, message, notice };
struct Place {
    At at = At::nowhere;
    int index = none;
    bool operator==(const Place&) const = default;
};

enum class Carried { null, send, once, receive, ownership, all, dead };
struct Right {
    Carried kind = Carried::null;
    int port = none;
};

struct Message {
    msg_id_t id = 0;
    std::vector<Right> rights;
    Right reply;
    bool counts = true;  // against the backlog
    int sender = none;   // task, while it is kept and its sender lives
};

enum class About { deleted, accepted, no_senders, rights };
struct Notice {
    About about = About::deleted;
    int task = none;       // deleted, accepted
    port_name_t name = 0;  // deleted; accepted: when it was sent
    int port = none;       // accepted, no_senders, rights
    msg_id_t id = 0;
};

struct Port {
    Place receiver;
    Place owner;
    std::deque<int> queue;
    std::deque<int> line;
    std::vector<Notice> notices;
    int backlog = PORT_BACKLOG_DEFAULT;
    int senders = 0;
    int made = 0;
    int in_set = none;
    int backup = none;
    int no_senders = none;  // the port to be told
    bool kernel = false;
    bool dying = false;
};

struct Set {
    int task = none;
    std::deque<int> ready;
};

struct Kept {
    bool pending = false;  // the message waits
    int port = none;
    port_name_t name = 0;  // the sender's for the port, when it was sent
};

struct Task {
    bool alive = true;
    std::map<port_name_t, Entry> space;
    int kernel_port = none;
    int notify = none;
    Kept kept;
    int unheard = 0;  // acceptances that were not received yet
    int bootstrap = none;
    std::vector<int> registered{none, none, none, none};
};

// What a send is to carry, as the sender says it.
struct Item {
    unsigned code = 0;
    bool deallocate = false;
    std::vector<port_name_t> names;
};
struct Sending {
    port_name_t destination = 0;
    port_name_t reply = 0;
    msg_id_t id = 0;
    bool keep = false;
    std::vector<Item> items;
};

// What a receive brought, as the kernel tells it.
struct Received {
    msg_id_t id = 0;
    port_name_t local = 0;
    port_name_t remote = 0;
    bool kernel = false;
    std::vector<port_name_t> names;
};

class Host {
public:
    std::map<int, Port> ports;
    std::map<int, Message> messages;
    std::map<int, Set> sets;
    std::vector<Task> tasks;
    std::string error;  // how the kernel's answer cannot be

    int add_task(port_name_t self_name, port_name_t notify_name);
    // order: of its names, in which the kernel comes by them; it promises none, and others see it by the notices
    void end_task(int task, const std::vector<port_name_t>& order);

    // Each returns the code that the call must give. Names that the kernel gave out are looked at only on
    // success.
    int allocate(int task, port_name_t made);
    int deallocate(int task, port_name_t name);
    int release(int task, port_name_t name, port_type_t right);
    int reference(int task, port_name_t name);
    int rename(int task, port_name_t old_name, port_name_t new_name);
    int set_backlog(int task, port_name_t name, int backlog);
    int set_backup(int caller, int task, port_name_t name, port_name_t backup, port_name_t previous);
    int ask_no_senders(int task, port_name_t name, port_name_t notify);
    int set_allocate(int task, port_name_t made);
    int set_deallocate(int task, port_name_t name);
    int set_add(int task, port_name_t set_name, port_name_t name);
    int set_remove(int task, port_name_t name);
    int insert_send(int caller, int task, port_name_t my, port_name_t his);
    int extract_send(int caller, int task, port_name_t his, port_name_t my);
    int insert_receive(int caller, int task, port_name_t my, port_name_t his);
    int extract_receive(int caller, int task, port_name_t his, port_name_t my);
    int set_bootstrap(int caller, int task, port_name_t name);
    int get_bootstrap(int caller, int task, port_name_t name);
    int register_ports(int task, const std::vector<port_name_t>& names);
    int send_message(int task, const Sending& sending);
    int receive_message(int task, port_name_t from, const Received& got);

    // What is to be seen from outside.
    std::map<port_name_t, port_type_t> types(int task) const;
    int waiting(int port) const;
    port_name_t name_of(int task, int object, unsigned rights) const;
    bool may_ask_no_senders(int task, port_name_t name) const;

private:
    int next_ = 1;
    std::deque<int> doomed_;
    std::deque<int> dying_;

    Entry* find(int task, port_name_t name);
    Entry* known(int task, int port);
    int new_port(int task);
    // Puts rights to a port under the name that the kernel says it gave.
    void enter(int task, int port, unsigned rights, port_name_t given);
    void enter_new(int task, Entry entry, port_name_t given);
    void hand_out(int task, int port, port_name_t given);
    bool can_send_to(int task, port_name_t name, int* port);
    int can_insert(int task, int port, port_name_t his);
    void move_receive(int from, port_name_t name, int to, port_name_t given, bool keep_send);
    void remove(int task, port_name_t name);
    void drop_send(int port);
    void post(int port, const Notice& notice);
    void withdraw_rights_notice(int port);
    void tell_rights(int task, int port, msg_id_t id);
    bool below(Place place, int port) const;
    void detach(int port, Place to);
    void leave_set(int port);
    void lose_receive(int port, bool owner_too);
    void lose_owner(int port);
    void admit(int port);
    int where_accepted(int task) const;
    void doom(int message);
    void work_off();
    void release_one(int message, Right right);
    void dismantle(int port);
    void drop_notice(const Notice& notice);
    void news(int port, bool had_news);
    void taken(int port);
    bool has_news(int port) const;
    bool take_right(int task, int message, int destination, unsigned code, bool deallocate, port_name_t name,
                    Right* right);
    bool take_own(int task, int message, int destination, unsigned wanted, bool deallocate, port_name_t name,
                  Right* right);
    bool take_all(int task, int message, int destination, const Sending& sending);
    int call_kernel(int task, const Sending& sending, int port);
    bool circular(int moving, int destination) const;
    int depth_below(int port) const;
    int depth_above(int port) const;
    int receive_notice(int task, int port, const Received& got);
    void arrive(int task, int message, Right right, port_name_t given);
};

}  // namespace umach::model
