// SPDX-License-Identifier: BSL-1.0
// Where the replies of kernel ports go, and what becomes of the rights in them.
#include "stage.hpp"

#include "ports/space.hpp"
#include "tasks/kernel/memory_calls.hpp"
#include "tasks/kernel/port_calls.hpp"
#include "tasks/kernel/special_port_calls.hpp"

namespace umach::tests {
namespace {

template <auto Handler>
using Outs = typename TraitsOf<Handler>::Outs;

// A send-once right to a port of the task's own.
port_t send_once_to(port_t port) {
    struct {
        msg_header_t header;
        msg_type_t type;
        port_t name;
    } message{};
    const port_t through = new_port();
    message.header = {0, 0, sizeof message, 0, PORT_NULL, through, 0};
    message.type = {MSG_TYPE_MAKE_SEND_ONCE, 32, 1, 1, 0, 0, 0};
    message.name = port;
    MUST(msg_send(&message.header, MSG_OPTION_NONE, 0) == SEND_SUCCESS);
    message.header.msg_local_port = through;
    MUST(msg_receive(&message.header, RCV_TIMEOUT, 0) == RCV_SUCCESS);
    MUST(port_deallocate(task_self(), through) == KERN_SUCCESS);
    return message.name;
}

template <auto Handler>
kern_return_t reply_at(port_t port, Outs<Handler>* out) {
    Request<Handler> text(PORT_NULL, port, {});
    text.header()->msg_size = MSG_SIZE_MAX;
    MUST(msg_receive(text.header(), RCV_TIMEOUT, 0) == RCV_SUCCESS);
    return text.read_reply(out);
}

template <auto Handler>
msg_return_t ask(port_t to, port_t reply, const typename TraitsOf<Handler>::Ins& in = {}) {
    Request<Handler> request(to, reply, in);
    return msg_send(request.header(), MSG_OPTION_NONE, 0);
}

port_type_t type_of(port_name_t name) {
    port_type_t type = PORT_TYPE_NONE;
    return port_type(task_self(), name, &type) == KERN_SUCCESS ? type : PORT_TYPE_NONE;
}

unsigned number_of_names(task_t task = task_self()) {
    port_name_array_t names = nullptr;
    port_type_array_t types = nullptr;
    unsigned int number = 0, same = 0;
    MUST(port_names(task, &names, &number, &types, &same) == KERN_SUCCESS && number == same);
    MUST(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(names), number * sizeof *names) ==
         KERN_SUCCESS);
    MUST(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(types), number * sizeof *types) ==
         KERN_SUCCESS);
    return number;
}

std::uint64_t live_messages() {
    return ports::audit(kernel(), tasks::enter()->carrier).messages;
}

// A child that has given its kernel port, and leaves at the end.
class Neighbour {
public:
    Neighbour() {
        const port_t port = new_port();
        leave_for_children(port);
        process_ = start([&] {
            MUST(send_right(left_by_parent(), 1, task_self()) == SEND_SUCCESS);
            leave_.await();
        });
        task_ = receive(port).right;
        MUST(task_ != PORT_NULL && port_deallocate(task_self(), port) == KERN_SUCCESS);
        MUST(mach_ports_register(task_self(), nullptr, 0) == KERN_SUCCESS);
    }
    ~Neighbour() {
        leave_.give();
        MUST(ended_well(process_));
    }
    task_t task() const { return task_; }
    pid_t process() const { return process_; }

private:
    Signal leave_;
    pid_t process_ = -1;
    task_t task_ = PORT_NULL;
};

TEST(KernelReply, GoesToASendRightsPortWhenTheRequestIsOnlySent) {
    EXPECT_TRUE(runs_well([] {
        const port_t reply = new_port();
        MUST(ask<calls::port_allocate>(task_self(), reply) == SEND_SUCCESS);
        Outs<calls::port_allocate> out;
        MUST(reply_at<calls::port_allocate>(reply, &out) == KERN_SUCCESS);
        MUST(type_of(std::get<0>(out).value) == PORT_TYPE_RECEIVE_OWN);
        MUST(live_messages() == 0 && violations().empty());
    }));
}

