// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/server.hpp"

#include <algorithm>
#include <utility>

#include <poll.h>
#include <servers/netname.h>
#include <sys/eventfd.h>
#include <umach_threads.h>
#include <unistd.h>

#include "servers/name/wire.hpp"

namespace umach::netmsg {

using transport::Deadline;

namespace {

constexpr int messages_at_once = 64;
constexpr auto look_at_searches = std::chrono::milliseconds(50);
constexpr std::ptrdiff_t most_links = 256;
constexpr std::ptrdiff_t most_strangers = 32;  // links whose peers have not said who they are

int poll_until(std::vector<pollfd>& look, Deadline until) {
    const auto left = std::min<std::chrono::nanoseconds>(until.remaining(), std::chrono::hours(1));
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec at_most{seconds.count(), (left - seconds).count()};
    return ppoll(look.data(), look.size(), &at_most, nullptr);
}

}  // namespace

Server::Server(std::string host_name, Log log)
    : host_name_(std::move(host_name)), log_(std::move(log)), nudged_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    shore_ = new_port();
    if (shore_ == PORT_NULL || port_set_allocate(task_self(), &set_) != KERN_SUCCESS) return;
    port_set_add(task_self(), set_, shore_);
    port_set_add(task_self(), set_, task_notify());
    ferry_ = std::make_unique<Ferry>(shore_);
    everybody_ = checked_in(names::link_prefix + std::string("*"));
    window_ = checked_in(seen_under(getpid()));
}

Server::~Server() {
    links_.clear();
    pass_news();
    ferry_.reset();
    searches_.clear();
    for (const port_t port : {everybody_, window_})
        if (port != PORT_NULL) end_port(port);
    if (set_ != PORT_NULL) port_set_deallocate(task_self(), set_);
    if (shore_ != PORT_NULL) end_port(shore_);
}

port_t Server::checked_in(const std::string& name) {
    const port_t port = new_port();
    port_set_add(task_self(), set_, port);
    netname_check_in(name_server_port, name.c_str(), port, port);
    return port;
}

void Server::serve_wall(const Given& given) {
    given_ = given;
    walled_ = true;
    if (everybody_ != PORT_NULL) end_port(std::exchange(everybody_, PORT_NULL));
}

void Server::add(std::unique_ptr<transport::Transport> transport, const std::string& address, bool listened) {
    add(std::move(transport), next_++, address, listened);
}

void Server::add(std::unique_ptr<transport::Transport> transport, std::uint64_t number, const std::string& address,
                 bool listened) {
    const Rights::News news = [this](int notification, port_t name) {
        notification_t notice{};
        notice.notify_header.msg_id = notification;
        notice.notify_port = name;
        news_.push_back(notice);
    };
    links_[number] = std::make_unique<Link>(
        number, std::move(transport), Link::Terms{host_name_, set_, quota_, given_, walled_, patience_, news}, *ferry_);
    links_[number]->tell_found([this](std::uint64_t search, port_t port) { return found(search, port); });
    links_[number]->came_about(address, listened);
    attend(*links_[number]);
}

void Server::attend(Link& link) {
    const bool joined = !link.peer_name().empty();
    link.attend();
    if (joined || link.peer_name().empty()) return;
    log_("joined with " + link.peer_name() + link.who());
    this->joined(link);
}

// Who comes in and says nothing keeps out nobody who is in.
bool Server::has_room() {
    const auto strangers = std::count_if(links_.begin(), links_.end(), [](const auto& entry) {
        return entry.second->peer_name().empty();
    });
    const bool room = strangers < most_strangers && std::ssize(links_) < most_links;
    if (!room)
        log_("refused a peer: there are " + std::to_string(links_.size()) + " links, of which " +
             std::to_string(strangers) + " have not said who they are");
    return room;
}

void Server::accept(transport::Listener& listener) {
    auto guest = listener.accept();
    if (!guest) return log_(guest.fault().what);
    if (guest.value() != nullptr && has_room()) add(std::move(guest).value(), listener.address(), true);
}

// Takes part in the work of a server that runs, until it ends.
class Server::Receiving {
public:
    explicit Receiving(Server& server) : server_(server) {
        server.over_ = false;
        umach_thread_create(task_self(), UMACH_OS_THREAD, receive, &server, &thread_);
    }
    Receiving(const Receiving&) = delete;
    Receiving& operator=(const Receiving&) = delete;
    ~Receiving() {
        {
            const std::lock_guard lock(server_.mutex_);
            server_.over_ = true;
        }
        say(server_.shore_);
        umach_thread_join(thread_, UMACH_FOREVER);
        give_up(thread_);
    }

private:
    static void receive(void* server) { static_cast<Server*>(server)->receive_on(); }

    Server& server_;
    thread_t thread_ = PORT_NULL;
};

void Server::run(int stop, const std::function<bool()>& goes_on) {
    const Receiving receiving(*this);
    while (attend_to_links(-1, stop) && (!goes_on || goes_on())) {
    }
}

bool Server::turn(int milliseconds, int stop) {
    if (!attend_to_links(milliseconds, stop)) return false;
    Buffer message;
    for (int i = 0; i < messages_at_once && receive(message); ++i) {
    }
    bury();
    pass_news();
    return true;
}

