// SPDX-License-Identifier: BSL-1.0
// Step and audit: while an operation is done, a keeper's work is done after each of its stores in a copy of the segment,
// as if the process had been killed there. That is a matter of milliseconds, so long operations are looked at after all
// of their stores; nobody else lives in the copy, so what others see of the death is not judged.
#include "stage.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <cstdio>
#include <utility>

namespace umach::torture {
namespace {

constexpr unsigned most_seconds = 2;   // of one look: who was copied in the middle of a step never lets go of its lock
constexpr int most_tries = 40;         // survivors may be at work while a copy is made, and rest soon

runtime::Descriptor copy_of(runtime::Segment& segment) {
    runtime::Descriptor copy(memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    const bool written = write(copy.get(), segment.base(), segment.bytes()) == static_cast<ssize_t>(segment.bytes());
    if (!written || fcntl(copy.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return {};
    return copy;
}

// Where the word is at which this thread's robust list points; -1 if that is none of the segment's.
std::ptrdiff_t pending_word(runtime::Segment& segment) {
    const robust_list_head* const list = robust_list_of_this_thread();
    const auto* entry = reinterpret_cast<std::byte*>(list->list_op_pending);
    if (entry == nullptr) return -1;
    const std::ptrdiff_t at = entry + list->futex_offset - static_cast<std::byte*>(segment.base());
    return at >= 0 && at < static_cast<std::ptrdiff_t>(segment.bytes()) ? at : -1;
}

}  // namespace

// In the process that does the operation, which stands still meanwhile.
void Stage::look_at_a_copy(Caller& caller) {
    if (progress_->stores % stride_ != 0 || progress_->broken[0] != 0) return;
    for (int i = 0; i < most_tries; ++i) {
        progress_->broken[0] = 0;
        if (is_made_whole(caller)) return void(++progress_->looks);
        for (int rest = 0; rest < 100; ++rest) sched_yield();
    }
}

bool Stage::is_made_whole(Caller& caller) {
    runtime::Segment& segment = caller.k.machine().segment();
    const std::ptrdiff_t pending = pending_word(segment);
    const pid_t self = getpid();
    runtime::Descriptor copy = copy_of(segment);
    std::snprintf(progress_->broken.data(), progress_->broken.size(), "after store %lu: it did not end", progress_->stores.load());
    const pid_t child = fork();
    if (child == 0) {
        member_.pid = self;
        make_whole(segment, std::move(copy), pending);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return false;
    progress_->broken[0] = 0;
    return true;
}

void Stage::make_whole(runtime::Segment& segment, runtime::Descriptor copy, std::ptrdiff_t pending) {
    for (const int signal : {SIGSEGV, SIGTRAP}) std::signal(signal, SIG_DFL);
    alarm(most_seconds);
    auto pool = runtime::Pool::create(k_->pool().bytes());   // what is given back to the system here is not the others' memory
    if (!pool.ok()) _exit(1);
    auto mapped = runtime::Segment::attach(runtime::SegmentKind::anonymous, std::move(copy), segment.bytes());
    if (!mapped.ok()) _exit(2);
    auto joined = Kernel::join(std::move(mapped).value(), runtime::Descriptor{}, runtime::Descriptor(dup(pool.value().descriptor())));
    if (!joined.ok()) _exit(3);
    new std::optional<Kernel>(std::move(k_));   // it is another process's
    k_.emplace(std::move(joined).value());
    if (pending >= 0) {   // what the operating system does
        auto* word = reinterpret_cast<std::atomic<std::uint32_t>*>(k_->machine().base() + pending);
        if ((word->load() & FUTEX_TID_MASK) == static_cast<std::uint32_t>(member_.pid)) *word = FUTEX_OWNER_DIED | FUTEX_WAITERS;
    }
    const std::uint32_t slot = k_->machine().claim_carrier();
    if (slot == 0) _exit(4);
    carrier_.emplace(k_->machine().carrier(slot), slot);
    carrier_->record().process.put(process_);
    k_->header().keeper.put(0);
    bury_them();
    const Audit found = audit(*k_, *carrier_, 1);
    const char* const wrong = HasFailure() ? "the dead are not known" : found.violations.empty() ? "" : found.violations.front().c_str();
    if (*wrong != 0) std::snprintf(progress_->broken.data(), progress_->broken.size(), "after store %lu: %s", progress_->stores.load(), wrong);
    _exit(*wrong != 0 ? 5 : 0);
}

void Stage::look_after_stores(const Operation& operation) {
    kill_once(operation, {});   // tables that grow have grown then
    const std::uint64_t stores = kill_once(operation, {}).stores;
    stride_ = usual_stride(stores);
    const Progress& progress = kill_once(operation, {});
    EXPECT_STREQ(progress.broken.data(), "");
    EXPECT_EQ(progress.looks, progress.stores / stride_);
    EXPECT_GE(progress.stores * 10, stores * 9);   // what it finds differs from time to time
    figures_.copies += progress.looks;
    std::printf("%lu stores, %lu copies made whole\n", progress.stores.load(), progress.looks.load());
    stride_ = 0;
}

}  // namespace umach::torture
