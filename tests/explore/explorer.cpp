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
#include <unordered_set>

#include "tests/explore/choices.hpp"
#include "tests/explore/memory.hpp"
#include "tests/explore/strand.hpp"

namespace umach::explore {
namespace {

constexpr std::int64_t never = INT64_MAX, slice = 100'000'000;
constexpr std::uint64_t most_accesses = 2'000'000;   // in an execution
constexpr unsigned most_rounds = 20'000;             // in which nobody has changed anything
constexpr unsigned naps_in_vain = 1'000;             // of those
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
    Range own_log;

    const volatile void* looked_at = nullptr;   // by the last access, if that was a load
    unsigned looks = 0;                         // in which nobody has changed anything
    std::uint64_t saw_looking = 0;              // changes, then
};

class Explorer {
public:
    Explorer(Play& play, const Bounds& bounds)
        : play_(play), bounds_(bounds), memory_(play.shared(), play.copied()),
          choices_(bounds.preemptions + bounds.crashes, bounds.most, bounds.seed) {}
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
    void restore(bool looks_at_all);
    Part& add(std::function<void()> body);
    void execute();
    bool go_on();
    bool let_time_pass();
    void jump_to(std::size_t part);
    void crash();
    bool looks_in_vain(const Part& part, const volatile void* address) const;
    void note_look(Part& part, const volatile void* address);
    void put_off_what_follows();
    bool can_run(const Part& part) const {
        return part.state == State::ready || (part.state == State::made_way && part.saw != changes_);
    }
    bool may_time_out(const Part& part) const { return part.state == State::asleep && part.deadline < now_ + slice; }
    bool is_point(const Part& part, const volatile void* address, Access access, bool orders) const;
    bool deviate(Part& part, Access access);
    bool may_go_on(std::size_t part) const;
    std::size_t others() const;
    std::size_t other(std::size_t number) const;

    Play& play_;
    Bounds bounds_;
    Memory memory_;
    std::vector<std::byte*> stacks_;
    std::vector<Part> parts_;
    Choices choices_;
    Figures figures_;
    std::unordered_set<std::uint64_t> judged_;   // ends

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

bool Explorer::may_go_on(std::size_t part) const {
    const bool may_run = can_run(parts_[part]) || may_time_out(parts_[part]) || parts_[part].state == State::put_off;
    return part != current_ && may_run;
}

// How many there are who may go on instead of the current one, and which one that is.
std::size_t Explorer::others() const {
    std::size_t others = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) others += may_go_on(i) ? 1 : 0;
    return others;
}
std::size_t Explorer::other(std::size_t number) const {
    std::size_t part = 0;
    while (!may_go_on(part) || number-- > 0) ++part;
    return part;
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
    part.own_log = play_.own_log(number);
    return part;
}

void Explorer::jump_to(std::size_t number) {
    current_ = number;
    loads_count = true;
    Part& part = parts_[number];
    if (part.state == State::asleep) {   // its deadline has come
        now_ = std::max(now_, part.deadline);
        part.woken = ETIMEDOUT;
    }
    part.state = State::ready;
    part.strand->resume();
    current_ = SIZE_MAX;
    loads_count = false;
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
        memory_.note_change(word);
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
bool Explorer::looks_in_vain(const Part& part, const volatile void* address) const {
    return part.looked_at == address && part.saw_looking == changes_ && part.looks >= 2;
}

void Explorer::note_look(Part& part, const volatile void* address) {
    part.looks = part.looked_at == address && part.saw_looking == changes_ ? part.looks + 1 : 1;
    part.looked_at = address;
    part.saw_looking = changes_;
}

// ---- what the parts do -----------------------------------------------------------------------------------------

bool Explorer::is_point(const Part& part, const volatile void* address, Access access, bool orders) const {
    return exploring_ && part.is_explored && (orders || bounds_.everywhere) && !part.own_log.has(address) &&
           !(access == Access::load && looks_in_vain(part, address));
}

// returns: false when the part has died
bool Explorer::deviate(Part& part, Access access) {
    const std::size_t with = preemptions_ < bounds_.preemptions ? others() : 0;
    const bool mortal = part.may_die && crashes_ < bounds_.crashes && access != Access::load;
    const unsigned taken = choices_.deviation(1 + static_cast<unsigned>(with) + (mortal ? 1 : 0), accesses_);
    if (taken == 0) return true;
    if (taken > with) return crash(), false;
    ++preemptions_;
    following_ = other(taken - 1);
    Strand::leave();
    return true;
}

void Explorer::before(const volatile void* address, Access access, bool orders) {
    if (access != Access::load) memory_.note_change(address);
    if (!runs()) return;
    if (++accesses_ > most_accesses) {
        figures_.failure = "part " + std::to_string(current_) + " goes on for ever: " + states();
        stop(State::ended);
    }
    const std::size_t number = current_;
    if (is_point(parts_[number], address, access, orders) && !deviate(parts_[number], access)) return;
    Part& part = parts_[number];   // others may have joined meanwhile
    if (access != Access::load) {
        ++changes_, rounds_ = 0;
        part.looked_at = nullptr;
    } else {
        note_look(part, address);
    }
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

void Explorer::restore(bool looks_at_all) {
    const auto page = memory_.restore(looks_at_all);
    if (page && figures_.failure.empty()) figures_.failure = "something on page " + std::to_string(*page) + " was written and not seen";
}

// First for those who nap: they come upon what the dead have left. Then, or after long, what follows a death; then deadlines.
// returns: false when nobody is left who waits for time to pass
bool Explorer::let_time_pass() {
    Part* first = nullptr;
    bool naps = false;
    for (Part& part : parts_) {
        naps = naps || part.state == State::made_way;
        if (part.state == State::asleep && (first == nullptr || part.deadline < first->deadline)) first = &part;
    }
    if (++rounds_ > most_rounds) return false;
    if (naps && rounds_ != naps_in_vain) {
        for (Part& part : parts_)
            if (part.state == State::made_way) part.state = State::ready;
        return true;
    }
    for (Part& part : parts_)
        if (part.state == State::put_off) return part.state = State::ready, true;
    if (naps) return true;
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
    if (figures_.failure.empty() && judged_.insert(memory_.digest(play_.told())).second) figures_.failure = play_.verdict();
    if (!figures_.failure.empty()) figures_.failure += " (" + path() + ")";
}

Figures Explorer::run() {
    while (figures_.failure.empty() && choices_.next()) execute();
    figures_.executions = choices_.executions();
    figures_.ends = judged_.size();
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
bool loads_count = false;

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
