// SPDX-License-Identifier: BSL-1.0
#include "tests/orders/words.hpp"

#include <cstdlib>

namespace umach::orders {
namespace {

const Scene* scene = nullptr;
Bounds bounds{};
Found found;

// relacy is not to look after memory: this is its switch for that.
struct Switch : rl::context {
    static int rl::context::* memory_untracked() { return &Switch::disable_alloc_; }
};

template <int threads>
struct Execution : rl::test_suite<Execution<threads>, threads> {
    void before() {
        if (found.executions == 0) rl::ctx().*Switch::memory_untracked() += 1;
        if (tables.incomplete) rl::ctx().rl_until("another word", RL_INFO);
        const bool enough = bounds.preemptions != at_random && found.executions == bounds.executions;
        if (enough) rl::ctx().rl_until("enough", RL_INFO);
        ++found.executions;
        begin_histories();
        if (scene->before) scene->before();
    }
    void thread(unsigned number) { scene->threads[number](); }
    void after() {
        if (scene->after) require(scene->after(), "what was to hold at the end does not");
    }
    ~Execution() { end_histories(); }
};

rl::test_params params_of(std::ostream& out) {
    rl::test_params params;
    params.iteration_count = bounds.executions;
    params.output_stream = &out;
    params.progress_stream = &out;
    params.execution_depth_limit = 20'000;
    params.search_type = rl::sched_bound;
    if (bounds.preemptions == at_random) params.search_type = rl::sched_random;
    if (bounds.preemptions == all) params.search_type = rl::sched_full;
    params.context_bound = static_cast<unsigned>(std::max(bounds.preemptions, 0));
    return params;
}

template <int threads>
rl::test_result_e run(rl::test_params& params, rl::ostringstream& state) {
    using Suite = Execution<threads>;
    seen = seen_by_this_thread<threads>;
    const auto ended = [&] {
        switch (params.search_type) {
        case rl::sched_random: return rl::run_test<Suite, rl::random_scheduler<threads>>(params, state, false);
        case rl::sched_full: return rl::run_test<Suite, rl::full_search_scheduler<threads>>(params, state, false);
        default: return rl::run_test<Suite, rl::context_bound_scheduler<threads>>(params, state, false);
        }
    }();
    drop_histories();
    return ended;
}

rl::test_result_e run(rl::test_params& params, rl::ostringstream& state) {
    switch (scene->threads.size()) {
    case 2: return run<2>(params, state);
    case 3: return run<3>(params, state);
    default: std::abort();
    }
}

// The execution that failed once more, with all that it accesses noted.
std::string history_of(const rl::ostringstream& state) {
    const Found before = found;
    std::ostringstream text;
    rl::test_params params = params_of(text);
    params.initial_state = state.str();
    params.collect_history = true;
    rl::ostringstream unused;
    found.executions = 0;
    run(params, unused);
    found = before;
    return text.str();
}

}  // namespace

Found search(Scene& what, Bounds within, const Weakening* planted) {
    scene = &what;
    bounds = within;
    weakening = planted;
    tables.touched.clear();
    rl::test_result_e ended{};
    rl::ostringstream state;
    do {   // a word's history begins before the threads do, so which are accessed must be known
        found = {};
        weakened = 0;
        tables.incomplete = false;
        state.str({});
        std::ostringstream text;
        rl::test_params params = params_of(text);
        ended = run(params, state);
    } while (tables.incomplete);
    found.weakened = weakened;
    found.exhausted = ended == rl::test_result_success && bounds.preemptions != at_random;
    if (ended == rl::test_result_success || ended == rl::test_result_until_condition_hit) return found;
    found.failure = rl::test_result_str(ended);
    if (planted == nullptr) found.history = history_of(state);
    return found;
}

}  // namespace umach::orders
