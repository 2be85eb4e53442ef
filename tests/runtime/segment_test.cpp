// SPDX-License-Identifier: BSL-1.0
// The conformance suite of the kinds of segment, and what only one of them promises.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/segment/posix_file.hpp"
#include "runtime/segment/segment.hpp"
#include "tests/runtime/left_behind.hpp"

namespace umach::runtime {
namespace {

template <SegmentKind K>
using KindIs = std::integral_constant<SegmentKind, K>;

constexpr std::size_t page = 4096;
// A size of this process's own, by which what it leaves behind is told from what others do at the same time.
const std::size_t our_bytes = (64 + static_cast<std::size_t>(getpid()) % 1024) * page;

Outcome<Segment> join(const Segment& segment, std::size_t bytes) {
    if (segment.kind() == SegmentKind::sysv) return Segment::attach(segment.kind(), segment.sysv_id(), bytes);
    auto copy = Descriptor(fcntl(segment.descriptor(), F_DUPFD_CLOEXEC, 0));
    return Segment::attach(segment.kind(), std::move(copy), bytes);
}

unsigned char* bytes_of(const Segment& segment) { return static_cast<unsigned char*>(segment.base()); }

int status_of_child(const std::function<int()>& body) {
    const pid_t child = fork();
    if (child == 0) _exit(body());
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
}

int exit_of_child(const std::function<int()>& body) {
    const int status = status_of_child(body);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The VmFlags of the mapping that begins at `base`.
std::string mapping_flags(const void* base) {
    std::ostringstream wanted;
    wanted << std::hex << reinterpret_cast<std::uintptr_t>(base) << '-';
    std::ifstream maps("/proc/self/smaps");
    bool inside = false;
    for (std::string line; std::getline(maps, line);) {
        if (line.rfind(wanted.str(), 0) == 0) inside = true;
        if (inside && line.rfind("VmFlags:", 0) == 0) return line + " ";
    }
    return "";
}

template <class Kind>
class SegmentOfKind : public testing::Test {
protected:
    static constexpr SegmentKind kind = Kind::value;
    static Segment make(std::size_t bytes = our_bytes) {
        auto made = Segment::create(kind, bytes);
        EXPECT_TRUE(made.ok()) << made.fault().what;
        return std::move(made).value();
    }
};
using Kinds = testing::Types<KindIs<SegmentKind::anonymous>,
                             KindIs<SegmentKind::posix>,
                             KindIs<SegmentKind::sysv>>;
TYPED_TEST_SUITE(SegmentOfKind, Kinds);

TYPED_TEST(SegmentOfKind, IsZeroedWritableAndOfWholePages) {
    const Segment segment = this->make(our_bytes - 100);
    EXPECT_EQ(segment.kind(), this->kind);
    ASSERT_EQ(segment.bytes(), our_bytes);
    for (std::size_t i = 0; i < our_bytes; ++i) ASSERT_EQ(bytes_of(segment)[i], 0);
    std::memset(segment.base(), 1, segment.bytes());
}

TYPED_TEST(SegmentOfKind, MemberThatAttachesSharesTheMemory) {
    const Segment segment = this->make();
    const auto joined = join(segment, our_bytes);
    ASSERT_TRUE(joined.ok()) << joined.fault().what;
    EXPECT_NE(joined.value().base(), segment.base());
    bytes_of(segment)[our_bytes - 1] = 42;
    EXPECT_EQ(bytes_of(joined.value())[our_bytes - 1], 42);
}

TYPED_TEST(SegmentOfKind, AnotherProcessThatAttachesSharesTheMemory) {
    const Segment segment = this->make();
    EXPECT_EQ(exit_of_child([&] {
                  const auto joined = join(segment, our_bytes);
                  if (!joined) return 1;
                  bytes_of(joined.value())[5] = 77;
                  return 0;
              }),
              0);
    EXPECT_EQ(bytes_of(segment)[5], 77);
}

TYPED_TEST(SegmentOfKind, StaysWhileAnyMemberHoldsItAndCanStillBeJoined) {
    auto first = std::make_unique<Segment>(this->make());
    bytes_of(*first)[0] = 9;
    const int id = first->sysv_id();
    auto second = join(*first, our_bytes);
    ASSERT_TRUE(second.ok());
    first.reset();
    EXPECT_EQ(second.value().sysv_id(), id);
    const auto third = join(second.value(), our_bytes);
    ASSERT_TRUE(third.ok()) << third.fault().what;
    EXPECT_EQ(bytes_of(third.value())[0], 9);
}

TYPED_TEST(SegmentOfKind, AttachingWithAnotherSizeIsAFault) {
    const Segment segment = this->make();
    EXPECT_EQ(join(segment, our_bytes + page).fault().error, EINVAL);
    EXPECT_EQ(join(segment, our_bytes - page).fault().error, EINVAL);
    EXPECT_EQ(join(segment, 0).fault().error, EINVAL);
}

TYPED_TEST(SegmentOfKind, AttachingSomethingThatIsNotThereIsAFault) {
    if (this->kind == SegmentKind::sysv) {
        const int gone = Segment::create(this->kind, page).value().sysv_id();
        EXPECT_FALSE(Segment::attach(this->kind, gone, page).ok());
        EXPECT_FALSE(Segment::attach(this->kind, -1, page).ok());
    } else {
        EXPECT_EQ(Segment::attach(this->kind, Descriptor(), page).fault().error, EBADF);
    }
}

TYPED_TEST(SegmentOfKind, NoBytesOrMoreThanTheMachineHasIsAFaultAndLeavesNothing) {
    EXPECT_EQ(Segment::create(this->kind, 0).fault().error, EINVAL);
    EXPECT_EQ(Segment::create(this->kind, SIZE_MAX).fault().error, EINVAL);
    const std::size_t pebibyte = std::size_t{1} << 50;
    const Fault fault = Segment::create(this->kind, pebibyte).fault();
    EXPECT_TRUE(fault.error == ENOMEM || fault.error == ENOSPC) << fault.what;
    EXPECT_EQ(test::sysv_segments_of(pebibyte), 0);
}

TYPED_TEST(SegmentOfKind, ForkedChildThatTouchesTheMappingFaultsAndTheParentGoesOn) {
    const Segment segment = this->make();
    const int status = status_of_child([&] {
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGSEGV, SIG_DFL);
        return static_cast<int>(static_cast<volatile unsigned char*>(segment.base())[0]);
    });
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGSEGV);
    bytes_of(segment)[0] = 1;
}

TYPED_TEST(SegmentOfKind, IsNeitherForkedNorDumped) {
    const Segment segment = this->make();
    const auto joined = join(segment, our_bytes);
    for (const void* base : {segment.base(), joined.value().base()}) {
        const std::string flags = mapping_flags(base);
        EXPECT_NE(flags.find(" dc "), std::string::npos) << flags;
        EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;
    }
}

TYPED_TEST(SegmentOfKind, HasNoNameAndBelongsToItsUserAlone) {
    const Segment segment = this->make();
    EXPECT_TRUE(test::umach_files_in_dev_shm().empty());
    if (this->kind == SegmentKind::sysv) {
        shmid_ds status{};
        ASSERT_EQ(shmctl(segment.sysv_id(), IPC_STAT, &status), 0);
        EXPECT_EQ(status.shm_perm.mode, 0600 | SHM_DEST);
        EXPECT_EQ(status.shm_nattch, 1u);
    } else {
        struct stat status {};
        ASSERT_EQ(fstat(segment.descriptor(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777, 0600u);
        EXPECT_EQ(status.st_nlink, 0u);
        EXPECT_EQ(fcntl(segment.descriptor(), F_GETFD), FD_CLOEXEC);
    }
}

TYPED_TEST(SegmentOfKind, AllItsMemoryIsThereFromTheStart) {
    const Segment segment = this->make();
    if (this->kind == SegmentKind::sysv) {
        std::vector<unsigned char> resident(our_bytes / page);
        ASSERT_EQ(mincore(segment.base(), our_bytes, resident.data()), 0);
        for (const unsigned char here : resident) EXPECT_EQ(here & 1, 1);
    } else {
        struct stat status {};
        ASSERT_EQ(fstat(segment.descriptor(), &status), 0);
        EXPECT_EQ(static_cast<std::size_t>(status.st_blocks) * 512, our_bytes);
    }
}

TYPED_TEST(SegmentOfKind, AnotherUsersSegmentIsRefused) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can be two users";
    const Segment segment = this->make();
    EXPECT_EQ(exit_of_child([&] {
                  if (setresuid(65534, 65534, 65534) != 0) return 2;
                  const auto joined = join(segment, our_bytes);
                  return !joined && (joined.fault().error == EPERM || joined.fault().error == EACCES) ? 0 : 1;
              }),
              0);
}

TYPED_TEST(SegmentOfKind, KilledAtAnySystemCallItsMakerLeavesNothing) {
    test::adopt_orphans();
    const auto make = [&] { static_cast<void>(Segment::create(this->kind, our_bytes)); };
    int step = 1;
    while (test::kill_at_system_call(test::Victim::maker, step, make)) {
        ASSERT_EQ(test::sysv_segments_of(our_bytes), 0) << "killed at stop " << step;
        ASSERT_TRUE(test::umach_files_in_dev_shm().empty()) << "killed at stop " << step;
        ++step;
    }
    EXPECT_GT(step, 10);
}

TEST(SysvSegment, KilledAtAnySystemCallItsHelperLeavesNothing) {
    test::adopt_orphans();
    const auto make = [] { static_cast<void>(Segment::create(SegmentKind::sysv, our_bytes)); };
    int step = 1;
    while (test::kill_at_system_call(test::Victim::helper, step, make)) {
        ASSERT_EQ(test::sysv_segments_of(our_bytes), 0) << "killed at stop " << step;
        ++step;
    }
    EXPECT_GT(step, 7);
}

TEST(SysvSegment, ProgramHearsNothingOfTheHelper) {
    test::reap_everyone();
    static std::atomic<int> heard{0};
    struct sigaction earlier {};
    struct sigaction listen {};
    listen.sa_handler = [](int) { ++heard; };
    sigaction(SIGCHLD, &listen, &earlier);
    const auto segment = Segment::create(SegmentKind::sysv, page);
    sigaction(SIGCHLD, &earlier, nullptr);
    EXPECT_TRUE(segment.ok());
    EXPECT_EQ(heard.load(), 0);
    EXPECT_EQ(waitpid(-1, nullptr, __WALL | WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST(SysvSegment, OneThatOthersMayOpenIsRefused) {
    const int id = shmget(IPC_PRIVATE, page, IPC_CREAT | 0666);
    ASSERT_GE(id, 0);
    EXPECT_EQ(Segment::attach(SegmentKind::sysv, id, page).fault().error, EPERM);
    shmctl(id, IPC_RMID, nullptr);
}

TEST(AnonymousSegment, CanBeResizedByNobody) {
    const auto segment = Segment::create(SegmentKind::anonymous, our_bytes);
    ASSERT_TRUE(segment.ok());
    EXPECT_NE(ftruncate(segment.value().descriptor(), 0), 0);
    EXPECT_NE(ftruncate(segment.value().descriptor(), static_cast<off_t>(our_bytes * 2)), 0);
}

TEST(AnonymousSegment, OneThatIsNotSealedIsRefused) {
    Descriptor file(memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(posix_fallocate(file.get(), 0, page), 0);
    EXPECT_EQ(Segment::attach(SegmentKind::anonymous, std::move(file), page).fault().error, EINVAL);
}

TEST(PosixSegment, OneWithHolesIsRefused) {
    auto file = nameless_file();
    ASSERT_EQ(ftruncate(file.value().get(), page), 0);
    EXPECT_EQ(Segment::attach(SegmentKind::posix, std::move(file).value(), page).fault().error, EINVAL);
}

TEST(PosixSegment, FileWhereNamelessOnesAreNotOfferedHasLostItsNameToo) {
    const auto file = unlinked_file();
    ASSERT_TRUE(file.ok()) << file.fault().what;
    struct stat status {};
    ASSERT_EQ(fstat(file.value().get(), &status), 0);
    EXPECT_EQ(status.st_nlink, 0u);
    EXPECT_EQ(status.st_mode & 07777, 0600u);
    EXPECT_EQ(fcntl(file.value().get(), F_GETFD), FD_CLOEXEC);
    EXPECT_TRUE(test::umach_files_in_dev_shm().empty());
}

TEST(PosixSegment, FullFileSystemIsAFaultWhenItIsMadeAndNotLater) {
    if (geteuid() != 0) GTEST_SKIP() << "only root may mount";
    EXPECT_EQ(exit_of_child([] {
                  if (unshare(CLONE_NEWNS) != 0) return 2;
                  // In a chroot the root is no mount of its own.
                  for (const char* at : {"/", "/dev/shm"})
                      if (mount("none", at, nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 && errno != EINVAL) return 3;
                  if (mount("small", "/dev/shm", "tmpfs", 0, "size=1m") != 0) return 4;
                  if (!Segment::create(SegmentKind::posix, 64 * page)) return 5;
                  const auto large = Segment::create(SegmentKind::posix, std::size_t{1} << 21);
                  return !large && large.fault().error == ENOSPC ? 0 : 1;
              }),
              0);
}

TEST(SegmentFile, LargerThanTheProcessMayWriteIsAFaultAndNoSignal) {
    for (const SegmentKind kind : {SegmentKind::anonymous, SegmentKind::posix}) {
        EXPECT_EQ(exit_of_child([kind] {
                      const rlimit small{page, page};
                      setrlimit(RLIMIT_FSIZE, &small);
                      const auto large = Segment::create(kind, our_bytes);
                      return !large && large.fault().error == EFBIG ? 0 : 1;
                  }),
                  0);
    }
}

TEST(Segment, UnknownKindIsAFault) {
    EXPECT_EQ(Segment::create(static_cast<SegmentKind>(7), page).fault().error, EINVAL);
    EXPECT_EQ(Segment::attach(SegmentKind::posix, 1, page).fault().error, EINVAL);
    EXPECT_EQ(Segment::attach(SegmentKind::sysv, Descriptor(), page).fault().error, EINVAL);
}

}  // namespace
}  // namespace umach::runtime
