// SPDX-License-Identifier: BSL-1.0
// Named hosts, joining them, and every reason why that may fail.
#include "processes.hpp"

#include "tasks/process_identity.hpp"

#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <umach_inspect.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace umach::tests {
namespace {

using runtime::DoorbellKind;
using runtime::SegmentKind;

std::string fresh_name() {
    static int count = 0;
    return "test." + std::to_string(getpid()) + "." + std::to_string(++count);
}

// Runs a scenario while another process keeps a host of that name.
void with_host(const std::string& name, const tasks::HostSizes& sizes,
               const std::function<void()>& scenario) {
    Signal made;
    const pid_t keeper = start([&] {
        MUST(tasks::make_named_host(name, sizes));
        made.give();
        receive(new_port(), MSG_OPTION_NONE, 0);
    });
    made.await();
    scenario();
    kill_and_reap(keeper);
}

void join(const std::string& name) {
    setenv("UMACH_HOST", name.c_str(), 1);
}

bool refused_because(const char* cause) {
    port_name_t port = PORT_NULL;
    return task_self() == PORT_NULL && std::strstr(mach_error_detail(), cause) != nullptr &&
           port_allocate(PORT_NULL, &port) == KERN_RESOURCE_SHORTAGE &&
           std::strstr(mach_error_detail(), cause) != nullptr && send_plain(1, 1) == SEND_KERNEL_REFUSED;
}

class Join : public testing::TestWithParam<std::tuple<SegmentKind, DoorbellKind>> {};

TEST_P(Join, UnrelatedProcessesMeetInANamedHostOfThisKind) {
    tasks::HostSizes sizes;
    std::tie(sizes.segment, sizes.doorbell) = GetParam();
    const std::string name = fresh_name();
    EXPECT_TRUE(runs_well([&] {
        with_host(name, sizes, [&] {
            join(name);
            MUST(task_self() != PORT_NULL);
            MUST(tasks::current_host()->name() == name);
            MUST(live_tasks() == 3);
            MUST(violations().empty());
        });
    }));
    EXPECT_TRUE(becomes_true([&] { return !name_is_taken(name); }));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Join,
    testing::Combine(testing::Values(SegmentKind::anonymous, SegmentKind::posix, SegmentKind::sysv),
                     testing::Values(DoorbellKind::futex, DoorbellKind::posix, DoorbellKind::sysv)));

TEST(Host, WithoutPeerPidfdsJoiningGoesByPidAndStartTime) {
    const std::string name = fresh_name();
    EXPECT_TRUE(runs_well([&] {
        setenv("UMACH_NO_PEERPIDFD", "1", 1);
        with_host(name, {}, [&] {
            const pid_t child = start([&] {
                join(name);
                MUST(task_self() != PORT_NULL);
                raise(SIGKILL);
            });
            waitpid(child, nullptr, 0);
            join(name);
            MUST(task_self() != PORT_NULL);
            MUST(becomes_true([child] { return tasks_of(child) == 0; }));
        });
    }));
}

TEST(Host, NameThatNobodyKeepsIsAClearError) {
    EXPECT_TRUE(runs_well([] {
        join(fresh_name());
        MUST(refused_because("there is no host test."));
    }));
}

TEST(Host, NameThatIsTakenCannotBeTakenAgain) {
    const std::string name = fresh_name();
    EXPECT_TRUE(runs_well([&] {
        with_host(name, {}, [&] {
            const auto again = tasks::make_named_host(name, {});
            MUST(!again && again.fault().error == EADDRINUSE);
        });
        MUST(becomes_true([&] { return !name_is_taken(name); }));
        MUST(tasks::make_named_host(name, {}));
    }));
}

TEST(Host, NameThatIsNoNameIsRefused) {
    EXPECT_TRUE(runs_well([] {
        for (const char* name : {"", "a/b", "#1", "a name that is much longer than 31 bytes"}) {
            const auto made = tasks::make_named_host(name, {});
            MUST(!made && made.fault().error == EINVAL);
        }
    }));
}

TEST(Host, HostOfAnotherUserIsAClearError) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can be two users";
    const std::string name = fresh_name();
    EXPECT_TRUE(runs_well([&] {
        with_host(name, {}, [&] {
            MUST(runs_well([&] {
                MUST(setresuid(65534, 65534, 65534) == 0);
                join(name);
                MUST(refused_because("another user's"));
            }));
        });
    }));
}

