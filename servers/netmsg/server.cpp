// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/server.hpp"

#include <algorithm>
#include <utility>

#include <poll.h>
#include <servers/netname.h>
#include <umach.h>
#include <unistd.h>

#include "servers/name/wire.hpp"

namespace umach::netmsg {
namespace {

constexpr int messages_at_once = 64;
constexpr std::ptrdiff_t most_links = 256;
constexpr std::ptrdiff_t most_strangers = 32;  // links whose peers have not said who they are

}  // namespace

Server::Server(std::string host_name, Log log) : host_name_(std::move(host_name)), log_(std::move(log)) {
    shore_ = new_port();
    if (shore_ == PORT_NULL || port_set_allocate(task_self(), &set_) != KERN_SUCCESS) return;
    port_set_add(task_self(), set_, shore_);
    port_set_add(task_self(), set_, task_notify());
    if (port_set_fd(task_self(), set_, &descriptor_) != KERN_SUCCESS) descriptor_ = -1;
    ferry_ = std::make_unique<Ferry>(shore_);
    everybody_ = checked_in(names::link_prefix + std::string("*"));
    window_ = checked_in(seen_under(getpid()));
}

Server::~Server() {
    links_.clear();
    ferry_.reset();
    searches_.clear();
    if (descriptor_ >= 0) close(descriptor_);
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
    const std::uint64_t number = next_++;
    links_[number] = std::make_unique<Link>(
        number, std::move(transport), Link::Terms{host_name_, set_, quota_, given_, walled_, patience_}, *ferry_);
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

void Server::run(int stop) {
    while (turn(-1, stop)) {
    }
}

bool Server::turn(int milliseconds, int stop) {
    std::vector<pollfd> look{{stop, POLLIN, 0}, {descriptor_, POLLIN, 0}};
    for (const auto& listener : listeners_) look.push_back({listener.descriptor(), POLLIN, 0});
    std::vector<std::uint64_t> order;
    for (const auto& [number, link] : links_) {
        look.push_back({link->descriptor(), POLLIN, 0});
        order.push_back(number);
        if (link->has_more()) milliseconds = 0;
    }
    const std::size_t watched = look.size();
    watch(look);
    if (poll(look.data(), look.size(), until_due(until_next(milliseconds))) < 0) return true;
    if (look[0].revents != 0) return false;
    const std::size_t listening = listeners_.size();
    for (std::size_t i = 0; i < order.size(); ++i)
        if (Link& link = *links_.at(order[i]); look[2 + listening + i].revents != 0 || link.has_more())
            attend(link);
    if (look[1].revents != 0) receive();
    for (std::size_t i = 0; i < listening; ++i)
        if (look[2 + i].revents != 0) accept(listeners_[i]);
    for (std::size_t i = watched; i < look.size(); ++i)
        if (look[i].revents != 0) i == watched ? hear_questions() : hear_answers();
    bury();
    end_searches();
    return true;
}

void Server::receive() {
    for (int i = 0; i < messages_at_once; ++i) {
        Buffer message;
        message.header.msg_size = sizeof message;
        message.header.msg_local_port = set_;
        if (msg_receive(&message.header, RCV_TIMEOUT, 0) != RCV_SUCCESS) return;
        receive_one(message);
    }
}

void Server::receive_one(Buffer& message) {
    if (message.header.msg_local_port == shore_) {
        discard(message);
        return land();
    }
    if (message.header.msg_local_port == everybody_) return begin_search(message);
    if (message.header.msg_local_port == window_) return show(message);
    const bool notice = (message.header.msg_unused & MSG_UNUSED_KERNEL) != 0;
    bool known = false;
    for (auto& [number, link] : links_) {
        // A name may be known to several links; a port is one link's.
        const bool taken = notice ? link->notified(message.notification) : link->take(message);
        known = known || taken;
        if (taken && !notice) break;
    }
    if (!known && !notice) discard(message);
}

namespace {

// What landed after its link had ended. The link has given up what was its own; what came for this message only is left.
void forget(Delivery& delivery, bool sent) {
    if (sent && delivery.moves) delivery.memory.release();
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
            link->second->landed(*landed.delivery, landed.code);
        else
            forget(*landed.delivery, landed.code == SEND_SUCCESS);
    }
}

// So that who says nothing is noticed in time.
int Server::until_due(int milliseconds) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min<std::chrono::nanoseconds>(due().remaining(), std::chrono::hours(1)));
    const int until = static_cast<int>(left.count());
    return milliseconds < 0 ? until : std::min(milliseconds, until);
}

transport::Deadline Server::due() const {
    transport::Deadline first = transport::Deadline::never();
    for (const auto& [number, link] : links_) first = transport::Deadline::earlier(first, link->due());
    return first;
}

void Server::bury() {
    for (auto& [number, link] : links_) link->check_due();
    std::erase_if(links_, [this](const auto& entry) {
        const Link& link = *entry.second;
        if (link.open()) return false;
        const std::string name = link.peer_name().empty() ? "a peer" : link.peer_name();
        log_("parted from " + name + ": " + link.reason() + " (" + link.counts() + ")");
        for (auto& [number, search] : searches_)
            if (search.guest == link.number()) search.guest = 0;   // another answer may lead further
        return true;
    });
}

}  // namespace umach::netmsg
