// SPDX-License-Identifier: BSL-1.0
// Each random call, on the kernel and on the model.
#include "rig.hpp"

#include "ports/receive.hpp"
#include "ports/send.hpp"

#include <cstring>

namespace umach::model {

namespace {

constexpr unsigned any_right = send | receive | owner | once | dead | set;
constexpr std::array<port_type_t, 7> releasable{PORT_TYPE_SEND,        PORT_TYPE_SEND, PORT_TYPE_RECEIVE,
                                                PORT_TYPE_RECEIVE_OWN, PORT_TYPE_OWN,  PORT_TYPE_SEND_ONCE,
                                                PORT_TYPE_DEAD_NAME};

struct alignas(8) Buffer {
    std::array<std::byte, 1024> bytes{};
    std::size_t used = sizeof(msg_header_t);
    msg_header_t* header() { return reinterpret_cast<msg_header_t*>(bytes.data()); }
    void append(const void* from, std::size_t size) {
        std::memcpy(bytes.data() + used, from, size);
        used += size;
    }
};

// The names in the items of a received message. Every item here is a right or a name, in-line, of 32 bits.
std::vector<port_name_t> names_in(Buffer& buffer) {
    std::vector<port_name_t> names;
    if (buffer.header()->msg_simple != 0 && (buffer.header()->msg_unused & MSG_UNUSED_KERNEL) == 0)
        return names;
    for (std::size_t at = sizeof(msg_header_t); at + 4 <= buffer.header()->msg_size;) {
        msg_type_t type{};
        std::memcpy(&type, buffer.bytes.data() + at, sizeof type);
        at += sizeof type;
        for (unsigned i = 0; i < type.msg_type_number; ++i, at += 4) {
            port_name_t name = 0;
            std::memcpy(&name, buffer.bytes.data() + at, sizeof name);
            names.push_back(name);
        }
    }
    return names;
}

}  // namespace

int Rig::on_names(Random& random, std::uint32_t pick, int* expected) {
    const int task = any_task(random);
    ports::Caller c = caller(task);
    port_name_t name = PORT_NULL;
    if (pick < 9 && host_.ports.size() < 24) {
        const int code = ports::allocate(c, ref(task), &name);
        say("allocate", {task, name});
        return *expected = host_.allocate(task, name), code;
    }
    name = any_name(random, task, any_right, false);
    const port_type_t right = releasable[random.below(releasable.size())];
    if (pick < 14) {
        say("deallocate", {task, name});
        return *expected = host_.deallocate(task, name), ports::deallocate(c, ref(task), name);
    }
    if (pick < 20) {
        say("release", {task, name, right});
        return *expected = host_.release(task, name, right), ports::release(c, ref(task), name, right);
    }
    if (pick < 22) {
        name = any_name(random, task, send | dead, false);
        say("reference", {task, name});
        return *expected = host_.reference(task, name), ports::reference(c, ref(task), name);
    }
    if (pick < 25) {
        const port_name_t other =
            random.one_in(4) ? any_name(random, task, any_right, true) : new_name(random);
        say("rename", {task, name, other});
        return *expected = host_.rename(task, name, other), ports::rename(c, ref(task), name, other);
    }
    name = any_name(random, task, receive, false);
    if (pick < 27) {
        const int backlog = static_cast<int>(random.below(5));
        say("set_backlog", {task, name, backlog});
        return *expected = host_.set_backlog(task, name, backlog),
               ports::set_backlog(c, ref(task), name, backlog);
    }
    port_name_t previous = PORT_NULL;
    const port_name_t other = any_name(random, task, receive | send, false);
    if (random.one_in(2) && host_.may_ask_no_senders(task, name)) {
        say("request_notification", {task, name, other});
        *expected = host_.ask_no_senders(task, name, other);
        if (*expected != KERN_SUCCESS) return *expected;  // who may be told otherwise is another test's
        return ports::request_notification(c, ref(task), name, NOTIFY_NO_MORE_SENDERS, other, &previous);
    }
    say("set_backup", {task, name, other});
    const int code = ports::set_backup(c, ref(task), name, other, &previous);
    return *expected = host_.set_backup(task, task, name, other, previous), code;
}

int Rig::on_sets(Random& random, std::uint32_t pick, int* expected) {
    const int task = any_task(random);
    ports::Caller c = caller(task);
    port_name_t name = PORT_NULL;
    if (pick < 2) {
        const int code = ports::set_allocate(c, ref(task), &name);
        say("set_allocate", {task, name});
        return *expected = host_.set_allocate(task, name), code;
    }
    name = any_name(random, task, receive, true);
    const port_name_t set_name = any_name(random, task, set, false);
    if (pick < 3) {
        say("set_deallocate", {task, set_name});
        return *expected = host_.set_deallocate(task, set_name),
               ports::set_deallocate(c, ref(task), set_name);
    }
    if (pick < 8) {
        say("set_add", {task, set_name, name});
        return *expected = host_.set_add(task, set_name, name), ports::set_add(c, ref(task), set_name, name);
    }
    say("set_remove", {task, name});
    return *expected = host_.set_remove(task, name), ports::set_remove(c, ref(task), name);
}

int Rig::between_spaces(Random& random, std::uint32_t pick, int* expected) {
    const int mine = any_task(random);
    const int other = any_task(random);
    ports::Caller c = caller(mine);
    port_name_t out = PORT_NULL;
    const port_name_t given = random.one_in(3) ? any_name(random, other, any_right, true) : new_name(random);
    if (pick < 3) {
        const port_name_t my = any_name(random, mine, send | receive | owner, true);
        say("insert_send", {mine, other, my, given});
        return *expected = host_.insert_send(mine, other, my, given),
               ports::insert_send(c, ref(other), my, given);
    }
    if (pick < 5) {
        const port_name_t his = any_name(random, other, send, false);
        say("extract_send", {mine, other, his});
        const int code = ports::extract_send(c, ref(other), his, &out);
        return *expected = host_.extract_send(mine, other, his, out), code;
    }
    if (pick < 8) {
        const port_name_t my = any_name(random, mine, receive, false);
        say("insert_receive", {mine, other, my, given});
        return *expected = host_.insert_receive(mine, other, my, given),
               ports::insert_receive(c, ref(other), my, given);
    }
    const port_name_t his = any_name(random, other, receive, false);
    say("extract_receive", {mine, other, his});
    const int code = ports::extract_receive(c, ref(other), his, &out);
    return *expected = host_.extract_receive(mine, other, his, out), code;
}

int Rig::on_specials(Random& random, std::uint32_t pick, int* expected) {
    const int mine = any_task(random);
    const int other = any_task(random);
    ports::Caller c = caller(mine);
    port_name_t name = any_name(random, mine, send | receive, true);
    if (pick < 2) {
        say("set_bootstrap", {mine, other, name});
        return *expected = host_.set_bootstrap(mine, other, name),
               ports::set_special(c, ref(other), ports::special_bootstrap, name);
    }
    if (pick < 4) {
        const int code = ports::get_special(c, ref(other), ports::special_bootstrap, &name);
        say("get_bootstrap", {mine, other, name});
        return *expected = host_.get_bootstrap(mine, other, name), code;
    }
    const std::vector<port_name_t> names{name, any_name(random, mine, send | receive, true)};
    say("register", {mine, names[0], names[1]});
    return *expected = host_.register_ports(mine, names),
           ports::register_ports(c, ref(mine), names.data(), 2);
}

Sending Rig::any_sending(Random& random, int task) {
    static constexpr std::array<unsigned, 9> codes{3, 4, 4, 5, 5, 6, 6, 18, 21};
    static constexpr std::array<unsigned, 9> wanted{owner, receive, receive, receive, receive,
                                                    send,  once,    once,    receive};
    Sending sending;
    sending.destination = any_name(random, task, send | receive | once, true);
    if (random.one_in(4)) sending.reply = any_name(random, task, send | receive, true);
    sending.id = static_cast<msg_id_t>(10'000 + random.below(1'000'000));   // of no call to a kernel port
    sending.keep = random.one_in(4);
    for (std::uint32_t items = random.below(4); items > 0; --items) {
        const std::uint32_t kind = random.below(codes.size());
        Item item{codes[kind], random.one_in(2), {}};
        // The task's own two ports may be copied, never given away.
        const bool copies = item.code == MSG_TYPE_PORT && !item.deallocate;
        for (std::uint32_t names = 1 + random.below(2); names > 0; --names)
            item.names.push_back(any_name(random, task, wanted[kind], copies));
        sending.items.push_back(item);
    }
    return sending;
}

int Rig::do_send(Random& random, int* expected) {
    const int task = any_task(random);
    const Sending sending = any_sending(random, task);
    Buffer buffer;
    say("send", {task, sending.destination, sending.reply, sending.id, sending.keep});
    for (const Item& item : sending.items) {
        msg_type_t type{};
        type.msg_type_name = item.code & 0xff;
        type.msg_type_size = 32;
        type.msg_type_number = static_cast<unsigned>(item.names.size()) & 0xfff;
        type.msg_type_inline = 1;
        type.msg_type_deallocate = item.deallocate ? 1 : 0;
        buffer.append(&type, sizeof type);
        buffer.append(item.names.data(), 4 * item.names.size());
        text_ += " | " + std::to_string(item.code) + (item.deallocate ? "d" : "");
        for (const port_name_t name : item.names) text_ += ' ' + std::to_string(name);
    }
    *buffer.header() = msg_header_t{0,
                                    sending.items.empty() ? 1u : 0u,
                                    static_cast<msg_size_t>(buffer.used),
                                    0,
                                    sending.reply,
                                    sending.destination,
                                    sending.id};
    ports::Caller c = caller(task);
    *expected = host_.send_message(task, sending);
    return ports::send(c, buffer.header(), sending.keep ? SEND_NOTIFY : SEND_TIMEOUT, 0);
}

int Rig::do_receive(Random& random, int* expected) {
    const int task = any_task(random);
    const port_name_t from = any_name(random, task, receive | set, true);
    Buffer buffer;
    buffer.header()->msg_local_port = from;
    buffer.header()->msg_size = sizeof buffer.bytes;
    ports::Caller c = caller(task);
    const int code = ports::receive(c, buffer.header(), RCV_TIMEOUT, 0);
    Received got;
    if (code == RCV_SUCCESS) {
        const msg_header_t& header = *buffer.header();
        got = {header.msg_id, header.msg_local_port, header.msg_remote_port,
               (header.msg_unused & MSG_UNUSED_KERNEL) != 0, names_in(buffer)};
    }
    say("receive", {task, from, got.id, got.remote});
    for (const port_name_t name : got.names) text_ += ' ' + std::to_string(name);
    *expected = host_.receive_message(task, from, got);
    return code;
}

}  // namespace umach::model
