// SPDX-License-Identifier: BSL-1.0
#include "torture_worker.hpp"

#include <mach.h>
#include <mach/notify.h>
#include <servers/netname.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <umach_inspect.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <random>
#include <thread>

namespace umach::tools {
namespace {

enum : msg_id_t { bytes_id = 1, right_id, call_id, answer_id };

struct Body {
    std::uint64_t from, life, sequence;
    std::array<std::uint64_t, 6> filling;  // each follows from the three above

    void fill() {
        for (std::size_t i = 0; i < filling.size(); ++i) filling[i] = (sequence + i) * 31 + life;
    }
    bool is_whole() const {
        Body other = *this;
        other.fill();
        return filling == other.filling;
    }
};
struct BytesMessage {
    msg_header_t header;
    msg_type_t type;
    std::uint32_t unused;
    Body body;
};
struct RightMessage {
    msg_header_t header;
    msg_type_t type;
    port_t right;
};
union Buffer {
    msg_header_t header;
    BytesMessage bytes;
    RightMessage right;
    std::array<char, 1024> room;
};

msg_type_t inline_item(unsigned type, unsigned bits, unsigned count) {
    msg_type_t item{};
    item.msg_type_name = type & 0xff;
    item.msg_type_size = bits & 0xff;
    item.msg_type_number = count & 0xfff;
    item.msg_type_inline = 1;
    return item;
}

void become_another_program(int) {
    execl("/bin/true", "true", nullptr);
    _exit(1);
}
void leave_at_once(int) {
    _exit(0);
}

class Worker {
public:
    Worker(const Work& work, Room& room)
        : work_(work),
          room_(room),
          place_(room.places[work.number]),
          life_(++place_.lives),
          random_(work.seed) {
        port_allocate(task_self(), &port_);
        port_set_allocate(task_self(), &set_);
        port_set_add(task_self(), set_, port_);
        port_allocate(task_self(), &reply_);
        port_set_backlog(task_self(), port_, 1 + pick(PORT_BACKLOG_MAX));
    }

    [[noreturn]] void work_for_ever() {
        check_in();
        for (;;) {
            work_once();
            ++place_.operations;
        }
    }

private:
    int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

    void work_once() {
        switch (pick(12)) {
            case 0:
            case 1:
            case 2: return send_bytes();
            case 3:
            case 4: return send_right();
            case 5: return call_peer();
            case 6: return change_ports();
            case 7: return receive_from(task_notify(), 0);
            case 8: return pick(10) == 0 ? use_others() : receive_from(set_, 0);
            default: return receive_from(set_, pick(3) == 0 ? 1 : 0);
        }
    }

    std::string name_of(unsigned number) const { return "torture " + std::to_string(number); }

    void check_in() { netname_check_in(name_server_port, name_of(work_.number).c_str(), PORT_NULL, port_); }

    // A peer that is not known is looked up; nobody has checked in at a name server that has just begun.
    port_t peer(unsigned number) {
        port_t& known = peers_[number];
        port_type_t type = 0;
        if (known != PORT_NULL && port_type(task_self(), known, &type) == KERN_SUCCESS &&
            type != PORT_TYPE_DEAD_NAME)
            return known;
        if (known != PORT_NULL) port_deallocate(task_self(), known);
        known = PORT_NULL;
        if (netname_look_up(name_server_port, "", name_of(number).c_str(), &known) != NETNAME_SUCCESS) {
            known = PORT_NULL;
            check_in();
        }
        return known;
    }
    port_t some_peer() { return peer(static_cast<unsigned>(pick(static_cast<int>(work_.workers)))); }

    void send(msg_header_t* header) {
        const msg_option_t option = pick(8) == 0 ? SEND_NOTIFY | SEND_TIMEOUT : SEND_TIMEOUT;
        const msg_return_t code = msg_send(header, option, static_cast<msg_timeout_t>(pick(3)));
        if (code == SEND_SUCCESS || code == SEND_WILL_NOTIFY) ++place_.sent;
    }

    void send_bytes() {
        const auto number = static_cast<unsigned>(pick(static_cast<int>(work_.workers)));
        const port_t to = peer(number);
        if (to == PORT_NULL) return;
        BytesMessage message{};
        message.header.msg_simple = TRUE;
        message.header.msg_size = sizeof message;
        message.header.msg_remote_port = to;
        message.header.msg_id = bytes_id;
        message.type = inline_item(MSG_TYPE_INTEGER_32, 32, 1 + sizeof(Body) / 4);
        message.body = {work_.number, life_, ++sequences_[number], {}};
        message.body.fill();
        send(&message.header);
    }

    // A send right, a port with what is in its queue, or a send-once right; of which the sender may keep a
    // part.
    void send_right() {
        static constexpr std::array<unsigned, 5> codes{MSG_TYPE_PORT, MSG_TYPE_PORT_ALL,
                                                       MSG_TYPE_PORT_RECEIVE, MSG_TYPE_PORT_OWNERSHIP,
                                                       MSG_TYPE_MAKE_SEND_ONCE};
        const port_t to = some_peer();
        port_t fresh = PORT_NULL;
        if (to == PORT_NULL || port_allocate(task_self(), &fresh) != KERN_SUCCESS) return;
        if (pick(2) == 0) send_one(fresh, MSG_TYPE_PORT, port_, false);
        send_one(to, codes[static_cast<std::size_t>(pick(codes.size()))], fresh, pick(2) == 0);
        keep(fresh);
    }
    void send_one(port_t to, unsigned code, port_t right, bool give_up) {
        RightMessage message{};
        message.header.msg_size = sizeof message;
        message.header.msg_remote_port = to;
        message.header.msg_local_port = pick(4) == 0 ? port_ : PORT_NULL;
        message.header.msg_id = right_id;
        message.type = inline_item(code, 32, 1);
        message.type.msg_type_deallocate = give_up ? 1 : 0;
        message.right = right;
        send(&message.header);
    }

