// SPDX-License-Identifier: BSL-1.0
// What a client and a server do with the links that a peer gives them, in each mode. Every message is stamped
// and looked at, at both ends.
#pragma once

#include "harness/control.hpp"

namespace bench {

// One RPC. Where a peer answers in the request's buffer, `in` is not used.
template <class Client>
void exchange(Client& link, ClientLog& log, MutableBytes out, MutableBytes in, Header header) {
    stamp(out, header);
    if constexpr (requires { link.call(out); }) {
        link.call(out);
        in = out;
    } else {
        link.send(out);
        link.receive(in);
    }
    log.errors += !intact(in) || read_header(in).sequence != header.sequence;
    ++log.calls;
}

template <class P>
void client_rpc(P& peer, Control& control, unsigned id) {
    control.enter_role(false);
    control.await_server();
    typename P::Client link(peer, id);
    Buffer out(control.config.payload), in(control.config.payload);
    ClientLog& log = control.clients[id];
    constexpr unsigned batch = P::traits.batch;
    std::uint64_t sequence = 0;

    const Window window = control.start_together();
    for (std::uint64_t before = ticks(); before < window.end;) {
        for (unsigned i = 0; i < batch; ++i)
            exchange(link, log, out.bytes(), in.bytes(), {Op::data, id, ++sequence});
        const std::uint64_t after = ticks();
        if (before >= window.begin && after <= window.end) log.latency.add((after - before) / batch, batch);
        before = after;
    }
    exchange(link, log, out.bytes(), in.bytes(), {Op::stop, id, ++sequence});
}

template <class P>
void client_stream(P& peer, Control& control, unsigned id) {
    control.enter_role(false);
    control.await_server();
    typename P::Client link(peer, id);
    Buffer out(control.config.payload);
    std::uint64_t sequence = 0;
    const auto send = [&](Op op) {
        stamp(out.bytes(), {op, id, ++sequence});
        link.send(out.bytes());
    };

    const Window window = control.start_together();
    const auto send_until = [&](std::uint64_t end, Op op) {
        while (ticks() < end)
            for (unsigned i = 0; i < queue_depth; ++i) send(op);  // reading the clock costs too
    };
    send_until(window.begin, Op::warm);
    send_until(window.end, Op::data);
    control.clients[id].calls = sequence;
    send(Op::stop);
    if (P::traits.lossy)
        while (!control.finished()) {
            sleep_for(1e-3);
            send(Op::stop);
        }
    // Some transports drop what is queued when the sender leaves.
    if (P::traits.space != Space::fibers)
        while (!control.finished()) sleep_for(1e-3);
}

// Waits for an answer that comes after the window; client 0 calls for it.
template <class P>
void client_wait(P& peer, Control& control, unsigned id) {
    control.enter_role(false);
    control.await_server();
    typename P::Client link(peer, id);
    Buffer out(control.config.payload), in(control.config.payload);
    const Window window = control.start_together();
    if (id == 0) sleep_for(static_cast<double>(window.end - ticks()) / ticks_per_second());
    exchange(link, control.clients[id], out.bytes(), in.bytes(), {id == 0 ? Op::stop : Op::data, id, 1});
}

// Answers nobody before all have asked.
template <class Server>
void serve_wait(Server& link, Control& control) {
    Buffer buffer(control.config.payload);
    const unsigned clients = control.config.clients;
    for (unsigned asked = 0; asked < clients;) {
        if (!link.receive(buffer.bytes())) continue;
        control.server.errors += !intact(buffer.bytes());
        ++asked;
    }
    for (unsigned id = 0; id < clients; ++id) {
        stamp(buffer.bytes(), {Op::stop, id, 1});
        link.reply(id, buffer.bytes());
    }
}

inline void log_streamed(ServerLog& log, const Header& header, std::uint64_t& expected) {
    log.lost += header.sequence - expected;
    expected = header.sequence + 1;
    if (header.op == Op::data && log.received++ == 0) log.first = ticks();
    if (header.op == Op::stop) log.last = ticks();
}

template <class Server>
void serve_messages(Server& link, Control& control) {
    Buffer buffer(control.config.payload);
    const bool replies = control.config.mode == Mode::rpc;
    std::uint64_t expected = 1;
    for (unsigned live = control.config.clients; live > 0;) {
        if (!link.receive(buffer.bytes())) continue;
        const Header header = read_header(buffer.bytes());
        control.server.errors += !intact(buffer.bytes());
        if (header.op == Op::stop) --live;
        if (replies)
            link.reply(header.client, buffer.bytes());
        else
            log_streamed(control.server, header, expected);
    }
}

template <class P>
void serve(P& peer, Control& control) {
    control.enter_role(true);
    typename P::Server link(peer);
    control.announce_server();
    if (P::traits.holds && control.config.mode == Mode::wait)
        serve_wait(link, control);
    else
        serve_messages(link, control);
    control.finish();
}

template <class P>
void call(P& peer, Control& control, unsigned id) {
    switch (control.config.mode) {
        case Mode::rpc: return client_rpc(peer, control, id);
        case Mode::stream: return client_stream(peer, control, id);
        case Mode::wait: return client_wait(peer, control, id);
    }
}

}  // namespace bench
