// SPDX-License-Identifier: BSL-1.0
// How a command that goes on until it is ended learns of it.
#pragma once

#include <initializer_list>

namespace umach::tools {

// Blocks these signals, in all threads that are made from now on too, so it comes before the first of them.
// returns: a descriptor that is readable once one has come; throws Trouble when there is none to be had
int open_signals(std::initializer_list<int> signals);

}  // namespace umach::tools
