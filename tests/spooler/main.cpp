// SPDX-License-Identifier: BSL-1.0
// Takes one argument: where the demo is.
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include "spooler/run.hpp"

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    spooler_test::set_demo(argc > 1 ? argv[1] : "");
    return RUN_ALL_TESTS();
}
