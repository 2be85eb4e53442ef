// SPDX-License-Identifier: BSL-1.0
// A segment that a mistake of a member has written to: whoever joins is refused, or comes in and lives; the audit
// looks at whatever stands there without harm to itself, and finds most of it.
#include "host_fixture.hpp"
#include "letter.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <random>
#include <sys/mman.h>

namespace umach::ports {
namespace {

constexpr unsigned most_seconds = 5;   // of one look
enum Verdict { nothing_found = 0, found = 1, refused = 2 };

class Malformed : public HostFixture {
protected:
    Malformed() : HostFixture({.ports = 512, .tasks = 16, .message_bytes = 1 << 18, .pool_bytes = 1 << 20}), member_(make_member()) {
        send_rights_to(member_);
        port_name_t set = PORT_NULL;
        EXPECT_EQ(set_allocate(*caller_, caller_->task, &set), KERN_SUCCESS);
        EXPECT_EQ(set_add(*caller_, caller_->task, set, port_), KERN_SUCCESS);
        Caller as_member = as(member_);
        for (int i = 0; i < 3; ++i) {
            Letter letter(there);
            EXPECT_EQ(send(as_member, letter.with(MSG_TYPE_PORT, member_.own_port).header(), SEND_TIMEOUT, 0), SEND_SUCCESS);
        }
        Letter kept(there);
        while (send(as_member, kept.header(), SEND_NOTIFY, 0) == SEND_SUCCESS) {}
        const Member dead = make_member();
        end_process(*k_, *carrier_, dead.process);   // leaves a dead name and its notice
        check("before anything is changed");
    }

