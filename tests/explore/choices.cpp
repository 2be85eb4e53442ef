// SPDX-License-Identifier: BSL-1.0
#include "tests/explore/choices.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace umach::explore {

bool Choices::next() {
    if (executions_ == 1) usual_places_ = places_;
    next_expected_ += ways_;
    if (executions_ > 0 && !drawing_ && !step()) return exhausted_ = true, false;
    if (executions_ == most_) return false;
    drawing_ = drawing_ || is_cut();
    if (drawing_) draw();
    depth_ = 0;
    spent_ = 0;
    ways_ = places_ = 0;
    ++executions_;
    return true;
}

// Changes the last choice that has another way.
// returns: false when the last level has none left
bool Choices::step() {
    while (!path_.empty() && path_.back().taken + 1 == path_.back().of) path_.pop_back();
    if (!path_.empty()) {
        if (path_.back().deviates) ++gone_;
        return ++path_.back().taken, true;
    }
    ++levels_;
    if (level_ == deviations_) return false;
    ++level_;
    begun_at_ = executions_;
    gone_ = 0;
    expected_ = std::exchange(next_expected_, 0);
    return true;
}

// Of the first level nothing is known before: half of all must do. How many executions a way to deviate has differs, so
// that of the others is told within a half, and better towards the end.
bool Choices::is_cut() const {
    const std::uint64_t done = executions_ - begun_at_, left = most_ - begun_at_;
    if (level_ == 0) return done >= most_ / 2;
    if (done < left / 4) return expected_ > left;
    const unsigned slack = done < left / 4 * 3 ? 3 : 2;   // in halves
    return done * expected_ * 2 > left * std::max<std::uint64_t>(gone_, 1) * slack;
}

// An execution that deviates may be longer than the one that does not.
void Choices::draw() {
    level_ = deviations_;
    path_.clear();
    due_.clear();
    for (unsigned i = 0; i < deviations_; ++i) due_.push_back(below(usual_places_ * 5 / 4 + 1));
    std::sort(due_.rbegin(), due_.rend());
    ++drawn_;
}

unsigned Choices::among(unsigned of, std::uint64_t at) {
    if (of <= 1) return 0;
    return choose(drawing_ ? below(of) : 0, of, at, false);
}

unsigned Choices::deviation(unsigned of, std::uint64_t at) {
    const std::uint64_t place = places_++;
    if (of <= 1) return 0;
    ways_ += of - 1;
    if (spent_ == level_) return 0;
    unsigned proposed = 0;
    if (drawing_ && !due_.empty() && due_.back() <= place) {
        due_.pop_back();
        proposed = 1 + below(of - 1);
    }
    const unsigned taken = choose(proposed, of, at, true);
    if (taken == 0) return 0;
    ++spent_;
    ways_ = 0;
    return taken;
}

// Who begins with the same choices comes to the same one.
unsigned Choices::choose(unsigned proposed, unsigned of, std::uint64_t at, bool deviates) {
    if (depth_ == path_.size()) path_.push_back({proposed, of, at, deviates});
    const Choice& choice = path_[depth_++];
    if (choice.of != of || choice.at != at) {
        std::fprintf(stderr, "the same choices led elsewhere: %s\n", path().c_str());
        std::abort();
    }
    return choice.taken;
}

std::string Choices::path() const {
    const char* const how = drawing_ ? ", drawn" : "";
    std::string text = "execution " + std::to_string(executions_) + how + ", accesses and choices:";
    for (const Choice& choice : path_)
        if (choice.taken != 0) text.append(" ").append(std::to_string(choice.at)).append(":").append(std::to_string(choice.taken));
    return text;
}

}  // namespace umach::explore
