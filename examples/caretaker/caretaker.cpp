// SPDX-License-Identifier: BSL-1.0
// A right that can be taken back. A right once sent is the receiver's for good, so whoever wants to lend one
// puts a caretaker between: a task that holds the real right, gives out a right to a port of its own, and
// passes requests on. The reader never holds the real right: when the caretaker's port dies (it drops it, or
// is killed) the reader's right is worth nothing, and nobody had to ask. Here the loan is for two pages.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include <umach/umach.hpp>

namespace {
enum : int { read_page = 1, pages_lent = 2 };

int exit_code_of_child() {
    int status = 1;
    wait(&status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int reader() {
    const auto lent = umach::registered_port(0).value();
    for (int page = 1; page <= pages_lent; ++page) {
        std::printf("page %d: %d words\n", page, umach::call<int, int>(lent, read_page, page).value());
    }
    const auto refused = umach::call<int, int>(lent, read_page, pages_lent + 1);
    std::printf("page %d: %s\n", pages_lent + 1, refused ? "still there" : refused.error().text());
    return refused ? 1 : 0;
}

int caretaker() {
    const umach::SendRight real = umach::registered_port(0).value();
    {
        umach::Server gate;
        umach::register_ports({gate.add_port().value()}).value();
        if (fork() == 0) return reader();
        gate.handle<int, int>(read_page, [&, left = int{pages_lent}](int page) mutable {
            if (--left == 0) gate.stop();
            return umach::call<int, int>(real, read_page, page);
        });
        gate.run().value();
    }  // the gate's port dies here: revoked
    return exit_code_of_child();
}

}  // namespace

int main() {
    umach::Server book;
    book.handle<int, int>(read_page, [&, left = int{pages_lent}](int page) mutable {
        if (--left == 0) book.stop();
        return 100 * page;
    });
    umach::register_ports({book.add_port().value()}).value();
    if (fork() == 0) return caretaker();
    book.run().value();
    return exit_code_of_child();
}
