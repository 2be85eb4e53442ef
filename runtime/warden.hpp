// SPDX-License-Identifier: BSL-1.0
// A warden: a small process that makes what the system never frees by itself (System V semaphores, queues),
// waits until the last holder of the lifeline (the writing end of a pipe) has gone, however it went, removes
// it and ends. Who uses such things may all be killed in the same instant, and then nobody of them is left.
//
// Nothing stays behind, whoever is killed: the maker at any point (the warden sees the pipe's end), or the
// warden before it has reported (the maker removes them by their keys, which it chose itself). Only a warden
// that is killed later leaves things, to whoever uses them, or to nobody if those are killed with it.
#pragma once

#include <sys/types.h>

#include "runtime/descriptor.hpp"

namespace umach::runtime {

// What a warden has in its care. make() and remove() run in a fork of a process that may have other threads:
// they make system calls and nothing else, and are UMACH_UNSEEN.
class Ward {
public:
    static constexpr int most = 2;

    Ward() = default;
    Ward(const Ward&) = delete;
    Ward& operator=(const Ward&) = delete;
    virtual ~Ward() = default;

    // returns: 0, or an errno value with nothing made
    virtual int make(int (&ids)[most]) noexcept = 0;
    // sign: as given to start_warden(), or -1
    virtual void remove(const int (&ids)[most], int sign) noexcept = 0;
    // Removes what was made, in the maker; the warden was killed before it could say what its ids are.
    virtual void remove_by_key() noexcept = 0;
};

struct Warded {
    int ids[Ward::most];
    pid_t warden;
    Descriptor lifeline;
};

// sign: a descriptor that the warden is to keep, for remove() to look at; -1: none
// returns: a fault with the errno value of make(), about `what`
Outcome<Warded> start_warden(Ward& ward, const std::string& what, int sign = -1);

// returns: a key of the System V kinds that nobody else is likely to have
Outcome<key_t> random_key();

}  // namespace umach::runtime
