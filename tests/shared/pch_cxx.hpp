// SPDX-License-Identifier: BSL-1.0
// What the tests of the C++ interface include besides what every test does.
#ifndef UMACH_TESTS_SHARED_PCH_CXX_HPP
#define UMACH_TESTS_SHARED_PCH_CXX_HPP

#include "pch.hpp"

#include <umach/umach.hpp>

#endif
