// SPDX-License-Identifier: BSL-1.0
// Requests to a kernel port that are not what they should be: MIG's codes in a proper reply, or the send's
// own, and nothing taken.
#include "stage.hpp"

#include "tasks/kernel/memory_calls.hpp"
#include "tasks/kernel/port_calls.hpp"
#include "tasks/kernel/special_port_calls.hpp"

#include <sys/mman.h>
#include <climits>
#include <functional>

namespace umach::tests {
namespace {

// Sends whatever is in the buffer as a call.
// returns: the code in the reply, which must be a reply of that code alone
template <class Text>
int code_of_reply(Text& request) {
    const int id = request.header()->msg_id;
    request.header()->msg_local_port = new_port();
    MUST(msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0) == RPC_SUCCESS);
    const auto said = static_cast<int>(static_cast<unsigned>(id) + 100u);
    MUST(request.header()->msg_id == said && request.header()->msg_remote_port == PORT_NULL);
    MUST(request.header()->msg_simple == TRUE && (request.header()->msg_unused & MSG_UNUSED_KERNEL) == 0);
    MUST(request.header()->msg_size == reply_head);
    const msg_type_t type = *request.descriptor();
    MUST(type.msg_type_name == MSG_TYPE_INTEGER_32 && type.msg_type_size == 32 && type.msg_type_number == 1);
    MUST(type.msg_type_inline == 1 && type.msg_type_longform == 0 && type.msg_type_deallocate == 0);
    int code = 0;
    std::memcpy(&code, request.descriptor() + 1, sizeof code);
    MUST(port_deallocate(task_self(), request.header()->msg_local_port) == KERN_SUCCESS);
    return code;
}

// How many names the task has.
std::uint64_t names() {
    return kernel().task(tasks::enter()->caller.task.index).names.get();
}

// Runs a change on a good request for a call: it must give this code and do nothing.
template <auto Handler>
void spoilt(const typename TraitsOf<Handler>::Ins& in, int code,
            const std::function<void(Request<Handler>&)>& spoil) {
    Request<Handler> request(task_self(), PORT_NULL, in);
    spoil(request);
    const std::uint64_t before = names();
    MUST(code_of_reply(request) == code);
    MUST(names() == before && violations().empty());
}

using Rename = Request<calls::port_rename>;

TEST(KernelRequest, OfAnUnknownIdGivesBadId) {
    EXPECT_TRUE(runs_well([] {
        for (const int id : {0, -1, 2073, 2177, 1040, INT_MAX, INT_MIN, -100, 3204})
            spoilt<calls::port_allocate>({}, MIG_BAD_ID,
                                         [&](auto& request) { request.header()->msg_id = id; });
    }));
}

TEST(KernelRequest, OfAnySizeButItsOwnGivesBadArguments) {
    EXPECT_TRUE(runs_well([] {
        const port_t port = new_port();
        for (msg_size_t size = sizeof(msg_header_t); size < 200; size += 4) {
            if (size == sizeof(msg_header_t) + 16) continue;
            spoilt<calls::port_rename>({Name{port}, Name{0x0bad'0000}}, MIG_BAD_ARGUMENTS,
                                       [&](Rename& request) { request.header()->msg_size = size; });
        }
        spoilt<calls::port_rename>({Name{port}, Name{0x0bad'0000}}, MIG_BAD_ARGUMENTS,
                                   [&](Rename& request) { request.header()->msg_size = MSG_SIZE_MAX; });
        port_type_t type = PORT_TYPE_NONE;
        MUST(port_type(task_self(), port, &type) == KERN_SUCCESS);
    }));
}

TEST(KernelRequest, SizeIsRoundedUpAsThatOfEveryMessage) {
    EXPECT_TRUE(runs_well([] {
        const port_t port = new_port();
        Rename request(task_self(), new_port(), {Name{port}, Name{0x0bad'0000}});
        request.header()->msg_size -= 2;  // the last two bytes are lost with it
        MUST(msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0) == RPC_SUCCESS);
        std::tuple<> nothing;
        MUST(request.read_reply(&nothing) == KERN_INVALID_ARGUMENT);  // 0 is no name to give
    }));
}

TEST(KernelRequest, WithAnyOtherDescriptorGivesBadArguments) {
    EXPECT_TRUE(runs_well([] {
        const port_t port = new_port();
        const std::vector<std::function<void(msg_type_t&)>> changes = {
            [](msg_type_t& type) { type.msg_type_name = MSG_TYPE_INTEGER_32; },
            [](msg_type_t& type) { type.msg_type_name = MSG_TYPE_PORT; },
            [](msg_type_t& type) { type.msg_type_name = 0xff; },
            [](msg_type_t& type) { type.msg_type_size = 16; },
            [](msg_type_t& type) { type.msg_type_size = 64; },
            [](msg_type_t& type) { type.msg_type_size = 0; },
            [](msg_type_t& type) { type.msg_type_number = 0; },
            [](msg_type_t& type) { type.msg_type_number = 2; },
            [](msg_type_t& type) { type.msg_type_number = 0xfff; },
            [](msg_type_t& type) { type.msg_type_inline = 0; },
            [](msg_type_t& type) { type.msg_type_longform = 1; },
        };
        for (const auto& change : changes)
            for (const std::size_t item : {0u, 8u})
                spoilt<calls::port_rename>({Name{port}, Name{0x0bad'0000}}, MIG_BAD_ARGUMENTS,
                                           [&](Rename& request) { change(*request.descriptor(item)); });
    }));
}

TEST(KernelRequest, WithAListThatLiesAboutItsLengthIsNotSentAndOneWithMoreBehindItGivesBadArguments) {
    EXPECT_TRUE(runs_well([] {
        const std::array<port_t, 2> two = {new_port(), new_port()};
        MUST(mach_ports_register(task_self(), const_cast<port_t*>(two.data()), 1) == KERN_SUCCESS);
        using Register = Request<calls::mach_ports_register>;
        const List<Port> list{{}, two};
        for (const unsigned number : {0u, 1u, 3u, 0xfffu}) {  // what stands there then are no items
            Register request(task_self(), new_port(), {list});
            request.descriptor()->msg_type_number = number & 0xfff;
            const msg_return_t sent = msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0);
            MUST(sent == SEND_MSG_TOO_SMALL);
        }
        spoilt<calls::mach_ports_register>({list}, MIG_BAD_ARGUMENTS, [](Register& request) {
            *request.descriptor(size_of_item(2, 32)) = {MSG_TYPE_INTEGER_32, 32, 0, 1, 0, 0, 0};
            request.header()->msg_size += sizeof(msg_type_t);
        });
        port_array_t found = nullptr;
        unsigned int number = 0;
        MUST(mach_ports_lookup(task_self(), &found, &number) == KERN_SUCCESS);
        MUST(found[0] == two[0] && found[1] == PORT_NULL && violations().empty());
    }));
}

TEST(KernelRequest, ListInTheLongFormIsServed) {
    EXPECT_TRUE(runs_well([] {
        const port_t port = new_port();
        struct {
            msg_header_t header{};
            msg_type_long_t type{};
            port_t names[2];
            std::byte rest[64];
            msg_type_t* descriptor() { return &type.msg_type_header; }
        } text{};
        text.header = {0,   0,          sizeof text.header + sizeof text.type + sizeof text.names,
                       0,   new_port(), task_self(),
                       2034};
        text.type.msg_type_header.msg_type_inline = text.type.msg_type_header.msg_type_longform = 1;
        text.type.msg_type_header.msg_type_number = 77;  // counts for nothing
        text.type.msg_type_long_name = MSG_TYPE_PORT;
        text.type.msg_type_long_size = 32;
        text.type.msg_type_long_number = 2;
        text.names[1] = port;
        MUST(msg_rpc(&text.header, MSG_OPTION_NONE, sizeof text, 0, 0) == RPC_SUCCESS &&
             text.header.msg_id == 2134);
        MUST(text.header.msg_size == reply_head && text.type.msg_type_long_name == KERN_SUCCESS);
        MUST(left_by_parent() == port);
    }));
}

TEST(KernelRequest, WithRightsThatSaysItIsSimpleGivesBadArguments) {
    EXPECT_TRUE(runs_well([] {
        const port_t port = new_port();
        using Insert = Request<calls::port_insert_send>;
        spoilt<calls::port_insert_send>({Port{port}, Name{0x0bad'0000}}, MIG_BAD_ARGUMENTS,
                                        [](Insert& request) { request.header()->msg_simple = TRUE; });
    }));
}

TEST(KernelRequest, WithoutRightsThatSaysItIsComplexIsServed) {
    EXPECT_TRUE(runs_well([] {
        const port_t port = new_port();
        Rename request(task_self(), new_port(), {Name{port}, Name{0x0bad'0000}});
        request.header()->msg_simple = FALSE;
        MUST(msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0) == RPC_SUCCESS);
        std::tuple<> nothing;
        MUST(request.read_reply(&nothing) == KERN_SUCCESS);
        port_type_t type = PORT_TYPE_NONE;
        MUST(port_type(task_self(), 0x0bad'0000, &type) == KERN_SUCCESS);
    }));
}

TEST(KernelRequest, WithARightThatIsNotHeldIsNotSent) {
    EXPECT_TRUE(runs_well([] {
        const port_t mine = new_port();
        for (const port_t name : {port_t{4711}, [] {
                                      port_t set;
                                      MUST(port_set_allocate(task_self(), &set) == 0);
                                      return set;
                                  }()}) {
            Request<calls::port_insert_send> request(task_self(), mine, {Port{name}, Name{0x0bad'0000}});
            MUST(msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0) == SEND_INVALID_PORT);
            MUST(msg_send(request.header(), MSG_OPTION_NONE, 0) == SEND_INVALID_PORT);
        }
        MUST(receive(mine, RCV_TIMEOUT, 0).code == RCV_TIMED_OUT && violations().empty());
    }));
}

TEST(KernelRequest, WithAReplyPortThatIsNotHeldDoesNothing) {
    EXPECT_TRUE(runs_well([] {
        const port_t port = new_port();
        const std::uint64_t before = names();
        Request<calls::port_deallocate> request(task_self(), 4711, {Name{port}});
        MUST(msg_send(request.header(), MSG_OPTION_NONE, 0) == SEND_INVALID_PORT);
        MUST(names() == before);
    }));
}

TEST(KernelRequest, ThatFailsLeavesTheRightThatItWouldHaveGivenUp) {
    EXPECT_TRUE(runs_well([] {
        port_t port = new_port();
        MUST(port_insert_receive(task_self(), port, 0x0bad'0000) == KERN_FAILURE);
        const port_t sending = left_by_parent();
        MUST(sending == PORT_NULL);
        const port_t own = task_self();  // a pure send right
        Request<calls::port_insert_send> request(task_self(), PORT_NULL, {Port{own}, Name{PORT_NULL}});
        request.descriptor()->msg_type_deallocate = 1;
        MUST(code_of_reply(request) == KERN_INVALID_ARGUMENT);
        port_type_t type = PORT_TYPE_NONE;
        MUST(port_type(task_self(), own, &type) == KERN_SUCCESS && type == PORT_TYPE_SEND);
    }));
}

TEST(KernelRequest, WithTheDeallocateBitLosesTheNameOnSuccess) {
    EXPECT_TRUE(runs_well([] {
        const port_t own = task_self();
        Request<calls::task_set_special_port> request(own, PORT_NULL, {Int{TASK_EXCEPTION_PORT}, Port{own}});
        request.descriptor(8)->msg_type_deallocate = 1;
        MUST(code_of_reply(request) == KERN_SUCCESS);
        const port_t again = task_self();  // the old name is gone
        port_type_t type = PORT_TYPE_NONE;
        MUST(again != own && port_type(again, own, &type) == KERN_INVALID_ARGUMENT);
        port_t exception = PORT_NULL;
        MUST(task_get_special_port(again, TASK_EXCEPTION_PORT, &exception) == KERN_SUCCESS &&
             exception == again);
        MUST(violations().empty());
    }));
}

TEST(KernelRequest, ThatMovesAReceiveRightAndDeallocatesKeepsNoSendRight) {
    EXPECT_TRUE(runs_well([] {
        const port_t reply = new_port();
        leave_for_children(reply);
        Signal leave;
        const pid_t child = start([&] {
            MUST(send_right(left_by_parent(), 1, task_self()) == SEND_SUCCESS);
            leave.await();
        });
        const task_t task = receive(reply).right;
        for (const bool give_up : {false, true}) {
            const port_t port = new_port();
            Request<calls::port_insert_receive> request(
                task, PORT_NULL, {PortAll{port}, Name{give_up ? 0x0bad'0001 : 0x0bad'0002}});
            request.descriptor()->msg_type_deallocate = give_up ? 1 : 0;
            MUST(code_of_reply(request) == KERN_SUCCESS);
            port_type_t type = PORT_TYPE_NONE;
            MUST(port_type(task_self(), port, &type) == (give_up ? KERN_INVALID_ARGUMENT : KERN_SUCCESS));
        }
        MUST(violations().empty());
        leave.give();
        MUST(ended_well(child));
    }));
}

TEST(KernelRequest, ThatCannotBeReadIsNotSent) {
    EXPECT_TRUE(runs_well([] {
        MUST(task_self() != PORT_NULL);
        MUST(msg_send(nullptr, MSG_OPTION_NONE, 0) == SEND_INVALID_MEMORY);
        void* two = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        auto* end = static_cast<char*>(two) + 4096;
        MUST(munmap(end, 4096) == 0);
        auto* header = reinterpret_cast<msg_header_t*>(end - sizeof(msg_header_t));
        *header = {0, 1, sizeof(msg_header_t) + 8, 0, PORT_NULL, task_self(), 2078};
        MUST(msg_send(header, MSG_OPTION_NONE, 0) == SEND_INVALID_MEMORY);
    }));
}

TEST(KernelRequest, OutOfLineThatCannotBeReadIsNotSent) {
    EXPECT_TRUE(runs_well([] {
        const std::array<port_t, 1> one = {new_port()};
        Request<calls::mach_ports_register> request(task_self(), new_port(), {List<Port>{{}, one}});
        request.descriptor()->msg_type_inline = 0;
        const msg_return_t sent = msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0);
        MUST(sent != RPC_SUCCESS);
        MUST(left_by_parent() == PORT_NULL && violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
