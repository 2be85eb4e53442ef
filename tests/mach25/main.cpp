// SPDX-License-Identifier: BSL-1.0
// Runs the tests; or, as a new program with a host of its own, one body of a test: --fresh NAME.
// --each N: how many messages each of very many tasks sends (fan_in_test.cpp).
#include "parties.hpp"

#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    if (argc == 3 && std::strcmp(argv[1], "--fresh") == 0) return umach::tests::run_fresh_body(argv[2]);
    if (argc == 3 && std::strcmp(argv[1], "--each") == 0) setenv("MANY_EACH", argv[2], 1);
    return RUN_ALL_TESTS();
}
