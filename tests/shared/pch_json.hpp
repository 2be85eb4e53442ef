// SPDX-License-Identifier: BSL-1.0
// What the tests of programs include besides what every test does.
#ifndef UMACH_TESTS_SHARED_PCH_JSON_HPP
#define UMACH_TESTS_SHARED_PCH_JSON_HPP

#include "pch.hpp"

#include <nlohmann/json.hpp>

#endif