// The links are changed by the thread that calls this and by no other.
bool Server::attend_to_links(int milliseconds, int stop) {
    std::vector<pollfd> look{{stop, POLLIN, 0}, {nudged_.get(), POLLIN, 0}};
    std::vector<std::uint64_t> order;
    Deadline until = Deadline::never();
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [number, link] : links_) {
            look.push_back({link->descriptor(), POLLIN, 0});
            order.push_back(number);
        }
        for (const auto& listener : listeners_) look.push_back({listener.descriptor(), POLLIN, 0});
        watch(look);
        until = due(milliseconds);
    }
    if (poll_until(look, until) < 0) return true;
    if (look[0].revents != 0) return false;
    const std::lock_guard lock(mutex_);
    if (look[1].revents != 0) calm();
    attend_to_what_is_ready(look, order);
    bury();
    pass_news();
    end_searches();
    return true;
}

void Server::attend_to_what_is_ready(const std::vector<pollfd>& look, const std::vector<std::uint64_t>& order) {
    auto next = look.begin() + 2;
    for (const std::uint64_t number : order)
        if (Link& link = *links_.at(number); (next++)->revents != 0 || link.has_more()) attend(link);
    for (auto& listener : listeners_)
        if ((next++)->revents != 0) accept(listener);
    if (next == look.end()) return;
    if ((next++)->revents != 0) hear_questions();
    if (next->revents != 0) hear_answers();
}

// returns: whether there was a message
bool Server::receive(Buffer& message) {
    message.header.msg_size = sizeof message;
    message.header.msg_local_port = set_;
    const bool received = msg_receive(&message.header, RCV_TIMEOUT, 0) == RCV_SUCCESS;
    if (received) receive_one(message);
    return received;
}

// Nothing is received but under the lock: a port that ceases to be a proxy keeps all that waits at it.
void Server::receive_on() {
    Buffer message;
    for (;;) {
        await_message(set_);
        const std::lock_guard lock(mutex_);
        receive(message);
        pass_news();
        if (over_) return;
        const auto waits = [](const auto& entry) { return entry.second->has_more() || !entry.second->open(); };
        if (std::any_of(links_.begin(), links_.end(), waits)) nudge();
    }
}

void Server::pass_news() {
    while (!news_.empty()) {
        const notification_t notice = news_.back();
        news_.pop_back();
        bool known = false;
        for (auto& [number, link] : links_) known = link->notified(notice) || known;
        if (!known) end_if_returned(notice);
    }
}

// The link to its owner was lost, too.
void Server::end_if_returned(const notification_t& notice) {
    if (notice.notify_header.msg_id != NOTIFY_RECEIVE_RIGHTS) return;
    end_port(notice.notify_port);
    // Ownership may have gone home since that was told: then the port is its owner's.
    if (type_of(notice.notify_port) == PORT_TYPE_SEND) return;
    notification_t death = notice;
    death.notify_header.msg_id = NOTIFY_PORT_DELETED;
    for (auto& [number, link] : links_) link->notified(death);
}

void Server::nudge() const {
    eventfd_write(nudged_.get(), 1);
}

void Server::calm() const {
    eventfd_t nudges = 0;
    eventfd_read(nudged_.get(), &nudges);
}

void Server::receive_one(Buffer& message) {
    if (message.header.msg_local_port == shore_) {
        discard(message);
        return land();
    }
    if (message.header.msg_local_port == everybody_) return begin_search(message);
    if (message.header.msg_local_port == window_) return show(message);
    // What the kernel tells at a right that came over a link goes there.
    const bool notice =
        (message.header.msg_unused & MSG_UNUSED_KERNEL) != 0 && message.header.msg_local_port == task_notify();
    bool known = false;
    for (auto& [number, link] : links_) {
        // A name may be known to several links; a port is one link's.
        const bool taken = notice ? link->notified(message.notification) : link->take(message);
        known = known || taken;
        if (taken && !notice) break;
    }
    if (known) return;
    notice ? end_if_returned(message.notification) : discard(message);
}

namespace {

// What landed after its link had ended. The link has given up what was its own; what came for this message only is left.
void forget(Delivery& delivery, bool sent) {
    for (Memory& memory : delivery.memory)
        if (sent) memory.release();
    for (const Arrival& arrival : delivery.arrivals) {
        if (sent) return;
        if (arrival.kind == RightKind::once) give_up(arrival.name);
        if (arrival.kind == RightKind::receive || arrival.kind == RightKind::all) end_port(arrival.name);
    }
}

}  // namespace

void Server::land() {
    for (Ferry::Landed& landed : ferry_->landed()) {
        const auto link = links_.find(landed.delivery->link);
        if (link != links_.end())
            link->second->landed(std::move(landed.delivery), landed.code);
        else
            forget(*landed.delivery, landed.code == SEND_SUCCESS);
    }
}

// So that who says nothing is noticed in time.
Deadline Server::due(int milliseconds) const {
    Deadline first = milliseconds < 0 ? Deadline::never() : Deadline::in(std::chrono::milliseconds(milliseconds));
    if (!searches_.empty() || !guests_.empty()) first = Deadline::earlier(first, Deadline::in(look_at_searches));
    for (const auto& [number, link] : links_) {
        if (link->has_more() || !link->open()) return Deadline::in(std::chrono::seconds(0));
        first = Deadline::earlier(first, link->due());
    }
    return first;
}

void Server::bury() {
    for (auto& [number, link] : links_) link->check_due();
    std::erase_if(links_, [this](const auto& entry) {
        const Link& link = *entry.second;
        if (link.open()) return false;
        const std::string name = link.peer_name().empty() ? "a peer" : link.peer_name();
        lose_guest(link.number(), "parted from " + name + ": " + link.reason() + " (" + link.counts() + ")");
        return true;
    });
}

}  // namespace umach::netmsg
