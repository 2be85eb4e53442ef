// SPDX-License-Identifier: BSL-1.0
// What the tests of the Mach 2.5 calls share: a fixture that holds each case to leaving the task's space as
// it found it, ports that deallocate themselves, and short questions about names.
#pragma once

#include "letter.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <utility>

namespace umach::tests {

// The task's names and what each stands for.
std::map<port_name_t, port_type_t> names_of(task_t task = task_self());
// PORT_TYPE_*, or PORT_TYPE_NONE when there is no such name.
port_type_t type_of(port_name_t name, task_t task = task_self());

struct Status {
    kern_return_t code;
    port_set_name_t set;
    int messages;
    int backlog;
    bool ownership;
    bool receive;
};
Status status_of(port_name_t name, task_t task = task_self());
// How many messages a receive could take.
int waiting_at(port_name_t name);

// The next notification of the task, if one waits.
std::optional<notification_t> next_notice(msg_timeout_t timeout = 0);
// Receives a notification that must be there, and says whether it is this one.
::testing::AssertionResult notified(msg_id_t id, port_name_t name, msg_timeout_t timeout = 0);

// Sends ordinary messages with the ids FIRST, FIRST + 1 and so on.
void fill(port_t to, int number = PORT_BACKLOG_MAX, msg_id_t first = 100);
// Receives a message and gives its id; a failure's code when there is none.
int next_id(port_t from, msg_timeout_t timeout = 0);
// The ids of all the messages that wait.
std::vector<int> all_ids(port_t from);
// Receives and destroys whatever waits.
void drain(port_t from);

// A port or set of the test's, deallocated at the end if it is still there.
class Port {
public:
    Port() { EXPECT_EQ(KERN_SUCCESS, port_allocate(task_self(), &name_)); }
    explicit Port(port_name_t name) : name_(name) {}
    Port(Port&& other) noexcept : name_(std::exchange(other.name_, PORT_NULL)) {}
    Port& operator=(Port&&) = delete;
    ~Port() { drop(); }
    operator port_t() const { return name_; }
    // Deallocates it now.
    void drop();

private:
    port_name_t name_ = PORT_NULL;
};

class Set {
public:
    Set() { EXPECT_EQ(KERN_SUCCESS, port_set_allocate(task_self(), &name_)); }
    Set(const Set&) = delete;
    Set& operator=(const Set&) = delete;
    ~Set() { port_set_deallocate(task_self(), name_); }
    operator port_set_name_t() const { return name_; }
    std::vector<port_name_t> members() const;

private:
    port_set_name_t name_ = PORT_NULL;
};

// A name that no call has given out.
inline constexpr port_name_t unknown_name = 0x7ace'0123;

// Rights of one name, sent into a queue of the test's own.
msg_return_t send_right(port_t to, unsigned code, port_t name, bool deallocate = false);
// Sends a right and receives it again in the same task.
port_t send_round(unsigned code, port_t name, bool deallocate = false);
// A send-once right to a port of the test's.
port_t make_send_once(port_t receive_right);
// Gives the receiver a send right too, under the same name.
void add_send_right(port_t receive_right);

// The fixture of every suite here.
class Mach25 : public ::testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;
    task_t self_ = PORT_NULL;

private:
    std::map<port_name_t, port_type_t> before_;
};

// A suite that needs nothing more.
#define UMACH_SUITE(name) \
    class name : public ::umach::tests::Mach25 {}

}  // namespace umach::tests
