// SPDX-License-Identifier: BSL-1.0
// Runs random sequences of calls on a kernel and on the model, and compares them after every call.
//
//   model_tests [--sequences N] [--calls N] [--seed N]
//
// A sequence that differs is run again with calls left out one by one, for as long as it still differs; what
// is left is printed, with the seed that makes it.
#include "rig.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

namespace umach::model {
namespace {

std::uint64_t sequences = 10'000;
std::uint64_t most_calls = 200;
std::uint64_t first_seed = 1;
volatile std::uint64_t running_seed = 0;

// Says which seed it was when the kernel stops the program.
void tell_seed(int number) {
    char text[] = "model test: stopped in seed 00000000000000000000\n";
    std::uint64_t seed = running_seed;
    for (std::size_t at = sizeof text - 3; at > 27; --at, seed /= 10)
        text[at] = static_cast<char>('0' + seed % 10);
    const auto written = write(STDERR_FILENO, text, sizeof text - 1);
    signal(number, SIG_DFL);
    if (written >= 0) raise(number);
}

std::uint64_t calls_of(std::uint64_t seed) {
    return 1 + Random(seed, 0).below(static_cast<std::uint32_t>(most_calls));
}

struct Outcome {
    bool same = true;
    std::uint64_t at = 0;  // the call that differed
    std::string why;
};

Outcome run(Machine& machine, std::uint64_t seed, const std::vector<bool>& left_out, bool aloud) {
    running_seed = seed;
    Rig rig(machine);
    const std::uint64_t calls = calls_of(seed);
    for (std::uint64_t i = 1; i <= calls; ++i) {
        if (i < left_out.size() && left_out[i]) continue;
        const bool same = rig.call(Random(seed, i));
        if (aloud) std::cout << "  " << i << ": " << rig.text() << '\n';
        if (!same) return {false, i, rig.why()};
    }
    const bool same = rig.end();
    if (aloud) std::cout << "  " << rig.text() << '\n';
    return {same, calls, rig.why()};
}

// Each attempt has a kernel of its own: the one that differed is no longer to be trusted.
Outcome run_alone(std::uint64_t seed, const std::vector<bool>& left_out, bool aloud) {
    Machine machine;
    return run(machine, seed, left_out, aloud);
}

void shrink(std::uint64_t seed, std::uint64_t last) {
    std::vector<bool> left_out(calls_of(seed) + 1);
    for (std::uint64_t i = last + 1; i < left_out.size(); ++i) left_out[i] = true;
    if (run_alone(seed, left_out, false).same) left_out.assign(left_out.size(), false);
    for (std::uint64_t i = left_out.size() - 1; i > 0; --i) {
        if (left_out[i]) continue;
        left_out[i] = true;
        if (run_alone(seed, left_out, false).same) left_out[i] = false;
    }
    std::cout << "seed " << seed << ", what is left of it:\n";
    const Outcome outcome = run_alone(seed, left_out, true);
    std::cout << "  " << outcome.why << std::endl;
}

TEST(Model, RandomSequencesOfCallsAgreeWithTheReferenceModelAfterEveryCall) {
    Machine machine;
    for (std::uint64_t i = 0; i < sequences; ++i) {
        const std::uint64_t seed = first_seed + i;
        const Outcome outcome = run(machine, seed, {}, false);
        if (outcome.same) continue;
        shrink(seed, outcome.at);
        FAIL() << "seed " << seed << ", call " << outcome.at << ": " << outcome.why;
    }
    std::cout << sequences << " sequences from seed " << first_seed << " agree" << std::endl;
}

void read_option(const char* name, const char* value) {
    const std::uint64_t number = std::strtoull(value, nullptr, 10);
    if (std::strcmp(name, "--sequences") == 0) sequences = number;
    if (std::strcmp(name, "--calls") == 0) most_calls = number;
    if (std::strcmp(name, "--seed") == 0) first_seed = number;
}

}  // namespace
}  // namespace umach::model

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    for (int i = 1; i + 1 < argc; i += 2) umach::model::read_option(argv[i], argv[i + 1]);
    for (const int number : {SIGABRT, SIGSEGV, SIGBUS}) signal(number, umach::model::tell_seed);
    return RUN_ALL_TESTS();
}
