// SPDX-License-Identifier: BSL-1.0
// Server: ports, and a function for each message id. A server is its handlers and nothing else.
//
//     umach::Server server;
//     auto port = server.add_port().value();
//     server.handle<Numbers, int>(1, [](const Numbers& n) { return n.a + n.b; });
//     server.run().value();
//
// Nothing that a client does ends it: an unknown id is answered with MIG_BAD_ID, a request that does not fit
// its type with MIG_TYPE_ERROR, and an answer that a client does not take (it died, its mailbox is full) is
// dropped with all that is in it; the server never waits for a client. An exception of a handler leaves run()
// and the client learns MIG_SERVER_DIED.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>

#include <umach/call.hpp>
#include <umach/notification.hpp>
#include <umach/port_set.hpp>

namespace umach {

class Server {
public:
    /// Reads the request's items from the one, writes the answer's into the other. Rights go into the answer
    /// by std::move: it is sent when the handler has returned. An error becomes the answer's return code;
    /// MIG_NO_REPLY sends none. To answer later, take the reply right from the reader.
    using Handler = std::function<Result<void>(MessageReader&, MessageWriter&)>;

    /// Where there is no room for its port set, the first call on the server says so.
    Server() : opened_(open()) {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Serves one more port: a new one, or one that exists already. Handlers learn from
    /// MessageReader::arrived_at() which port a request came to.
    /// takes: `port`, on success. returns: as port_allocate() and port_set_add().
    Result<PortName> add_port();
    Result<PortName> add_port(ReceiveRight port);
    /// returns: the port, no longer served, with its queue; KERN_INVALID_ARGUMENT it is not the server's.
    Result<ReceiveRight> remove_port(PortName port);

    /// `function` is called with (const Request&), or with (const Request&, MessageReader&) for what stands
    /// behind the structure; it returns Reply, Result<Reply> or an Error. Reply may be void. The client uses
    /// call<Request, Reply>. Handlers may be added while the server runs, by its own handlers.
    template <Plain Request, typename Reply, typename F>
    void handle(msg_id_t id, F function);
    /// `function` is called as a Handler; it may also return nothing.
    template <typename F>
    void handle(msg_id_t id, F function);

    /// Receives the task's notifications too. One server of a task can. returns: as port_set_add().
    Result<void> on_notification(std::function<void(Notification&)> function);

    /// Serves until stop(). returns: success, or the receive code that ended it, as msg_receive().
    Result<void> run();
    /// Serves at most one message. waits, returns: as msg_receive().
    Result<void> serve_one(WhenEmpty when_empty = WhenEmpty::wait());
    /// Ends run() when the message in hand is done. May be called by handlers and by other threads.
    void stop();
    [[nodiscard]] bool stopping() const noexcept { return stopping_.load(); }
    /// returns: a descriptor for poll or epoll: while it is readable, serve_one(WhenEmpty::never_wait()).
    [[nodiscard]] Result<PortFd> fd() const { return opened_ ? set_.fd() : Result<PortFd>(opened_.error()); }

private:
    Result<void> open();
    void dispatch(Message& message);
    void notify(Message& message);
    Result<void> perform(Message& request, MessageWriter& out);
    static void answer(Message& request, MessageWriter& out, const Result<void>& done);

    PortSet set_;
    ReceiveRight wake_;  ///< known to nobody else: a message there only ends a wait
    Result<void> opened_;
    std::map<port_t, ReceiveRight> ports_;
    std::map<msg_id_t, Handler> handlers_;
    std::function<void(Notification&)> on_notification_;
    std::atomic<bool> stopping_{false};
};

namespace detail {

/// Calls `function` and writes what it returns behind the return code.
template <typename Reply, typename F>
Result<void> put_reply(MessageWriter& out, F function) {
    using Returned = std::invoke_result_t<F&>;
    if constexpr (std::is_void_v<Reply> && std::is_void_v<Returned>) {
        function();
        return {};
    } else if constexpr (std::is_void_v<Reply>) {
        return function();
    } else {
        Result<Reply> reply = function();
        return reply ? out.put_struct(*reply) : reply.error();
    }
}

}  // namespace detail

template <Plain Request, typename Reply, typename F>
void Server::handle(msg_id_t id, F function) {
    handle(id,
           [function = std::move(function)](MessageReader& in, MessageWriter& out) mutable -> Result<void> {
               const Result<Request> request = in.get_struct<Request>();
               if (!request) {
                   return request.error();
               }
               if constexpr (std::invocable<F&, const Request&, MessageReader&>) {
                   return detail::put_reply<Reply>(out, [&] { return function(*request, in); });
               } else {
                   if (!in.at_end()) {
                       return detail::malformed("items behind the request");
                   }
                   return detail::put_reply<Reply>(out, [&] { return function(*request); });
               }
           });
}

template <typename F>
void Server::handle(msg_id_t id, F function) {
    // std::function copies; a handler that owns a right does not.
    auto shared = std::make_shared<F>(std::move(function));
    handlers_[id] = [shared](MessageReader& in, MessageWriter& out) -> Result<void> {
        if constexpr (std::is_void_v<std::invoke_result_t<F&, MessageReader&, MessageWriter&>>) {
            (*shared)(in, out);
            return {};
        } else {
            return (*shared)(in, out);
        }
    };
}

inline Result<void> Server::open() {
    Result<PortSet> set = PortSet::allocate();
    if (!set) {
        return set.error();
    }
    Result<ReceiveRight> wake = ReceiveRight::allocate();
    if (!wake) {
        return wake.error();
    }
    set_ = std::move(*set);
    wake_ = std::move(*wake);
    return set_.add(wake_);
}

inline Result<PortName> Server::add_port() {
    Result<ReceiveRight> port = ReceiveRight::allocate();
    return port ? add_port(std::move(*port)) : port.error();
}

inline Result<PortName> Server::add_port(ReceiveRight port) {
    if (!opened_) {
        return opened_.error();
    }
    if (Result<void> added = set_.add(port); !added) {
        return added.error();
    }
    const PortName name = port;
    ports_[name.get()] = std::move(port);
    return name;
}

inline Result<ReceiveRight> Server::remove_port(PortName port) {
    const auto found = ports_.find(port.get());
    if (found == ports_.end()) {
        return Error(KERN_INVALID_ARGUMENT, "the server does not serve this port");
    }
    ReceiveRight right = std::move(found->second);
    ports_.erase(found);
    PortSet::remove(right);
    return right;
}

inline Result<void> Server::on_notification(std::function<void(Notification&)> function) {
    on_notification_ = std::move(function);
    return opened_ ? set_.add(PortName(task_notify())) : opened_;
}

inline Result<void> Server::run() {
    Result<void> served = opened_;
    while (served && !stopping_.load()) {
        served = serve_one();
    }
    stopping_.store(false);
    return served;
}

inline void Server::stop() {
    stopping_.store(true);
    MessageWriter nudge;
    nudge.send_to(wake_, WhenFull::never_wait());  // a full queue wakes as well
}

inline Result<void> Server::serve_one(WhenEmpty when_empty) {
    if (!opened_) {
        return opened_;
    }
    Result<Message> message = set_.receive(when_empty);
    if (!message) {
        return message.error();
    }
    if (message->arrived_at() != wake_) {
        dispatch(*message);
    }
    return {};
}

inline void Server::dispatch(Message& message) {
    if (message.from_kernel()) {
        return notify(message);
    }
    MessageWriter out(reply_id(message.id()));
    out.put(int{KERN_SUCCESS});
    const Result<void> done = perform(message, out);
    answer(message, out, done);
}

inline Result<void> Server::perform(Message& request, MessageWriter& out) {
    const auto found = handlers_.find(request.id());
    if (found == handlers_.end()) {
        return Error(MIG_BAD_ID);
    }
    MessageReader in = request.reader();
    Result<void> done = found->second(in, out);
    return done ? out.status() : done;
}

inline void Server::answer(Message& request, MessageWriter& out, const Result<void>& done) {
    if (!request.has_reply_right() || done.code() == MIG_NO_REPLY) {
        return;
    }
    ReplyRight right = request.take_reply_right();
    if (done && right.send(out)) {
        return;
    }
    MessageWriter failure(out.id());
    failure.put(done ? MIG_REMOTE_ERROR : done.code());
    right.send(failure);
}

inline void Server::notify(Message& message) {
    Result<Notification> notification = decode_notification(message);
    if (notification && on_notification_) {
        on_notification_(*notification);
    }
}

}  // namespace umach
