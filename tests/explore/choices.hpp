// SPDX-License-Identifier: BSL-1.0
// Which way an execution goes wherever it could go several ways.
//
//   First all executions that deviate nowhere (from each part going on while it can), then all that deviate at most once,
//   and so on up to the bound: each level depth first. Depth first changes the last choices first, so of a level that was
//   cut off only the ends would have been explored. Where a level will not be through with the executions that are left, as
//   far as can be told before it begins and when a quarter of them have gone, the rest are drawn: deviations at random
//   places of the whole execution. The same seed draws the same ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace umach::explore {

class Choices {
public:
    Choices(unsigned deviations, std::uint64_t most, std::uint64_t seed)
        : deviations_(deviations), most_(most), random_(seed) {}

    // Begins the next execution, or the first.
    // returns: false when all within the bounds have been, or as many as may be
    bool next();

    // Who goes on when nobody could go on by himself. at: the number of the access, here and below
    unsigned among(unsigned of, std::uint64_t at);
    // Before an access: 0 makes it, all others deviate, if this execution still may.
    unsigned deviation(unsigned of, std::uint64_t at);

    bool exhausted() const { return exhausted_; }
    std::uint64_t executions() const { return executions_; }
    std::uint64_t drawn() const { return drawn_; }
    // All executions with fewer deviations than that have been.
    unsigned levels() const { return levels_; }
    // What is not as a matter of course in the present execution.
    std::string path() const;

private:
    struct Choice {
        unsigned taken, of;
        std::uint64_t at;
        bool deviates;
    };
    bool step();
    bool is_cut() const;
    void draw();
    unsigned choose(unsigned proposed, unsigned of, std::uint64_t at, bool deviates);
    unsigned below(std::uint64_t bound) { return static_cast<unsigned>(random_() % bound); }

    const unsigned deviations_;
    const std::uint64_t most_;
    std::mt19937_64 random_;
    unsigned level_ = 0, levels_ = 0;
    std::uint64_t executions_ = 0, drawn_ = 0, begun_at_ = 0;   // begun at: executions before this level
    std::uint64_t expected_ = 0, next_expected_ = 0;            // ways to deviate in this level and in the next
    std::uint64_t gone_ = 0;                                    // of this level's; each has one execution or more
    bool drawing_ = false, exhausted_ = false;

    std::vector<Choice> path_;
    std::size_t depth_ = 0;
    unsigned spent_ = 0;                            // deviations
    std::uint64_t ways_ = 0;                        // to deviate once more, since the last time
    std::uint64_t places_ = 0, usual_places_ = 0;   // at which to deviate: so far, and in the first execution
    std::vector<std::uint64_t> due_;                // where to deviate, the last place first
};

}  // namespace umach::explore
