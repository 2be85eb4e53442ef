// SPDX-License-Identifier: BSL-1.0
// One operation of the kernel, done by a process that is killed at a point of it, in a host where others live
// on. What must hold afterwards is the same for every operation:
//
//   - whoever needs the same locks and objects gets on at once, before any keeper has looked;
//   - after it has, the audit finds nothing broken, and every record that was taken is free again;
//   - of what was sent all has arrived or nothing, and what had returned with success has;
//   - who held a right to what died has been told, once;
//   - whoever waited for the dead process, or was owed a ring by it, has been rung: no slice found work.
#pragma once

#include "../ports/blocked.hpp"
#include "../ports/host_fixture.hpp"
#include "../ports/letter.hpp"
#include "kill_point.hpp"

#include <memory>

namespace umach::torture {

using namespace ports;

inline constexpr msg_id_t payload = 4711;  // of the message that an operation sends to the survivors
inline constexpr msg_id_t request = 4712;  // of one that waits for the operation
inline constexpr msg_id_t ending = 4713;   // ends a survivor's wait

class Stage;

// In the process that is killed.
struct Scene {
    Caller& caller;
    port_name_t own;                  // a port that its task receives from
    port_name_t there;                // a send right to the survivors' port
    port_name_t extra;                // what the operation's setting has put there for it
    const std::vector<Member>& dead;  // that were killed before

    msg_return_t post(Letter letter, msg_option_t options = SEND_TIMEOUT, msg_timeout_t timeout = 0);
    msg_return_t fetch(port_name_t from, Letter* got, msg_option_t options = RCV_TIMEOUT,
                       msg_timeout_t timeout = 0);
};

// What stands there before the operation: nothing, messages, survivors that wait. Done by the survivors.
using Setting = std::function<void(Stage&)>;

struct Operation {
    const char* name;
    int (*act)(Scene&);  // returns the code of what it is about
    Setting setting = nullptr;
    bool sends = false;  // success means that the payload has gone to the survivors
    int code = 0;        // what it returns when nobody kills it
};
inline std::ostream& operator<<(std::ostream& out, const Operation& operation) {
    return out << operation.name;
}

// What a whole run of the suite came to.
struct Figures {
    std::uint64_t operations = 0, points = 0, instructions = 0, kills = 0,
                  inside = 0;  // inside: before the operation had returned
    std::uint64_t copies = 0;  // that were made whole
    double longest_use = 0;    // of the survivors' use, ms
};

class Stage : public HostFixture {
public:
    Stage();

    // For settings.
    const Member& member() const { return member_; }
    Caller& survivor() { return *caller_; }
    port_name_t port() const { return port_; }
    using HostFixture::there;
    void give(port_name_t extra) { extra_ = extra; }
    port_name_t extra() const { return extra_; }
    port_name_t new_port();
    void post(Letter letter, msg_id_t id = request, msg_option_t options = SEND_TIMEOUT);
    void fill_port_of_member();
    void send_rights() { send_rights_to(member_); }
    Caller as_member() { return as(member_); }
    // Another process does the operation and is killed; nobody clears away after it, or comes near what it
    // held.
    void expect_dead(int how_many);  // first, if there will be several
    void leave_dead(const Operation& operation, KillPoint point);
    // A survivor's thread that waits; it must come back by itself once the keeper has been there.
    void wait_with(std::function<msg_return_t(Caller&)> call);
    // The same for one that receives from the survivors' port, or from a set with it: it is sent something if
    // the operation did not.
    void receive_with_thread();
    void receive_from_set_with_thread();

protected:
    // Does the operation once, up to the point.
    // returns: how far it came
    const Progress& kill_once(const Operation& operation, KillPoint point);
    // Tries points of the operation, all of them in a full run, else as many as are usual, spread evenly.
    void kill_everywhere(const Operation& operation);
    // Does the operation once, and after its stores, all of them in a full run, does a keeper's work in a copy of the
    // segment, as if the process had been killed there.
    void look_after_stores(const Operation& operation);

    static void TearDownTestSuite();
    static Figures figures_;

private:
    void act_out(const Operation& operation, KillPoint point);
    void look_at_a_copy(Caller& caller);
    bool is_made_whole(Caller& caller);
    [[noreturn]] void make_whole(runtime::Segment& segment, runtime::Descriptor copy, std::ptrdiff_t pending);
    std::uint64_t usual_stride(std::uint64_t stores) const;
    void expect_known_dead(const std::string& when);
    void expect_keeper_known_dead(const std::string& when);
    void use_what_it_used(const std::string& when);
    bool is_of_the_dead(std::uint64_t process) const;
    void mark_the_dead();
    void bury_them();
    void receive_with_thread(port_name_t from);
    bool somebody_sleeps();
    int end_waits();
    void take_out_of_set();
    int take_payloads();
    void expect_told_once(const std::string& when);
    void give_back_memory();
    void expect_nothing_left(const Counts& before, const std::string& when);
    void try_points(const Operation& operation, When when, std::uint64_t stores);
    void try_instructions(const Operation& operation, std::uint64_t stores);
    std::uint64_t count_stores(const Operation& operation);

    struct Unmap {
        void operator()(Progress* progress) const;
    };
    static Progress* map_progress();

    Member member_;
    std::vector<Member> spare_;
    std::vector<Member> dead_;
    port_name_t extra_ = PORT_NULL;
    port_name_t set_ = PORT_NULL;  // that the survivors' port is in
    std::unique_ptr<Blocked> waiting_;
    std::unique_ptr<Letter> letter_;  // of a thread that receives
    std::unique_ptr<Progress, Unmap> progress_{map_progress()};
    std::uint64_t stride_ = 0;   // between two stores after which a copy is looked at; 0: none is
};

// At which the operating system looks when the thread dies.
robust_list_head* robust_list_of_this_thread();

// UMACH_FULL: every point.
bool is_full_run();

}  // namespace umach::torture
