// SPDX-License-Identifier: BSL-1.0
#include "ends.hpp"

#include "command.hpp"

#include <signal.h>
#include <sys/signalfd.h>

namespace umach::tools {

int open_signals(std::initializer_list<int> signals) {
    sigset_t ends;
    sigemptyset(&ends);
    for (const int signal : signals) sigaddset(&ends, signal);
    if (sigprocmask(SIG_BLOCK, &ends, nullptr) != 0)
        throw Trouble("the signals that end the command cannot be blocked");
    const int descriptor = signalfd(-1, &ends, SFD_CLOEXEC);
    if (descriptor < 0) throw Trouble("there is no descriptor for the signals that end the command");
    return descriptor;
}

}  // namespace umach::tools
