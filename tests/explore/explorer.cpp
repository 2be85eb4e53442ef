// SPDX-License-Identifier: BSL-1.0
#include "tests/explore/explorer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tests/explore/choices.hpp"
#include "tests/explore/strand.hpp"

namespace umach::explore {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::int64_t never = INT64_MAX, slice = 100'000'000;
constexpr std::uint64_t most_accesses = 2'000'000;   // in an execution
constexpr unsigned most_rounds = 20'000;             // in which nobody has changed anything
constexpr std::uint64_t between_looks = 512;         // executions, for what was written and not seen

enum class State { ready, made_way, asleep, ended, put_off };   // put off: it may begin, and need not yet

struct Part {
    std::unique_ptr<Strand> strand;
    State state = State::ready;
    std::uint64_t saw = 0;   // changes, when it made way
    const volatile std::uint32_t* word = nullptr;
    std::int64_t deadline = never;
    int woken = 0;
    bool is_explored = true;   // its accesses are choices
    bool may_die = true, died = false;

    const volatile void* looked_at = nullptr;   // by the last access, if that was a load
    unsigned looks = 0;                         // in which nobody has changed anything
    std::uint64_t saw_looking = 0;              // changes, then
};

class Explorer {
public:
    Explorer(Play& play, const Bounds& bounds)
        : play_(play), bounds_(bounds), shared_(play.shared()),
          choices_(bounds.preemptions + bounds.crashes, bounds.most, bounds.seed) {
        first_.assign(shared_.begin, shared_.begin + shared_.bytes);
        changed_.assign(shared_.bytes / page_bytes + 1, true);
        copied_.assign(changed_.size(), false);
        const Range copied = play.copied();
        for (std::size_t at = 0; at < copied.bytes; ++at) copied_[page_of(copied.begin + at)] = true;
    }
    ~Explorer() {
        for (std::byte* stack : stacks_) munmap(stack, Strand::stack_bytes);
    }

    Figures run();
    void before(const volatile void* address, Access access, bool orders);
    void stop(State state);
    int sleep_at(const volatile std::uint32_t* word, std::uint32_t expected, std::int64_t deadline);
    int wake_at(const volatile std::uint32_t* word, int count);
    std::int64_t now() const { return now_; }
    void pass(std::int64_t nanoseconds) { now_ += nanoseconds; }
    bool runs() const { return current_ < parts_.size(); }
    std::string path() const { return choices_.path(); }
    std::string states() const;

private:
    std::size_t page_of(const volatile void* address) const {
        return static_cast<std::size_t>(static_cast<const volatile std::byte*>(address) - shared_.begin) / page_bytes;
    }
    bool restore(std::size_t page);
    void restore(bool looks_at_all);
    Part& add(std::function<void()> body);
    void execute();
    bool go_on();
    bool let_time_pass();
    void jump_to(std::size_t part);
    void crash();
    bool looks_in_vain(const volatile void* address) const;
    void note_look(const volatile void* address);
    void put_off_what_follows();
    bool can_run(const Part& part) const {
        return part.state == State::ready || (part.state == State::made_way && part.saw != changes_);
    }
    bool may_time_out(const Part& part) const { return part.state == State::asleep && part.deadline < now_ + slice; }
    std::vector<std::size_t> others() const;

    Play& play_;
    Bounds bounds_;
    Range shared_;
    std::vector<std::byte> first_;
    std::vector<bool> changed_, copied_;   // pages
    std::vector<std::byte*> stacks_;
    std::vector<Part> parts_;
    Choices choices_;
    Figures figures_;

    std::size_t current_ = SIZE_MAX, following_ = SIZE_MAX, undertaker_ = SIZE_MAX;
    bool exploring_ = false;
    unsigned preemptions_ = 0, crashes_ = 0, rounds_ = 0, quiet_ = 0;
    std::uint64_t accesses_ = 0, changes_ = 0;
    std::int64_t now_ = 0;
};

Explorer* explorer = nullptr;

// ---- parts -----------------------------------------------------------------------------------------------------

std::string Explorer::states() const {
    std::string text;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const Part& part = parts_[i];
        const char* const living = part.state == State::asleep ? "sleeps" : "goes on";
        const char* const what = part.state == State::ended ? (part.died ? "died" : "ended") : living;
        text += (i > 0 ? ", " : "") + std::to_string(i) + " " + what;
    }
    return text;
}

std::vector<std::size_t> Explorer::others() const {
    std::vector<std::size_t> others;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const bool may_run = can_run(parts_[i]) || may_time_out(parts_[i]) || parts_[i].state == State::put_off;
        if (i != current_ && may_run) others.push_back(i);
    }
    return others;
}

