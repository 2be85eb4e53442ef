// SPDX-License-Identifier: BSL-1.0
// A warden: a small process that makes what the system never frees by itself (System V semaphores and queues,
// names of POSIX queues and of files), waits until the last holder of the lifeline (the writing end of a pipe)
// has gone, however it went, removes it and ends. Who uses such things may all be killed in the same instant,
// and then nobody of them is left.
//
// Nothing stays behind, whoever is killed: the maker at any point (the warden sees the pipe's end), or the
// warden before it has reported (the maker removes them by their keys, which it chose itself). Only a warden
// that is killed later leaves things, to whoever uses them, or to nobody if those are killed with it.
#pragma once

#include <sys/types.h>

#include "runtime/descriptor.hpp"

namespace umach::runtime {

// What a warden has in its care: one thing, or two of a kind. All but remove_by_key() runs in a fork of a
// process that may have other threads: it makes system calls and nothing else, and is UMACH_UNSEEN.
class Ward {
public:
    static constexpr int most = 2;

    // takes: how many things, at most `most`
    explicit Ward(int things) : things_(things) {}
    Ward(const Ward&) = delete;
    Ward& operator=(const Ward&) = delete;
    virtual ~Ward() = default;

    // returns: 0, or an errno value with nothing made
    int make(int (&ids)[most]) noexcept;
    void remove(const int (&ids)[most]) noexcept;
    // Removes what was made, in the maker; the warden was killed before it could say what its ids are.
    void remove_by_key() noexcept;
    // In the warden: lets go of every descriptor but `lifeline_out`, which becomes 0, and what is kept.
    void keep_only(int lifeline_out) noexcept;

protected:
    // Makes that thing.
    // returns: 0 and what its id is, or an errno value
    virtual int make_one(int which, int& id) noexcept = 0;
    // Removes that thing, if it is still the one that was made.
    virtual void remove_one(int which, int id) noexcept = 0;
    virtual void remove_one_by_key(int which) noexcept = 0;
    // What there is to wait for when the last holder of the lifeline has gone.
    virtual void wait_for_others(const int (&)[most]) noexcept {}

    int kept_[most] = {-1, -1};  // descriptors that the warden is to keep; their numbers change when it does

private:
    const int things_;
};

struct Warded {
    int ids[Ward::most];  // -1: there is only one thing
    pid_t warden;
    Descriptor lifeline;
};

// returns: a fault with the errno value of make(), about `what`
Outcome<Warded> start_warden(Ward& ward, const std::string& what);

// returns: a key of the System V kinds that nobody else is likely to have
Outcome<key_t> random_key();

}  // namespace umach::runtime