TEST(KernelReply, UsesUpASendOnceRight) {
    EXPECT_TRUE(runs_well([] {
        const port_t reply = new_port(), once = send_once_to(reply);
        MUST(ask<calls::port_allocate>(task_self(), once) == SEND_SUCCESS);
        MUST(type_of(once) == PORT_TYPE_NONE);
        Outs<calls::port_allocate> out;
        MUST(reply_at<calls::port_allocate>(reply, &out) == KERN_SUCCESS);
        MUST(ask<calls::port_allocate>(task_self(), once) == SEND_INVALID_PORT);
        MUST(violations().empty());
    }));
}

TEST(KernelReply, IsQueuedAtAFullPortAndCountsAgainstNoBacklog) {
    EXPECT_TRUE(runs_well([] {
        const port_t reply = new_port();
        for (int i = 0; i < PORT_BACKLOG_MAX; ++i) MUST(send_plain(reply, i, SEND_TIMEOUT) == SEND_SUCCESS);
        MUST(send_plain(reply, 99, SEND_TIMEOUT) == SEND_TIMED_OUT);
        for (int i = 0; i < 3 * PORT_BACKLOG_MAX; ++i)
            MUST(ask<calls::port_allocate>(task_self(), reply) == SEND_SUCCESS);
        for (int i = 0; i < PORT_BACKLOG_MAX; ++i) MUST(receive(reply, RCV_TIMEOUT, 0).id == i);
        for (int i = 0; i < PORT_BACKLOG_MAX; ++i) MUST(send_plain(reply, 200, SEND_TIMEOUT) == SEND_SUCCESS);
        Outs<calls::port_allocate> out;
        for (int i = 0; i < 3 * PORT_BACKLOG_MAX; ++i)
            MUST(reply_at<calls::port_allocate>(reply, &out) == KERN_SUCCESS);
        MUST(receive(reply, RCV_TIMEOUT, 0).id == 200 && violations().empty());
    }));
}