    // Runs the body in a process that has a copy of the segment of its own.
    // returns: what it said, or minus the signal that ended it
    template <class Body>
    int in_a_copy(Body body) {
        const pid_t child = fork();
        if (child == 0) {
            runtime::Segment& segment = k_->machine().segment();
            void* copy = mmap(segment.base(), segment.bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                              segment.descriptor(), 0);
            if (copy != segment.base()) _exit(99);
            alarm(most_seconds);
            _exit(body());
        }
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

    std::uint64_t* words() { return reinterpret_cast<std::uint64_t*>(k_->machine().base()); }

    struct FieldOfRecord {
        std::size_t word;   // of the segment
        std::string name;
    };

    // Each field of some records in use of each zone.
    std::vector<FieldOfRecord> fields() {
        constexpr std::uint32_t most_records = 4;
        std::vector<FieldOfRecord> all;
        for (std::uint32_t number = 0; number < zones; ++number) {
            const Zone& zone = k_->zone(number);
            for (std::uint32_t i = 1; i < std::min(zone.fresh(), most_records + 1); ++i)
                for (std::byte* at = zone.at(i); at < zone.at(i + 1); at += 8)
                    all.push_back({static_cast<std::size_t>(at - k_->machine().base()) / 8,
                                   "zone " + std::to_string(number) + ", record " + std::to_string(i) + ", byte " +
                                       std::to_string(at - zone.at(i))});
        }
        return all;
    }

    int look() { return audit(*k_, *carrier_, 1).violations.empty() ? nothing_found : found; }

    // Looks at a copy in which `change` has written.
    template <class Change>
    void look_at_changed(const std::string& what, Change change) {
        const int verdict = in_a_copy([&] { return change(), look(); });
        EXPECT_TRUE(verdict == nothing_found || verdict == found) << what << ": " << verdict;
        ++looks_;
        if (verdict == found) ++finds_;
    }

    void say(const char* what) const {
        std::printf("[ figures  ] %s: %d looks, %d found something\n", what, looks_, finds_);
        std::fflush(stdout);
    }

    Member member_;
    int looks_ = 0, finds_ = 0;
};

bool is_full_run() { return std::getenv("UMACH_FULL") != nullptr; }

TEST_F(Malformed, AnyFieldOfARecordInUseIsLookedAtWithoutHarmAndMostAreFound) {
    const std::vector<FieldOfRecord> all = fields();
    const std::size_t stride = is_full_run() ? 1 : 29;
    std::size_t number = 0;
    for (const FieldOfRecord& field : all)
        for (const std::uint64_t change : {std::uint64_t{1}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
            if (++number % stride != 0) continue;
            look_at_changed(field.name, [&] { words()[field.word] ^= change; });
        }
    say("fields changed one by one");
    EXPECT_GT(finds_ * 3, looks_) << "most of what is free to be anything has been changed, or the audit looks at little";
}

// The words of a segment as they were, which can only be read, and with nothing near: who reads or writes past the end of
// the segment is to be noticed.
class WordsBefore {
public:
    WordsBefore(const std::uint64_t* words, std::size_t count) : count_(count), bytes_(count * 8) {
        all_ = static_cast<std::byte*>(mmap(nullptr, bytes_ + 2 * gap, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (all_ == MAP_FAILED || mprotect(all_ + gap, bytes_, PROT_READ | PROT_WRITE) != 0) std::abort();
        std::copy(words, words + count, at());
        mprotect(all_ + gap, bytes_, PROT_READ);
    }
    WordsBefore(const WordsBefore&) = delete;
    ~WordsBefore() { munmap(all_, bytes_ + 2 * gap); }

    void put_back(std::uint64_t* words) const { std::copy(at(), at() + count_, words); }

private:
    static constexpr std::size_t gap = 64 << 20;
    std::uint64_t* at() const { return reinterpret_cast<std::uint64_t*>(all_ + gap); }

    std::size_t count_, bytes_;
    std::byte* all_;
};

// Changes words of a segment, the same ones of each seed.
class RandomChange {
public:
    RandomChange(std::uint64_t* words, const std::vector<std::size_t>& all) : words_(words), all_(all) {}

    void make(std::uint64_t seed) {
        std::mt19937_64 random(seed);
        for (std::uint64_t left = 1 + random() % 64; left > 0; --left) {
            const std::uint64_t other = words_[any(random)];
            words_[any(random)] = random() % 4 == 0 ? other : random();
        }
    }

private:
    std::size_t any(std::mt19937_64& random) const { return all_[random() % all_.size()]; }

    std::uint64_t* words_;
    const std::vector<std::size_t>& all_;
};

// Many of them are looked at by one process, which puts everything back before each.
TEST_F(Malformed, ManyRandomWordsAreLookedAtWithoutHarm) {
    constexpr std::uint64_t of_a_process = 1'000;
    const std::uint64_t processes = is_full_run() ? 2'000 : 8;
    std::vector<std::size_t> all;
    for (const FieldOfRecord& field : fields()) all.push_back(field.word);
    auto* const at = static_cast<std::uint64_t*>(mmap(nullptr, 16, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(at, MAP_FAILED);
    std::uint64_t &seed = at[0], &finds = at[1];
    for (std::uint64_t process = 0; process < processes && !HasFailure(); ++process) {
        const int verdict = in_a_copy([&] {
            const WordsBefore before(words(), k_->machine().bytes() / 8);
            for (seed = process * of_a_process; seed < (process + 1) * of_a_process; ++seed) {
                before.put_back(words());
                RandomChange(words(), all).make(seed);
                alarm(most_seconds);
                finds += look() == found ? 1 : 0;
            }
            return nothing_found;
        });
        EXPECT_EQ(verdict, nothing_found) << "seed " << seed;
        looks_ += static_cast<int>(of_a_process);
    }
    finds_ = static_cast<int>(finds);
    EXPECT_GT(finds_ * 10L, looks_ * 9L);
    munmap(at, 16);
    say("1 to 64 words changed at random");
}

// ---- joining ----------------------------------------------------------------------------------------------

class JoiningMalformed : public Malformed {
protected:
    // A segment like this one, with one byte changed, as a member is handed it.
    runtime::Descriptor copy_with(std::size_t byte, unsigned char change) {
        runtime::Segment& segment = k_->machine().segment();
        const int copy = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        EXPECT_EQ(write(copy, segment.base(), segment.bytes()), static_cast<ssize_t>(segment.bytes()));
        unsigned char old = 0;
        EXPECT_EQ(pread(copy, &old, 1, static_cast<off_t>(byte)), 1);
        old ^= change;
        EXPECT_EQ(pwrite(copy, &old, 1, static_cast<off_t>(byte)), 1);
        EXPECT_EQ(fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
        return runtime::Descriptor(copy);
    }

    // returns: a verdict, or minus a signal
    int join_one_with(std::size_t byte, unsigned char change) {
        const std::size_t bytes = k_->machine().bytes();
        runtime::Descriptor copy = copy_with(byte, change);
        return in_a_copy([&]() -> int {
            auto mapped = runtime::Segment::attach(runtime::SegmentKind::anonymous, std::move(copy), bytes);
            if (!mapped.ok()) return 98;
            auto joined = Kernel::join(std::move(mapped).value(), runtime::Descriptor{}, runtime::Descriptor(dup(k_->pool().descriptor())));
            if (!joined.ok()) return refused;
            const std::uint32_t slot = joined.value().machine().claim_carrier();
            if (slot == 0) return refused;
            runtime::Carrier carrier(joined.value().machine().carrier(slot), slot);
            return audit(joined.value(), carrier).violations.empty() ? nothing_found : found;
        });
    }
};

TEST_F(JoiningMalformed, OneWithAnyByteOfItsIdentityChangedIsRefused) {
    EXPECT_EQ(join_one_with(0, 0), nothing_found);
    for (std::size_t byte = 0; byte < sizeof(runtime::SegmentIdentity); ++byte)
        EXPECT_EQ(join_one_with(byte, 0x10), refused) << "byte " << byte;
}

TEST_F(JoiningMalformed, OneWithAnyByteOfTheKernelsHeaderChangedIsRefusedOrDoesNoHarm) {
    const auto begin = static_cast<std::size_t>(k_->machine().records() - k_->machine().base());
    int refusals = 0;
    for (std::size_t byte = 0; byte < sizeof(KernelHeader); byte += is_full_run() ? 1 : 3) {
        const int verdict = join_one_with(begin + byte, byte % 2 == 0 ? 0x81 : 0xff);
        EXPECT_TRUE(verdict == refused || verdict == found || verdict == nothing_found) << "byte " << byte << ": " << verdict;
        if (verdict == refused) ++refusals;
    }
    EXPECT_GT(refusals, 50);
}

}  // namespace
}  // namespace umach::ports
