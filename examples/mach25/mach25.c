// SPDX-License-Identifier: BSL-1.0
// A Mach 2.5 program in C: a service and its client, as they were written then. The parent receives on a port
// set; the child finds the service among its registered ports, asks it by msg_rpc, leaves a right to a port
// of its own behind, makes the service the backup of another, and ends. The parent then gets what a Mach task
// gets: the orphaned port by NOTIFY_PORT_DESTROYED, and at its notify port the news of the other's death.
#include <mach.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ADD = 100, LEAVE = 200, WAIT_MS = 10000 };

struct add_request {
    msg_header_t head;
    msg_type_t type;
    int a, b;
};
struct add_reply {
    msg_header_t head;
    msg_type_t type;
    int sum;
};
struct port_message {
    msg_header_t head;
    msg_type_t type;
    port_t port;
};
union any_message {
    msg_header_t head;
    struct add_request add;
    struct add_reply sum;
    struct port_message leave;
    notification_t notification;
};

static const msg_type_t two_ints = {MSG_TYPE_INTEGER_32, 32, 2, 1, 0, 0, 0};
static const msg_type_t one_int = {MSG_TYPE_INTEGER_32, 32, 1, 1, 0, 0, 0};
static const msg_type_t one_port = {MSG_TYPE_PORT, 32, 1, 1, 0, 0, 0};

// Ends the program with the code in words unless it is the one expected.
static void expect(const char* what, int code, int expected) {
    if (code != expected) {
        mach_error(what, code);
        exit(1);
    }
}

static port_t new_port(void) {
    port_t port = PORT_NULL;
    expect("port_allocate", port_allocate(task_self(), &port), KERN_SUCCESS);
    return port;
}

static void address(msg_header_t* head, unsigned char simple, size_t size, port_t to, port_t reply, int id) {
    memset(head, 0, sizeof *head);
    head->msg_simple = simple;
    head->msg_size = (msg_size_t)size;
    head->msg_type = MSG_TYPE_NORMAL;
    head->msg_remote_port = to;
    head->msg_local_port = reply;
    head->msg_id = id;
}

static void ask(union any_message* message) {
    expect("msg_rpc", msg_rpc(&message->head, SEND_TIMEOUT | RCV_TIMEOUT, sizeof *message, WAIT_MS, WAIT_MS),
           RPC_SUCCESS);
}

static int add(port_t service, port_t reply, int a, int b) {
    union any_message message;
    address(&message.head, TRUE, sizeof message.add, service, reply, ADD);
    message.add.type = two_ints;
    message.add.a = a;
    message.add.b = b;
    ask(&message);
    return message.sum.sum;
}

static int child(void) {
    port_array_t registered;
    unsigned int count;
    port_t previous;
    union any_message message;
    const port_t reply = new_port(), known = new_port(), orphan = new_port();

    expect("mach_ports_lookup", mach_ports_lookup(task_self(), &registered, &count), KERN_SUCCESS);
    const port_t service = registered[SERVICE_SLOT];
    printf("child: 1 + 2 = %d, 40 + 2 = %d\n", add(service, reply, 1, 2), add(service, reply, 40, 2));
    fflush(stdout);

    expect("port_set_backup", port_set_backup(task_self(), orphan, service, &previous), KERN_SUCCESS);
    // The answer says that the right has arrived: one whose port dies on its way arrives dead.
    address(&message.head, FALSE, sizeof message.leave, service, reply, LEAVE);
    message.leave.type = one_port;
    message.leave.port = known;
    ask(&message);
    return message.sum.sum;
}

// The message is overwritten by its own answer.
static void answer(union any_message* message, int result) {
    const int id = message->head.msg_id + 100;
    address(&message->head, TRUE, sizeof message->sum, message->head.msg_remote_port, PORT_NULL, id);
    message->sum.type = one_int;
    message->sum.sum = result;
    expect("reply", msg_send(&message->head, SEND_TIMEOUT, 0), SEND_SUCCESS);
}

static void receive(union any_message* message, port_t from) {
    message->head.msg_size = sizeof *message;
    message->head.msg_local_port = from;
    expect("msg_receive", msg_receive(&message->head, RCV_TIMEOUT, WAIT_MS), RCV_SUCCESS);
}

// Serves until the orphan has come; returns the name of the port that the child left a right to.
static port_t serve(port_set_name_t set) {
    union any_message message;
    port_t known = PORT_NULL;
    for (;;) {
        receive(&message, set);
        switch (message.head.msg_id) {
            case ADD: answer(&message, message.add.a + message.add.b); break;
            case LEAVE:
                known = message.leave.port;
                answer(&message, 0);
                break;
            case NOTIFY_PORT_DESTROYED:
                printf("parent: an orphaned port came to its backup\n");
                expect("port_deallocate", port_deallocate(task_self(), message.notification.notify_port), 0);
                return known;
            default: break;
        }
    }
}

int main(void) {
    port_t ports[SERVICE_SLOT + 1] = {PORT_NULL, PORT_NULL, PORT_NULL};
    port_set_name_t set;
    union any_message message;
    int status = 1;

    const port_t service = ports[SERVICE_SLOT] = new_port();
    expect("port_set_allocate", port_set_allocate(task_self(), &set), KERN_SUCCESS);
    expect("port_set_add", port_set_add(task_self(), set, service), KERN_SUCCESS);
    expect("mach_ports_register", mach_ports_register(task_self(), ports, SERVICE_SLOT + 1), KERN_SUCCESS);
    if (fork() == 0) return child();

    const port_t known = serve(set);
    receive(&message, task_notify());
    expect("notification", message.head.msg_id, NOTIFY_PORT_DELETED);
    printf("parent: %s died\n", message.notification.notify_port == known ? "the child's port" : "some port");
    wait(&status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
