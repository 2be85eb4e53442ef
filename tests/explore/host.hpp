// SPDX-License-Identifier: BSL-1.0
// A host whose members are parts of an exploration: each a process, a task, a carrier and a thread of control of its own,
// all in one address space.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>

#include <mach/notify.h>

#include "ports/calls.hpp"
#include "ports/receive.hpp"
#include "ports/send.hpp"
#include "ports/task.hpp"
#include "ports/thread.hpp"
#include "tests/explore/explorer.hpp"
#include "tests/ports/letter.hpp"

namespace umach::explore {

using namespace ports;

class Host;

struct Member {
    std::uint32_t process = 0;
    std::optional<runtime::Carrier> carrier;
    std::optional<Caller> caller;
    port_name_t own = 0;   // a port that it receives from
    port_name_t extra = 0; // what the scene's setting has put there for it
    bool dead = false, buried = false;

    operator Caller&() { return *caller; }
    ports::TaskRef task() const { return caller->task; }
};

using Act = std::function<void(Host&, Member&)>;

// What may keep a message that was sent from being received.
enum class Loss {
    with_its_receiver,   // the death of the member that it was sent to
    with_anybody,        // any death: its port moves from one member to another
    with_a_port,         // a port ends though nobody dies
};

constexpr std::size_t nobody = SIZE_MAX;
constexpr msg_return_t in_flight = -1;   // a code that no call returns: it has not

// What is explored. Its acts tell the host what they send and get by numbers, each of which is sent once. Who is alive at
// the end is judged by what it was told, whoever has died.
struct Scene {
    const char* name;
    std::vector<Act> acts;
    std::function<void(Host&)> setting{};
    std::function<void(Host&)> release{};                // for who still waits when all others have ended
    std::function<std::string(Host&)> verdict{};         // "" if it is as it should be, seeing who died
    Loss loss = Loss::with_its_receiver;
};

class Host final : public Play {
public:
    explicit Host(const Scene& scene);

    Member& member(std::size_t number) { return members_[number]; }
    Member& keeper() { return keeper_; }
    ports::Kernel& kernel() { return *k_; }
    // The name that each member has for another one's port.
    static port_name_t to(std::size_t member) { return static_cast<port_name_t>(100 + member); }
    void introduce(Member& who, port_name_t port, Member& whom, port_name_t name);

    // ---- for acts
    // Sends the message with that number.
    msg_return_t post(Member& from, msg_id_t number, Letter letter, msg_option_t options = SEND_TIMEOUT, msg_timeout_t timeout = 0);
    // Receives, and notes the number of what came.
    msg_return_t fetch(Member& at, port_name_t from, msg_option_t options = MSG_OPTION_NONE, msg_timeout_t timeout = 0,
                       Letter* got = nullptr);
    void notes_sent(msg_id_t number, msg_return_t code, std::size_t to);
    void notes_got(msg_id_t number) { ++got_[number]; }
    // Who the answer of that number is for, which is sent to a right without a name of its own.
    void expects(msg_id_t number, Member& caller);
    msg_return_t code(msg_id_t number) { return sent_[number].code; }
    bool lives(std::size_t member) const { return !members_[member].dead; }
    bool all_live() const;
    int result(std::size_t place) { return results_[place]; }
    void put_result(std::size_t place, int code) { results_[place] = code; }
    // How many notifications of that kind have come to a member.
    int notices(Member& at, msg_id_t id);

private:
    Range shared() override;
    Range copied() override;
    std::vector<std::function<void()>> parts() override;
    Range own_log(std::size_t part) override;
    void has_died(std::size_t part) override { members_[part].dead = true; }
    bool oversleeps(std::size_t part) override;
    std::function<void()> after_death() override;
    std::function<void()> when_quiet(bool all_ended) override;
    std::string verdict() override;
    std::string told() override;

    void notes(Member& at, const msg_header_t& header);
    void join(Member& member, const char* program);
    Member* unburied();
    void bury(Member& member);
    void drain(Member& member);
    std::size_t addressee(msg_id_t number, port_name_t name) const;
    struct Sent;
    bool was_lost(msg_id_t number, const Sent& sent);
    std::string accounts();

    const Scene& scene_;
    std::optional<ports::Kernel> k_;
    Member keeper_;
    std::deque<Member> members_;
    struct Sent {
        msg_return_t code = in_flight;
        std::size_t to = nobody;   // the member, if it is known
    };
    std::map<msg_id_t, Sent> sent_, sent_before_;   // before: by the scene's setting
    std::map<msg_id_t, std::size_t> expected_;
    std::map<msg_id_t, int> got_;
    std::map<std::size_t, int> results_;
    std::map<std::pair<Member*, msg_id_t>, int> notices_;
    bool released_ = false;
};

const std::vector<Scene>& scenes();

}  // namespace umach::explore