TEST(Host, SomebodyElsesSocketOfThatNameIsAClearError) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can be two users";
    const std::string path = "umach/0/" + fresh_name();
    EXPECT_TRUE(runs_well([&] {
        Signal bound, leave;
        const pid_t squatter = start([&] {
            MUST(setresuid(65534, 65534, 65534) == 0);
            const int socket = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
            sockaddr_un address{};
            address.sun_family = AF_UNIX;
            std::memcpy(address.sun_path + 1, path.data(), path.size());
            const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
            MUST(bind(socket, reinterpret_cast<sockaddr*>(&address), length) == 0 && listen(socket, 8) == 0);
            bound.give();
            leave.await();
        });
        bound.await();
        MUST(runs_well([&] {
            join(path.substr(std::strlen("umach/0/")));
            MUST(refused_because("another user's"));
        }));
        leave.give();
        MUST(ended_well(squatter));
    }));
}

// Its thread numbers would mean other threads there.
TEST(Host, ProcessOfAnotherPidNamespaceIsRefusedAndTheHostIsAsItWas) {
    constexpr int cannot = 77;
    const std::string name = "namespace-" + std::to_string(getpid());
    Signal made, tried;
    const pid_t maker = start([&] {
        MUST(umach_host_create(name.c_str(), nullptr) == KERN_SUCCESS);
        MUST(new_port() != PORT_NULL);
        made.give();
        tried.await();
        MUST(becomes_true([] { return live_tasks() <= 2; }));
        MUST(violations().empty());
    });
    made.await();
    const pid_t stranger = start([&] {
        if (unshare(CLONE_NEWPID) != 0) _exit(cannot);
        MUST(runs_well([&] {
            MUST(umach_host_attach(name.c_str()) != KERN_SUCCESS);
            MUST(std::strstr(mach_error_detail(), "pid namespace") != nullptr);
        }));
    });
    int status = 0;
    ASSERT_EQ(waitpid(stranger, &status, 0), stranger);
    tried.give();
    EXPECT_TRUE(ended_well(maker));
    if (WIFEXITED(status) && WEXITSTATUS(status) == cannot) GTEST_SKIP() << "no pid namespace can be made here";
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(Host, FullHostIsAClearErrorAndHasRoomAgainAfterADeath) {
    EXPECT_TRUE(runs_well([] {
        setenv("UMACH_TASKS", "3", 1);  // ours, the name service's, one more
        MUST(task_self() != PORT_NULL);
        Signal in, leave;
        const pid_t child = start([&] {
            MUST(task_self() != PORT_NULL);
            in.give();
            leave.await();
        });
        in.await();
        MUST(runs_well([] { MUST(task_self() == PORT_NULL && *mach_error_detail() != '\0'); }));
        leave.give();
        MUST(ended_well(child));
        MUST(becomes_true([child] { return tasks_of(child) == 0; }));
        MUST(becomes_true([] { return runs_well([] { MUST(task_self() != PORT_NULL); }); }));
        MUST(violations().empty());
    }));
}

TEST(Host, TooLittleMemoryIsAClearError) {
    EXPECT_TRUE(runs_well([] {
        setenv("UMACH_MEMORY", "1000000000000000", 1);
        MUST(task_self() == PORT_NULL && *mach_error_detail() != '\0');
    }));
}

TEST(Host, SizesOfTheEnvironmentAreThoseOfTheHost) {
    EXPECT_TRUE(runs_well([] {
        setenv("UMACH_PORTS", "1000", 1);
        setenv("UMACH_TASKS", "17", 1);
        MUST(task_self() != PORT_NULL);
        MUST(kernel().capacity(ports::zone_ports) == 1001 && kernel().capacity(ports::zone_tasks) == 18);
    }));
}

TEST(Host, HostOfOneProcessHasNoSocketAndNoThread) {
    EXPECT_TRUE(runs_well([] {
        MUST(task_self() != PORT_NULL);
        MUST(!name_is_taken(tasks::current_host()->name()));
        MUST(kernel().header().keeper.get() == 0);
        MUST(live_tasks() == 1);
    }));
}

TEST(Identity, StartTimeTellsProcessesApartAndIsNothingForAPidThatIsFree) {
    const pid_t child = start([] { pause(); });
    const std::uint64_t time = tasks::start_time_of(child);
    EXPECT_GE(time, tasks::start_time_of(getpid()));
    EXPECT_FALSE(tasks::pidfd_of({child, time + 1, 0}));
    EXPECT_TRUE(tasks::pidfd_of({child, time, 0}));
    kill_and_reap(child);
    EXPECT_EQ(tasks::start_time_of(child), 0u);
    EXPECT_FALSE(tasks::pidfd_of({child, time, 0}));
}

}  // namespace
}  // namespace umach::tests