    void call_peer() {
        const port_t to = some_peer();
        if (to == PORT_NULL) return;
        Buffer buffer{};
        buffer.header.msg_simple = TRUE;
        buffer.header.msg_size = sizeof buffer.header;
        buffer.header.msg_remote_port = to;
        buffer.header.msg_local_port = reply_;
        buffer.header.msg_id = call_id;
        msg_rpc(&buffer.header, SEND_TIMEOUT | RCV_TIMEOUT, sizeof buffer, 1,
                static_cast<msg_timeout_t>(1 + pick(3)));
    }

    // A thread, or a child that is a task of its own: they come, send, and go.
    void use_others() {
        const port_t to = some_peer();
        if (to == PORT_NULL) return;
        if (pick(2) == 0) return std::thread([&] { send_one(to, MSG_TYPE_PORT, port_, false); }).join();
        const pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            port_t found = PORT_NULL;
            netname_look_up(name_server_port, "", name_of(work_.number).c_str(), &found);
            if (found != PORT_NULL) send_one(found, MSG_TYPE_PORT, task_self(), false);
            _exit(0);
        }
        waitpid(child, nullptr, 0);
    }

    void look_at_host() {
        umach_host_seen_t seen{};
        if (umach_inspect_host(&seen) == KERN_SUCCESS) room_.keeper = seen.keeper;
    }

    void change_ports() {
        look_at_host();
        port_name_t set = PORT_NULL;
        if (port_set_allocate(task_self(), &set) != KERN_SUCCESS) return;
        port_set_add(task_self(), set, reply_);
        port_t previous = PORT_NULL;
        port_request_notification(task_self(), port_, NOTIFY_NO_MORE_SENDERS, task_notify(), &previous);
        if (pick(2) == 0) port_set_remove(task_self(), reply_);
        port_set_deallocate(task_self(), set);
        while (kept_.size() > static_cast<std::size_t>(pick(40))) let_go();
    }

    void keep(port_t right) {
        kept_.push_back(right);
        while (kept_.size() > 60) let_go();
    }
    void let_go() {
        port_deallocate(task_self(), kept_.front());
        kept_.pop_front();
    }

    void receive_from(port_name_t from, msg_timeout_t timeout) {
        for (int i = 0; i < 4; ++i) {
            Buffer buffer{};
            buffer.header.msg_size = sizeof buffer;
            buffer.header.msg_local_port = from;
            if (msg_receive(&buffer.header, RCV_TIMEOUT, timeout) != RCV_SUCCESS) return;
            ++place_.received;
            take(buffer);
        }
    }

    void take(Buffer& buffer) {
        if (buffer.header.msg_id == bytes_id) return look_at(buffer.bytes.body);
        if (buffer.header.msg_id == right_id && buffer.right.right != PORT_NULL)
            keep_received(buffer.right.right);
        if (buffer.header.msg_remote_port != PORT_NULL) answer(buffer.header);
    }
    void keep_received(port_t right) {
        for (const port_t own : {port_, reply_, set_})
            if (right == own) return;
        for (unsigned i = 0; i < work_.workers; ++i)
            if (right == peers_[i]) return;
        receive_from(right, 0);
        keep(right);
    }
    void answer(msg_header_t& request) {
        msg_header_t text{};
        text.msg_simple = TRUE;
        text.msg_size = sizeof text;
        text.msg_remote_port = request.msg_remote_port;
        text.msg_id = answer_id;
        send(&text);
        keep_received(request.msg_remote_port);
    }

    // Whole, not seen before, and not before one that was sent earlier.
    void look_at(const Body& body) {
        if (!body.is_whole() || body.from >= work_.workers) return complain("was torn", body);
        auto& [life, sequence] = latest_[body.from];
        if (body.life < life || (body.life == life && body.sequence <= sequence))
            return complain("came twice or out of order", body);
        life = body.life;
        sequence = body.sequence;
    }
    void complain(const char* what, const Body& body) {
        if (room_.wrong++ == 0)
            std::snprintf(room_.first_wrong.data(), room_.first_wrong.size(),
                          "message %lu of life %lu of worker %lu to worker %u %s", body.sequence, body.life,
                          body.from, work_.number, what);
    }

    const Work& work_;
    Room& room_;
    Place& place_;
    std::uint64_t life_;
    std::minstd_rand random_;
    port_t port_ = PORT_NULL, reply_ = PORT_NULL;
    port_name_t set_ = PORT_NULL;
    std::array<port_t, most_workers> peers_{};
    std::array<std::uint64_t, most_workers> sequences_{};
    std::array<std::pair<std::uint64_t, std::uint64_t>, most_workers> latest_{};
    std::deque<port_t> kept_;
};

}  // namespace

bool attach_patiently(const std::string& host) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    do {
        if (umach_host_attach(host.c_str()) == KERN_SUCCESS) return true;
    } while (std::chrono::steady_clock::now() < end);
    return false;
}

void work(const Work& work, Room& room) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGUSR1, become_another_program);
    signal(SIGUSR2, leave_at_once);
    if (!attach_patiently(work.host)) {
        ++room.not_let_in;
        _exit(1);
    }
    Worker(work, room).work_for_ever();
}

}  // namespace umach::tools
