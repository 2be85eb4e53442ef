// SPDX-License-Identifier: BSL-1.0
// Checks of the kernel's orders as cases.
#pragma once

#include <gtest/gtest.h>

#include "tests/orders/search.hpp"

namespace umach::orders {

// Nothing within the bounds fails; says how much that was.
void expect_sound(Scene scene, Bounds usual);
// With one order weakened something does.
void expect_unsound(Scene scene, Bounds usual, const Weakening& weakening);

}  // namespace umach::orders
