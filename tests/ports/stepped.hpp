// SPDX-License-Identifier: BSL-1.0
// A member's process that is stepped through what it does, instruction by instruction, and killed where the
// test likes.
#pragma once

#include "host_fixture.hpp"

#include <csignal>
#include <sys/ptrace.h>

namespace umach::ports {

class SteppedFixture : public HostFixture {
protected:
    static constexpr long to_the_end = 1'000'000'000;

    // Waits until the child has stopped.
    static int wait_for(pid_t child) {
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        return status;
    }

    // Starts a process of the member's that is stopped just before `body`.
    pid_t start(const Member& member, const std::function<void(Caller&)>& body) {
        const pid_t child = spawn(member, [&](Caller& caller) {
            ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
            raise(SIGSTOP);
            body(caller);
            raise(SIGSTOP);
        });
        EXPECT_TRUE(WIFSTOPPED(wait_for(child)));
        EXPECT_EQ(ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_EXITKILL), 0);
        return child;
    }

    // Steps the stopped child.
    // returns: the instructions that it did, fewer than asked for when it came to the end of its body first,
    // or when `here` said so
    template <class Here>
    static long step(pid_t child, long instructions, Here here) {
        for (long i = 0; i < instructions; ++i) {
            if (here()) return i;
            ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
            const int status = wait_for(child);
            if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGSTOP) return i;
        }
        return instructions;
    }

    static void kill_now(pid_t child) {
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
    }

    // Runs `body` in a process of the member's up to the instruction after which `here` holds, and kills it
    // there.
    template <class Here>
    void kill_where(const Member& member, Here here, const std::function<void(Caller&)>& body) {
        const pid_t child = start(member, body);
        step(child, to_the_end, here);
        EXPECT_TRUE(here()) << "the process never came to where it was to be killed";
        kill_now(child);
    }

    // Whether the process of the member is between two steps: nothing that it wrote will be taken back.
    bool has_committed(const Member& member) {
        for (std::uint32_t slot = 1; slot < k_->machine().carriers(); ++slot) {
            runtime::CarrierRecord& record = k_->machine().carrier(slot);
            if (record.process.get() == member.process && record.log_length.load() != 0) return false;
        }
        return true;
    }
};

}  // namespace umach::ports
