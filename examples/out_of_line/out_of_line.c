// SPDX-License-Identifier: BSL-1.0
// A Mach 2.5 program in C that sends out-of-line data, as it was written then: a message has a pointer, and the receiver
// gets memory of its own. A client sends a text that it keeps (no deallocate bit: the text is copied) and a table from
// vm_allocate that it gives away (with the deallocate bit: the memory moves). The server sums the table up, and answers
// with memory in its turn.
#include <mach.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SUM_UP = 300, NUMBERS = 100000, WAIT_MS = 10000 };

struct request {
    msg_header_t head;
    msg_type_long_t text_type;
    char* text;
    msg_type_long_t table_type;
    int* table;
};
struct answer {
    msg_header_t head;
    msg_type_long_t text_type;
    char* text;
};

// Ends the program with the code in words unless it is the one expected.
static void expect(const char* what, int code, int expected) {
    if (code != expected) {
        mach_error(what, code);
        exit(1);
    }
}

static msg_type_long_t out_of_line(int name, int size, size_t number, boolean_t deallocate) {
    msg_type_long_t type;
    memset(&type, 0, sizeof type);
    type.msg_type_header.msg_type_longform = TRUE;
    type.msg_type_header.msg_type_inline = FALSE;
    type.msg_type_header.msg_type_deallocate = deallocate ? 1 : 0;
    type.msg_type_long_name = (unsigned short)name;
    type.msg_type_long_size = (unsigned short)size;
    type.msg_type_long_number = (unsigned)number;
    return type;
}

static void address(msg_header_t* head, size_t size, port_t to, port_t reply) {
    memset(head, 0, sizeof *head);
    head->msg_simple = FALSE;
    head->msg_size = (msg_size_t)size;
    head->msg_type = MSG_TYPE_NORMAL;
    head->msg_remote_port = to;
    head->msg_local_port = reply;
    head->msg_id = SUM_UP;
}

static void client(void) {
    port_array_t registered;
    unsigned int count;
    vm_address_t table;
    port_t reply;
    char* text = malloc(64);
    union {
        struct request ask;
        struct answer said;
    } message;

    expect("mach_ports_lookup", mach_ports_lookup(task_self(), &registered, &count), KERN_SUCCESS);
    expect("port_allocate", port_allocate(task_self(), &reply), KERN_SUCCESS);
    expect("vm_allocate", vm_allocate(task_self(), &table, NUMBERS * sizeof(int), TRUE), KERN_SUCCESS);
    for (int i = 0; i < NUMBERS; ++i) ((int*)table)[i] = i;
    strcpy(text, "the numbers below a hundred thousand");

    address(&message.ask.head, sizeof message.ask, registered[SERVICE_SLOT], reply);
    message.ask.text_type = out_of_line(MSG_TYPE_STRING, 8, strlen(text) + 1, FALSE);
    message.ask.text = text;
    message.ask.table_type = out_of_line(MSG_TYPE_INTEGER_32, 32, NUMBERS, TRUE);
    message.ask.table = (int*)table;
    expect("msg_rpc", msg_rpc(&message.said.head, SEND_TIMEOUT | RCV_TIMEOUT, sizeof message, WAIT_MS, WAIT_MS), RPC_SUCCESS);

    printf("client: kept \"%s\"\n", text);
    printf("client: the table is %s\n",
           vm_deallocate(task_self(), table, NUMBERS * sizeof(int)) == KERN_INVALID_ADDRESS ? "gone" : "still there");
    printf("client: got \"%s\"\n", message.said.text);
    expect("vm_deallocate",
           vm_deallocate(task_self(), (vm_address_t)message.said.text, message.said.text_type.msg_type_long_number), KERN_SUCCESS);
    free(text);
}

static void server(port_t service) {
    struct request asked;
    struct answer answer;
    vm_address_t said;
    long long sum = 0;

    asked.head.msg_local_port = service;
    asked.head.msg_size = sizeof asked;
    expect("msg_receive", msg_receive(&asked.head, RCV_TIMEOUT, WAIT_MS), RCV_SUCCESS);
    for (unsigned i = 0; i < asked.table_type.msg_type_long_number; ++i) sum += asked.table[i];

    expect("vm_allocate", vm_allocate(task_self(), &said, 200, TRUE), KERN_SUCCESS);
    snprintf((char*)said, 200, "%s: %lld", asked.text, sum);
    address(&answer.head, sizeof answer, asked.head.msg_remote_port, PORT_NULL);
    answer.text_type = out_of_line(MSG_TYPE_STRING, 8, 200, TRUE);
    answer.text = (char*)said;
    expect("vm_deallocate", vm_deallocate(task_self(), (vm_address_t)asked.text, asked.text_type.msg_type_long_number), KERN_SUCCESS);
    expect("vm_deallocate", vm_deallocate(task_self(), (vm_address_t)asked.table, NUMBERS * sizeof(int)), KERN_SUCCESS);
    expect("msg_send", msg_send(&answer.head, MSG_OPTION_NONE, 0), SEND_SUCCESS);
}

int main(void) {
    port_t ports[SERVICE_SLOT + 1] = {PORT_NULL};
    port_t service;
    int status = 1;
    pid_t child;

    expect("port_allocate", port_allocate(task_self(), &service), KERN_SUCCESS);
    ports[SERVICE_SLOT] = service;
    expect("mach_ports_register", mach_ports_register(task_self(), ports, SERVICE_SLOT + 1), KERN_SUCCESS);
    child = fork();
    if (child == 0) {
        client();
        return 0;
    }
    server(service);
    waitpid(child, &status, 0);
    return status == 0 ? 0 : 1;
}
