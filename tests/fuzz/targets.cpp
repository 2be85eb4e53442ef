// SPDX-License-Identifier: BSL-1.0
#include "tests/fuzz/targets.hpp"

#include <mach.h>
#include <servers/netname.h>
#include <umach_inspect.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/transport/frame.hpp"
#include "servers/name/wire.hpp"
#include "servers/netmsg/parcel.hpp"
#include "servers/netmsg/server.hpp"

namespace umach::fuzz {

using transport::Moved;

namespace {

void must(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "it does not hold that %s\n", what);
    std::abort();
}

// What was read before is what a link's frames are read with: the largest of TCP.
constexpr std::size_t most_body = 65'496;

}  // namespace

void feed_frame(View bytes) {
    const auto frame = transport::decode_frame(bytes, most_body);
    must(transport::text_of(frame.fault)[0] != '\0', "a fault has words");
    if (frame.fault != transport::FrameFault::none) return;
    must(frame.bytes <= bytes.size() && frame.body.size() == frame.head.length,
         "a frame is within its bytes");
    Bytes again;
    transport::encode_frame(frame.head, frame.body, again);
    must(again.size() == frame.bytes && std::memcmp(again.data(), bytes.data(), again.size()) == 0,
         "a frame comes out as it went in");
}

void feed_parcel(View bytes) {
    const auto parcel = netmsg::decode_parcel(bytes);
    if (!parcel) return;
    std::size_t rights = 0;
    const bool whole = parcel->simple || netmsg::visit_items(parcel->body, [&](const netmsg::Item& item) {
                           const std::uint64_t there = item.in_line ? item.bytes() : sizeof(void*);
                           must(item.data <= parcel->body.size() && there <= parcel->body.size() - item.data,
                                "an item is in its body");
                           if (item.rights()) rights += static_cast<std::size_t>(item.number);
                           Bytes body = parcel->body;
                           netmsg::put_code(body.data(), item, MSG_TYPE_PORT, true);
                       });
    must(whole && rights == parcel->rights.size(), "a parcel has the rights of its body");
    Bytes again;
    netmsg::encode_parcel(*parcel, again);
    must(again.size() == bytes.size() && std::memcmp(again.data(), bytes.data(), again.size()) == 0,
         "a parcel comes out as it went in");
}

namespace {

// A link's way on which an input comes, a frame after each two bytes with its length, each after a pause, and then the end.
class Fed final : public transport::Transport {
public:
    explicit Fed(View input) : Transport({}, most_body), rest_(input) {}

private:
    Moved try_send(transport::FrameKind, transport::Parts) override { return Moved::done; }
    // Each frame stands in memory of its own, in which the sanitizer sees its end.
    Moved try_receive(View& body) override {
        if (rest_.empty()) return end(transport::Ending::closed, "the input is at its end");
        if (++calls_ % 2 == 0) {
            alarm_at(transport::Deadline::in(std::chrono::seconds(0)));
            return Moved::later;
        }
        const std::size_t head = std::min<std::size_t>(rest_.size(), 2);
        std::size_t wanted = std::to_integer<std::size_t>(rest_[0]);
        if (head == 2) wanted += 256 * std::to_integer<std::size_t>(rest_[1]);
        const View frame = rest_.subspan(head, std::min(wanted, rest_.size() - head));
        taken_ = Bytes(frame.begin(), frame.end());
        body = taken_;
        rest_ = rest_.subspan(head + frame.size());
        return Moved::done;
    }
    bool drained() const override { return true; }
    void wait_for_room(runtime::Deadline) override {}
    void ask_for_room() override {}

    View rest_;
    int calls_ = 0;
    Bytes taken_;
};

// A server whose links end; one for all inputs.
struct World {
    World() : server("fuzz", [](const std::string&) {}) {
        must(port_allocate(task_self(), &target) == KERN_SUCCESS, "there is a port");
        must(netname_check_in(name_server_port, "target", PORT_NULL, target) == KERN_SUCCESS,
             "it has a name");
        must(netname_look_up(name_server_port, "", "netmsg/*", &everybody) == KERN_SUCCESS, "a server can be asked");
        names_before = names_now();
    }

    // Somebody here looks for a name, and takes no answer.
    void look_up() {
        names::LookUp request;
        request.header.msg_simple = FALSE;
        request.header.msg_size = sizeof request;
        request.header.msg_remote_port = everybody;
        request.header.msg_local_port = target;
        request.header.msg_id = names::look_up_id;
        std::strcpy(static_cast<char*>(request.name.text), "anything");
        msg_send(&request.header, SEND_TIMEOUT, 0);
        server.turn(0, -1);
    }

    // Ends when the link has, and takes what it sent.
    void settle() {
        for (int turns = 0; turns < 1000 && server.links() > 0; ++turns) server.turn(0, -1);
        must(server.links() == 0, "a link ends with its way");
        for (;;) {
            netmsg::Buffer got;
            got.header.msg_local_port = target;
            got.header.msg_size = sizeof got;
            if (msg_receive(&got.header, RCV_TIMEOUT, 0) != RCV_SUCCESS) break;
            netmsg::discard(got);
        }
        server.turn(0, -1);
    }

    static unsigned names_now() {
        umach_task_seen_t own{};
        const auto mine = [](const umach_task_seen_t* task, void* found) {
            if (task->pid == getpid()) *static_cast<umach_task_seen_t*>(found) = *task;
        };
        umach_inspect_tasks(mine, &own);
        return own.names;
    }

    netmsg::Server server;
    port_t target = PORT_NULL, everybody = PORT_NULL;
    unsigned names_before = 0;
};

World& world() {
    static World& made = *new World;
    return made;
}

}  // namespace

void feed_protocol(View bytes) {
    world().server.add(std::make_unique<Fed>(bytes));
    world().look_up();
    world().settle();
}

void expect_nothing_left() {
    World& all = world();
    for (int turns = 0; turns < 10'000 && World::names_now() > all.names_before; ++turns) all.server.turn(1, -1);
    must(World::names_now() <= all.names_before, "no name is left of a link that ended");
    umach_audit_seen_t seen{};
    const auto broken = [](const char* what, void*) { must(false, what); };
    must(umach_inspect_audit(broken, nullptr, &seen) == KERN_SUCCESS, "the host can be checked");
}

}  // namespace umach::fuzz