TEST(KernelReply, GoesToAnotherTasksPortWithItsRights) {
    EXPECT_TRUE(runs_well([] {
        const port_t up = new_port();
        leave_for_children(up);
        const pid_t child = start([] {
            const port_t parent = left_by_parent(), own = new_port();
            MUST(send_right(parent, 1, own) == SEND_SUCCESS);
            Outs<calls::task_get_special_port> out;
            MUST(becomes_true([&] { return receive(own, RCV_TIMEOUT, 0).code == RCV_TOO_LARGE; }));
            MUST(reply_at<calls::task_get_special_port>(own, &out) == KERN_SUCCESS);
            // It controls its parent now.
            port_name_t made = PORT_NULL;
            MUST(port_allocate(std::get<0>(out).value, &made) == KERN_SUCCESS);
            MUST(port_rename(std::get<0>(out).value, made, 0x0bad'0009) == KERN_SUCCESS);
        });
        const port_t his = receive(up).right;
        const unsigned before = number_of_names();
        MUST(ask<calls::task_get_special_port>(task_self(), his, {Int{TASK_KERNEL_PORT}}) == SEND_SUCCESS);
        MUST(ended_well(child));
        MUST(type_of(0x0bad'0009) == PORT_TYPE_RECEIVE_OWN);
        MUST(number_of_names() == before + 1 && violations().empty());
    }));
}

TEST(KernelReply, WithNowhereToGoIsNotSentAndItsRightsAreReleased) {
    EXPECT_TRUE(runs_well([] {
        const Neighbour neighbour;
        port_t backup = new_port(), port = new_port();
        MUST(port_insert_send(neighbour.task(), backup, 0x0bad'0001) == KERN_SUCCESS);
        MUST(port_insert_receive(neighbour.task(), port, 0x0bad'0002) == KERN_SUCCESS);
        MUST(port_deallocate(task_self(), port) == KERN_SUCCESS);
        const unsigned before = number_of_names(), his = number_of_names(neighbour.task());
        MUST(ask<calls::port_extract_send>(neighbour.task(), PORT_NULL, {Name{0x0bad'0001}}) == SEND_SUCCESS);
        MUST(ask<calls::port_extract_receive>(neighbour.task(), PORT_NULL, {Name{0x0bad'0002}}) ==
             SEND_SUCCESS);
        MUST(ask<calls::task_get_special_port>(task_self(), PORT_NULL, {Int{TASK_KERNEL_PORT}}) ==
             SEND_SUCCESS);
        MUST(ask<calls::mach_ports_lookup>(task_self(), PORT_NULL) == SEND_SUCCESS);
        MUST(ask<calls::port_allocate>(4711, PORT_NULL) == SEND_INVALID_PORT);
        MUST(number_of_names() == before && number_of_names(neighbour.task()) == his - 2);
        MUST(live_messages() == 0 && violations().empty());
    }));
}

TEST(KernelReply, ToAKernelPortIsDroppedAndIsNoCall) {
    EXPECT_TRUE(runs_well([] {
        const port_t port = new_port();
        const unsigned before = number_of_names();
        MUST(ask<calls::port_type>(task_self(), task_self(), {Name{port}}) == SEND_SUCCESS);
        MUST(ask<calls::task_get_special_port>(task_self(), task_self(), {Int{TASK_KERNEL_PORT}}) ==
             SEND_SUCCESS);
        MUST(number_of_names() == before && live_messages() == 0 && violations().empty());
    }));
}

TEST(KernelReply, ThatIsTooLargeForTheBufferWaitsAtTheReplyPort) {
    EXPECT_TRUE(runs_well([] {
        const port_t reply = new_port();
        Request<calls::port_names> request(task_self(), reply, {});
        MUST(msg_rpc(request.header(), MSG_OPTION_NONE, sizeof(msg_header_t), 0, 0) == RCV_TOO_LARGE);
        Outs<calls::port_names> out;
        MUST(reply_at<calls::port_names>(reply, &out) == KERN_SUCCESS);
        MUST(std::get<0>(out).values.size() == 3 && std::get<1>(out).values.size() == 3);
        MUST(violations().empty());
    }));
}

TEST(KernelReply, ThatIsLargerThanAMessageComesOutOfLine) {
    EXPECT_TRUE(runs_well([] {
        const port_t reply = new_port();
        // Two lists of n numbers, two descriptors and the code.
        constexpr unsigned most = (MSG_SIZE_MAX - reply_head - 2 * sizeof(msg_type_t)) / (2 * sizeof(int));
        unsigned names = number_of_names();
        const auto ask_names = [&](Outs<calls::port_names>* out) {
            Request<calls::port_names> request(task_self(), reply, {});
            MUST(msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0) == RPC_SUCCESS);
            return request.read_reply(out);
        };
        Outs<calls::port_names> out;
        for (; names < most; ++names) new_port();
        MUST(ask_names(&out) == KERN_SUCCESS && std::get<1>(out).values.size() == most);
        new_port();
        MUST(ask_names(&out) == KERN_SUCCESS && std::get<0>(out).values.size() == most + 1 && std::get<1>(out).values.size() == most + 1);
        for (const port_name_t name : std::get<0>(out).values) MUST(type_of(name) != PORT_TYPE_NONE);
        MUST(number_of_names() == most + 1 && violations().empty());
        const ports::TaskRecord& task = kernel().task(tasks::current_host()->task().index);
        MUST(task.region_pages.get() == 0);
    }));
}

TEST(KernelReply, OfAnExtractedReceiveRightToItsOwnQueueFailsAndThePortDies) {
    EXPECT_TRUE(runs_well([] {
        const Neighbour neighbour;
        const port_t port = new_port();
        MUST(port_insert_receive(neighbour.task(), port, 0x0bad'0001) == KERN_SUCCESS);
        MUST(type_of(port) == PORT_TYPE_SEND);
        MUST(ask<calls::port_extract_receive>(neighbour.task(), port, {Name{0x0bad'0001}}) == SEND_SUCCESS);
        MUST(becomes_true([&] { return type_of(port) == PORT_TYPE_DEAD_NAME; }));
        MUST(live_messages() == 0 && violations().empty());
    }));
}

TEST(KernelReply, LeavesASendRightThatTheCallerHadBefore) {
    EXPECT_TRUE(runs_well([] {
        const Neighbour neighbour;
        const port_t port = new_port(), reply = new_port();
        MUST(port_insert_receive(neighbour.task(), port, 0x0bad'0001) == KERN_SUCCESS);
        MUST(ask<calls::port_extract_receive>(neighbour.task(), reply, {Name{0x0bad'0001}}) == SEND_SUCCESS);
        MUST(type_of(port) == PORT_TYPE_SEND);  // until the reply is received
        Outs<calls::port_extract_receive> out;
        MUST(reply_at<calls::port_extract_receive>(reply, &out) == KERN_SUCCESS);
        MUST(std::get<0>(out).value == port && type_of(port) == PORT_TYPE_RECEIVE_OWN);
        MUST(violations().empty());
    }));
}

TEST(KernelReply, OfACallWhoseTaskDiesIsInvalidArgumentOrTheSendIsInvalidPort) {
    EXPECT_TRUE(runs_well([] {
        const port_t reply = new_port();
        leave_for_children(new_port());
        const port_t up = left_by_parent();
        Signal leave;
        const pid_t child = start([&] {
            MUST(send_right(left_by_parent(), 1, task_self()) == SEND_SUCCESS);
            leave.await();
        });
        const task_t task = receive(up).right;
        kill_and_reap(child);
        MUST(becomes_true([&] {
            Request<calls::port_allocate> request(task, reply, {});
            const msg_return_t code = msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0);
            return code == SEND_INVALID_PORT;
        }));
        MUST(becomes_true([&] { return type_of(task) == PORT_TYPE_DEAD_NAME; }) && violations().empty());
    }));
}

TEST(KernelPort, LetsItsHolderRunAnothersSpaceByMessagesAlone) {
    EXPECT_TRUE(runs_well([] {
        const Neighbour neighbour;
        const port_t reply = new_port(), mine = new_port();
        Outs<calls::port_allocate> made;
        MUST(by_message<calls::port_allocate>(neighbour.task(), reply, {}, made) == KERN_SUCCESS);
        std::tuple<> nothing;
        MUST(by_message<calls::port_rename>(neighbour.task(), reply, {std::get<0>(made), Name{0x0bad'0001}},
                                            nothing) == KERN_SUCCESS);
        MUST(by_message<calls::port_insert_send>(neighbour.task(), reply, {Port{mine}, Name{0x0bad'0002}},
                                                 nothing) == KERN_SUCCESS);
        Outs<calls::port_extract_receive> taken;
        MUST(by_message<calls::port_extract_receive>(neighbour.task(), reply, {Name{0x0bad'0001}}, taken) ==
             KERN_SUCCESS);
        MUST(type_of(std::get<0>(taken).value) == PORT_TYPE_RECEIVE_OWN);
        MUST(by_message<calls::port_deallocate>(neighbour.task(), reply, {Name{0x0bad'0002}}, nothing) ==
             KERN_SUCCESS);
        MUST(by_message<calls::port_deallocate>(neighbour.task(), reply, {Name{0x0bad'0002}}, nothing) ==
             KERN_INVALID_ARGUMENT);
        Outs<calls::vm_allocate> memory;
        MUST(by_message<calls::vm_allocate>(neighbour.task(), reply, {Word{0}, Word{1}, Bool{TRUE}},
                                            memory) == KERN_SUCCESS);
        MUST(violations().empty());
    }));
}

TEST(KernelPort, ServesAThousandRequestsAndLeavesNothing) {
    EXPECT_TRUE(runs_well([] {
        const port_t reply = new_port();
        const unsigned before = number_of_names();
        for (int i = 0; i < 1000; ++i) {
            Outs<calls::port_allocate> made;
            std::tuple<> nothing;
            MUST(by_message<calls::port_allocate>(task_self(), reply, {}, made) == KERN_SUCCESS);
            MUST(by_message<calls::port_deallocate>(task_self(), reply, {std::get<0>(made)}, nothing) ==
                 KERN_SUCCESS);
        }
        MUST(number_of_names() == before && live_messages() == 0 && violations().empty());
    }));
}

TEST(KernelPort, ServesRequestsToAPortThatIsInASetWithTheReplyFromTheSet) {
    EXPECT_TRUE(runs_well([] {
        const port_t reply = new_port();
        port_t set = PORT_NULL;
        MUST(port_set_allocate(task_self(), &set) == KERN_SUCCESS);
        MUST(port_set_add(task_self(), set, reply) == KERN_SUCCESS);
        MUST(ask<calls::port_allocate>(task_self(), reply) == SEND_SUCCESS);
        Outs<calls::port_allocate> out;
        MUST(reply_at<calls::port_allocate>(set, &out) == KERN_SUCCESS);
        Request<calls::port_allocate> request(task_self(), reply, {});
        MUST(msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0) == RCV_INVALID_PORT);
        MUST(violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
