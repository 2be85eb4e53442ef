// SPDX-License-Identifier: BSL-1.0
// A server and a client in two processes. The server is one port and one handler; the parent registers the
// port for its children, and the forked child, a task of its own, finds it there, asks once and prints the
// answer. Nothing has to be set up before and nothing is left behind after: the first call makes a host, the
// end of the last process removes it.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include <umach/umach.hpp>

struct Numbers { int a, b; };

int main() {
    umach::Server server;
    const umach::PortName port = server.add_port().value();
    server.handle<Numbers, int>(1, [&](const Numbers& n) { server.stop(); return n.a + n.b; });
    umach::register_ports({port}).value();
    if (fork() == 0) {
        const umach::SendRight adder = umach::registered_port(0).value();
        std::printf("2 + 3 = %d\n", umach::call<Numbers, int>(adder, 1, {2, 3}).value());
        return 0;
    }
    server.run().value();
    wait(nullptr);
}
