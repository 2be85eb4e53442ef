// SPDX-License-Identifier: BSL-1.0
// The hot paths, each as often as told: `hot_paths PATH COUNT`. Who counts the instructions or the system
// calls of two runs of different length knows what one more turn costs, whatever the start of a program does.
//
//   messages   a port's own receiver sends it 64 bytes and receives them: nobody waits, nobody is woken
//   right      the same with a send right that moves there and back
//   fibers     RPC of 64 bytes between two fibers
//   ports      port_allocate and port_deallocate
//   processes  RPC of 64 bytes between two processes
#include <mach.h>
#include <umach_threads.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Letter {
    msg_header_t head;
    char bytes[64];
};
struct LetterWithRight {
    msg_header_t head;
    msg_type_t right_type;
    port_t right;
    msg_type_t data_type;
    char bytes[64];
};

void expect(int code, const char* what) {
    if (code == KERN_SUCCESS) return;
    std::fprintf(stderr, "%s: %s: %s\n", what, mach_error_string(code), mach_error_detail());
    std::exit(1);
}

port_t new_port() {
    port_t port = PORT_NULL;
    expect(port_allocate(task_self(), &port), "port_allocate");
    return port;
}

template <class Message>
void address(Message& message, port_t to, port_t reply_to) {
    message.head.msg_size = sizeof message;
    message.head.msg_remote_port = to;
    message.head.msg_local_port = reply_to;
}

template <class Message>
void receive(Message& message, port_t from) {
    message.head.msg_size = sizeof message;
    message.head.msg_local_port = from;
    expect(msg_receive(&message.head, MSG_OPTION_NONE, 0), "msg_receive");
}

void messages(unsigned count) {
    const port_t port = new_port();
    Letter letter{};
    letter.head.msg_simple = TRUE;
    for (unsigned i = 0; i < count; ++i) {
        address(letter, port, PORT_NULL);
        expect(msg_send(&letter.head, MSG_OPTION_NONE, 0), "msg_send");
        receive(letter, port);
    }
}

void right(unsigned count) {
    const port_t port = new_port();
    LetterWithRight letter{};
    letter.right_type = {MSG_TYPE_PORT, 32, 1, TRUE, FALSE, TRUE, 0};
    letter.data_type = {MSG_TYPE_BYTE, 8, sizeof letter.bytes, TRUE, FALSE, FALSE, 0};
    letter.right = task_notify();
    expect(port_reference(task_self(), thread_self(), PORT_TYPE_SEND), "port_reference");
    letter.right = thread_self();
    for (unsigned i = 0; i < count; ++i) {
        address(letter, port, PORT_NULL);
        expect(msg_send(&letter.head, MSG_OPTION_NONE, 0), "msg_send");
        receive(letter, port);
    }
}

void call(port_t server, unsigned count) {
    Letter letter{};
    letter.head.msg_simple = TRUE;
    const port_t reply_port = thread_reply();
    for (unsigned i = 0; i < count; ++i) {
        address(letter, server, reply_port);
        expect(msg_rpc(&letter.head, MSG_OPTION_NONE, sizeof letter, 0, 0), "msg_rpc");
    }
}

void answer(port_t port, unsigned count) {
    Letter letter{};
    for (unsigned i = 0; i < count; ++i) {
        receive(letter, port);
        address(letter, letter.head.msg_remote_port, PORT_NULL);
        expect(msg_send(&letter.head, MSG_OPTION_NONE, 0), "msg_send");
    }
}

struct Work {
    port_t port;
    unsigned count;
};

void fibers(unsigned count) {
    Work work{new_port(), count};
    const auto serve = [](void* argument) {
        const auto& given = *static_cast<Work*>(argument);
        answer(given.port, given.count);
    };
    thread_t server = PORT_NULL;
    expect(umach_thread_create(task_self(), UMACH_FIBER, serve, &work, &server), "umach_thread_create");
    call(work.port, count);
    umach_thread_join(server, UMACH_FOREVER);
}

// The child serves, for it can be given the receive right: by the parent's kernel port it registers its port.
void processes(unsigned count) {
    port_t parent = task_self();
    const port_t own = new_port();
    port_t registered[] = {parent, own};
    expect(mach_ports_register(task_self(), registered, 2), "mach_ports_register");
    if (fork() == 0) {
        port_array_t found = nullptr;
        unsigned found_count = 0;
        expect(mach_ports_lookup(task_self(), &found, &found_count), "mach_ports_lookup");
        LetterWithRight hello{};
        address(hello, found[1], PORT_NULL);
        hello.right_type = {MSG_TYPE_PORT, 32, 1, TRUE, FALSE, FALSE, 0};
        hello.data_type = {MSG_TYPE_BYTE, 8, sizeof hello.bytes, TRUE, FALSE, FALSE, 0};
        hello.right = new_port();
        const port_t port = hello.right;
        expect(msg_send(&hello.head, MSG_OPTION_NONE, 0), "msg_send");
        answer(port, count);
        std::exit(0);
    }
    LetterWithRight hello{};
    receive(hello, own);
    call(hello.right, count);
    wait(nullptr);
}

void ports(unsigned count) {
    for (unsigned i = 0; i < count; ++i) expect(port_deallocate(task_self(), new_port()), "port_deallocate");
}

}  // namespace

int main(int argc, char** argv) {
    const std::map<std::string, void (*)(unsigned)> paths{{"messages", messages},
                                                          {"right", right},
                                                          {"fibers", fibers},
                                                          {"ports", ports},
                                                          {"processes", processes}};
    const auto path = paths.find(argc == 3 ? argv[1] : "");
    if (path == paths.end()) {
        std::fprintf(stderr, "usage: hot_paths messages|right|fibers|ports|processes COUNT\n");
        return 2;
    }
    path->second(static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)));
    return 0;
}