Part& Explorer::add(std::function<void()> body) {
    const std::size_t number = parts_.size();
    if (number == stacks_.size()) {
        void* const stack = mmap(nullptr, Strand::stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stack == MAP_FAILED) std::abort();
        stacks_.push_back(static_cast<std::byte*>(stack));
    }
    Part& part = parts_.emplace_back();
    part.strand = std::make_unique<Strand>(stacks_[number], [this, body = std::move(body)] {
        body();
        stop(State::ended);
    });
    return part;
}

void Explorer::jump_to(std::size_t number) {
    current_ = number;
    Part& part = parts_[number];
    if (part.state == State::asleep) {   // its deadline has come
        now_ = std::max(now_, part.deadline);
        part.woken = ETIMEDOUT;
    }
    part.state = State::ready;
    part.strand->resume();
    current_ = SIZE_MAX;
}

void Explorer::stop(State state) {
    Part& part = parts_[current_];
    part.state = state;
    part.saw = changes_;
    part.looked_at = nullptr;
    if (state == State::ended) quiet_ = 0;
    Strand::leave();
}

void Explorer::crash() {
    parts_[current_].may_die = false;
    parts_[current_].died = true;
    ++crashes_;
    ++figures_.crashes;
    ++changes_;
    if (const auto* const word = mark_as_dead(); word != nullptr) {
        changed_[page_of(word)] = true;
        wake_at(word, 1);
    }
    play_.has_died(current_);
    put_off_what_follows();
    stop(State::ended);
}

// Who is at it already, or about to begin, finds this death too.
void Explorer::put_off_what_follows() {
    if (undertaker_ != SIZE_MAX && parts_[undertaker_].state != State::ended) return;
    undertaker_ = parts_.size();
    Part& part = add(play_.after_death());
    part.state = State::put_off;
    part.may_die = false;
}

// Who reads a word once more may rely on what it read before: that is a choice. From the third time on it only waits.
bool Explorer::looks_in_vain(const volatile void* address) const {
    const Part& part = parts_[current_];
    return part.looked_at == address && part.saw_looking == changes_ && part.looks >= 2;
}

void Explorer::note_look(const volatile void* address) {
    Part& part = parts_[current_];
    part.looks = part.looked_at == address && part.saw_looking == changes_ ? part.looks + 1 : 1;
    part.looked_at = address;
    part.saw_looking = changes_;
}

// ---- what the parts do -----------------------------------------------------------------------------------------

void Explorer::before(const volatile void* address, Access access, bool orders) {
    if (access != Access::load) changed_[page_of(address)] = true;
    if (!runs()) return;
    if (++accesses_ > most_accesses) {
        figures_.failure = "part " + std::to_string(current_) + " goes on for ever: " + states();
        stop(State::ended);
    }
    const bool point = exploring_ && parts_[current_].is_explored && (orders || bounds_.everywhere) &&
                       !play_.own_log(current_).has(address) && !(access == Access::load && looks_in_vain(address));
    if (point) {
        const auto with = preemptions_ < bounds_.preemptions ? others() : std::vector<std::size_t>{};
        const bool mortal = parts_[current_].may_die && crashes_ < bounds_.crashes && access != Access::load;
        const unsigned taken = choices_.deviation(1 + static_cast<unsigned>(with.size()) + (mortal ? 1 : 0), accesses_);
        if (taken > with.size()) return crash();
        if (taken > 0) {
            ++preemptions_;
            following_ = with[taken - 1];
            Strand::leave();
        }
    }
    if (access != Access::load) ++changes_, rounds_ = 0;
    note_look(access == Access::load ? address : nullptr);
}

int Explorer::sleep_at(const volatile std::uint32_t* word, std::uint32_t expected, std::int64_t deadline) {
    if (*word != expected) return EAGAIN;
    if (deadline <= now_) return ETIMEDOUT;
    Part& part = parts_[current_];
    part.word = word;
    part.deadline = deadline;
    part.woken = 0;
    stop(State::asleep);
    return parts_[current_].woken;
}

int Explorer::wake_at(const volatile std::uint32_t* word, int count) {
    int woken = 0;
    for (Part& part : parts_) {
        if (woken == count || part.state != State::asleep || part.word != word) continue;
        part.state = State::ready;
        ++woken;
        quiet_ = 0;
    }
    return woken;
}

// ---- an execution ----------------------------------------------------------------------------------------------

// returns: whether it had been changed
bool Explorer::restore(std::size_t page) {
    const std::size_t begin = page * page_bytes, bytes = std::min(page_bytes, shared_.bytes - begin);
    changed_[page] = false;
    if (std::memcmp(shared_.begin + begin, first_.data() + begin, bytes) == 0) return false;
    std::memcpy(shared_.begin + begin, first_.data() + begin, bytes);
    return true;
}

