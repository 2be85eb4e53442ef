// SPDX-License-Identifier: BSL-1.0
// A parent and its child over two pipes: the parent sends a greeting, the child sends it back with its case
// changed. A pipe has no name; a child has it because it inherits it, and each side lets go of the other's
// ends, so that the end of one process is the end of the link for the other.
#include <unistd.h>

#include <cctype>
#include <cstdio>

#include "exchange.hpp"

int main() {
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0) return 1;
    const auto address = [](int in, int out) {
        return "pipe:" + std::to_string(in) + "," + std::to_string(out);
    };
    const int child = exchange::start([&] {
        close(there[1]);
        close(back[0]);
        const auto parent = exchange::connected_to(address(there[0], back[1]));
        for (std::string text; exchange::hear(*parent, &text);) {
            for (char& c : text) c = static_cast<char>(islower(c) != 0 ? toupper(c) : tolower(c));
            exchange::say(*parent, text);
        }
    });
    close(there[0]);
    close(back[1]);
    const auto link = exchange::connected_to(address(back[0], there[1]));
    for (std::string text : {"Hi There", "Greetings"}) {
        exchange::say(*link, text);
        if (!exchange::hear(*link, &text)) return 1;
        std::printf("the child answers %s\n", text.c_str());
    }
    exchange::part_from(*link);
    return exchange::end_of(child);
}
