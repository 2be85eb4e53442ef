// SPDX-License-Identifier: BSL-1.0
// What nearly every test includes, compiled once a suite. Tests include what they use all the same.
// A guard by hand: g++ warns of #pragma once in a file that it compiles as the main one.
#ifndef UMACH_TESTS_SHARED_PCH_HPP
#define UMACH_TESTS_SHARED_PCH_HPP

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#endif