void Explorer::restore(bool looks_at_all) {
    for (std::size_t page = 0; page * page_bytes < shared_.bytes; ++page) {
        const bool expected = changed_[page] || copied_[page];
        if ((expected || looks_at_all) && restore(page) && !expected && figures_.failure.empty())
            figures_.failure = "something on page " + std::to_string(page) + " was written and not seen";
    }
}

// First for those who nap: they come upon what the dead have left. Then what follows a death begins; then deadlines pass.
// returns: false when nobody is left who waits for time to pass
bool Explorer::let_time_pass() {
    Part* first = nullptr;
    bool naps = false;
    for (Part& part : parts_) {
        naps = naps || part.state == State::made_way;
        if (part.state == State::asleep && (first == nullptr || part.deadline < first->deadline)) first = &part;
    }
    if (++rounds_ > most_rounds) return false;
    if (naps) {
        for (Part& part : parts_)
            if (part.state == State::made_way) part.state = State::ready;
        return true;
    }
    for (Part& part : parts_)
        if (part.state == State::put_off) return part.state = State::ready, true;
    for (std::size_t i = 0; i < parts_.size(); ++i)
        if (parts_[i].state == State::asleep && play_.oversleeps(i)) figures_.failure = "part " + std::to_string(i) + " was not woken: " + states();
    if (first == nullptr || first->deadline == never || ++quiet_ > 4 * parts_.size()) return false;
    now_ = first->deadline;
    first->woken = ETIMEDOUT;
    first->state = State::ready;
    return true;
}

// returns: false when all have ended
bool Explorer::go_on() {
    std::size_t part = following_;
    following_ = SIZE_MAX;
    if (part == SIZE_MAX) {
        std::vector<std::size_t> ready;
        for (std::size_t i = 0; i < parts_.size(); ++i)
            if (can_run(parts_[i])) ready.push_back(i);
        if (ready.empty()) return false;
        for (std::size_t i = 0; i < parts_.size(); ++i)
            if (parts_[i].state == State::put_off) ready.push_back(i);
        part = ready[exploring_ ? choices_.among(static_cast<unsigned>(ready.size()), accesses_) : 0];
    }
    jump_to(part);
    return true;
}

void Explorer::execute() {
    restore(choices_.executions() % between_looks == 0);
    parts_.clear();
    undertaker_ = SIZE_MAX;
    for (auto& body : play_.parts()) add(std::move(body));
    preemptions_ = crashes_ = rounds_ = quiet_ = 0;
    accesses_ = changes_ = 0;
    now_ = 1'000'000'000;
    exploring_ = true;
    while (figures_.failure.empty()) {
        if (go_on() || let_time_pass()) continue;
        const bool over = std::all_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.state == State::ended; });
        exploring_ = false;
        rounds_ = quiet_ = 0;
        auto more = play_.when_quiet(over);
        if (more)
            add(std::move(more)).is_explored = false;
        else if (over)
            break;
        else
            figures_.failure = "somebody waits for ever: " + states();
    }
    figures_.accesses += accesses_;
    if (figures_.failure.empty()) figures_.failure = play_.verdict();
    if (!figures_.failure.empty()) figures_.failure += " (" + path() + ")";
}

Figures Explorer::run() {
    while (figures_.failure.empty() && choices_.next()) execute();
    figures_.executions = choices_.executions();
    figures_.drawn = choices_.drawn();
    figures_.levels = choices_.levels();
    figures_.exhausted = choices_.exhausted();
    restore(true);
    return figures_;
}

void say_where(int signal) {
    if (explorer != nullptr) std::fprintf(stderr, "%s\n", explorer->path().c_str());
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

}  // namespace

Figures explore(Play& play, const Bounds& bounds) {
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS}) std::signal(signal, say_where);
    Explorer one(play, bounds);
    explorer = &one;
    watched = play.shared();
    Figures figures = one.run();
    watched = {};
    explorer = nullptr;
    return figures;
}

Range watched;

void before(const volatile void* address, Access access, bool orders) { explorer->before(address, access, orders); }

void make_way(std::int64_t nanoseconds) {
    if (explorer == nullptr || !explorer->runs()) return;
    explorer->pass(nanoseconds);
    explorer->stop(State::made_way);
}

int sleep_at(const volatile std::uint32_t* word, std::uint32_t expected, std::int64_t deadline) {
    return explorer != nullptr && explorer->runs() ? explorer->sleep_at(word, expected, deadline) : EAGAIN;
}

int wake_at(const volatile std::uint32_t* word, int count) {
    return explorer != nullptr ? explorer->wake_at(word, count) : 0;
}

std::int64_t virtual_now() {
    return explorer != nullptr ? explorer->now() : 1'000'000'000;
}

}  // namespace umach::explore
