// SPDX-License-Identifier: BSL-1.0
// The two POSIX queues of a link lose their names at once: whoever makes them is killed, and whenever, no name
// stays.
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/left_behind.hpp"
#include "tests/transport/kinds.hpp"
#include "tests/transport/names.hpp"

namespace umach::transport::test {
namespace {

using runtime::test::adopt_orphans;
using runtime::test::kill_at_system_call;
using runtime::test::Victim;

// Where there is no queue but our own: only root can make such a place.
class Alone {
public:
    Alone() {
        if (unshare(CLONE_NEWIPC) != 0) return;
        const int system = fsopen("mqueue", FSOPEN_CLOEXEC);
        if (fsconfig(system, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0)
            folder_ = fsmount(system, FSMOUNT_CLOEXEC, 0);
    }
    bool works() const { return folder_ >= 0; }
    std::ptrdiff_t queues() const {
        return entries_in("/proc/self/fd/" + std::to_string(folder_) + "/.");
    }

private:
    int folder_ = -1;
};

constexpr int cannot = 77;

int kills_of_a_connecting_side(const std::string& address) {
    const Alone alone;
    if (!alone.works()) return cannot;
    auto door = listen(address, {});
    adopt_orphans();
    const auto join = [&] { static_cast<void>(connect(address, {}, soon()).ok()); };
    for (const auto victim : {Victim::maker, Victim::helper, Victim::warden}) {
        int step = 1;
        for (; kill_at_system_call(victim, step, join); ++step) {
            static_cast<void>(door.value().accept().ok());
            EXPECT_EQ(alone.queues(), 1) << "besides the door, killed at stop " << step;
        }
        EXPECT_GT(step, 5);
    }
    return testing::Test::HasFailure() ? 1 : 0;
}

TEST(QueueNames, OfAConnectingSideGoWhereverItOrAHelperOrTheirWardenIsKilled) {
    const pid_t process = fork();
    if (process == 0) _exit(kills_of_a_connecting_side(posix_names.make()->address()));
    int status = 0;
    ASSERT_EQ(waitpid(process, &status, 0), process);
    if (WIFEXITED(status) && WEXITSTATUS(status) == cannot) GTEST_SKIP() << "no IPC namespace to be had";
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace umach::transport::test
