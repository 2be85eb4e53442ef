// SPDX-License-Identifier: BSL-1.0
// Who looks up a name at "*": every link is asked, and by a crier whoever hears it; the first answer is taken.
// Who answers the crier is linked to, and then asked like the others.
//
//   question   "uM?", number of the search and of the server, name
//   answer     "uM!", number of the search, host, address where it may be joined
#include <servers/netname.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "servers/netmsg/replies.hpp"
#include "servers/netmsg/server.hpp"

namespace umach::netmsg {

using transport::Deadline;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds longest_search = 1s, between_cries = 200ms, longest_greeting = 3s,
                                    longest_connecting = 500ms;
constexpr std::size_t most_searches = 64;
constexpr std::size_t most_address = 255;
constexpr int cries_at_once = 64;   // then the links have their turn

enum class Said : std::uint8_t { question = '?', answer = '!' };

Bytes said(Said what, std::uint64_t number) {
    Bytes bytes;
    Writer writer(bytes);
    for (const char c : {'u', 'M'}) writer.u8(static_cast<std::uint8_t>(c));
    writer.u8(static_cast<std::uint8_t>(what));
    writer.u32(static_cast<std::uint32_t>(number));
    return bytes;
}

bool is_said(Reader& reader, Said what) {
    return reader.u8() == 'u' && reader.u8() == 'M' && reader.u8() == static_cast<std::uint8_t>(what);
}

// So that a server does not answer itself.
std::uint32_t own_number() {
    static const std::uint32_t drawn = std::random_device()();
    return drawn ^ static_cast<std::uint32_t>(getpid());
}

}  // namespace

void Server::seek(transport::Crier crier, const transport::Options& options) {
    crier_.emplace(std::move(crier));
    guest_options_ = options;
}

void Server::begin_search(Buffer& message) {
    const port_t reply = message.header.msg_remote_port;
    const std::string name = name_in(message);
    if (name.empty()) return discard(message);
    if (searches_.size() >= most_searches) return refuse(reply, names::look_up_id, KERN_RESOURCE_SHORTAGE);
    const std::uint64_t number = next_++ & 0xFFFF'FFFF;
    Search& search = searches_[number];
    search = {name, reply, 0, 0, "", Deadline::in(between_cries), Deadline::in(longest_search), Deadline::never()};
    for (const auto& [which, link] : links_) search.asked += link->ask(name, number) ? 1 : 0;
    if (crier_) cry(number, search);
    nudge();
}

void Server::cry(std::uint64_t number, Search& search) {
    Bytes question = said(Said::question, number);
    Writer writer(question);
    writer.u32(own_number());
    writer.text(search.name);
    crier_->ask(question);
    search.again = Deadline::in(between_cries);
}

bool Server::found(std::uint64_t number, port_t port) {
    const auto search = searches_.find(number);
    if (search == searches_.end()) return false;
    --search->second.asked;
    if (port == PORT_NULL) return false;
    answer_found(search->second.reply, port);
    searches_.erase(search);
    return true;
}

void Server::joined(Link& link) {
    for (auto& [number, search] : searches_) {
        if (search.guest != link.number()) continue;
        search.guest = 0;
        search.asked += link.ask(search.name, number) ? 1 : 0;
    }
}

// The address says where; of the machine the asker knows more, who sees from where the answer comes.
void Server::hear_questions() {
    Bytes bytes;
    transport::InternetAddress from;
    for (int i = 0; i < cries_at_once && crier_->hear_question(bytes, from); ++i) {
        Reader reader(bytes);
        if (!is_said(reader, Said::question)) continue;
        const std::uint32_t number = reader.u32(), server = reader.u32();
        const std::string name = reader.text(most_port_name);
        port_t port = PORT_NULL;
        if (!reader.done() || server == own_number() ||
            netname_look_up(name_server_port, "", name.c_str(), &port) != NETNAME_SUCCESS)
            continue;
        give_up(port);
        for (const auto& listener : listeners_) {
            const std::string address = listener.address();
            if (!address.starts_with("tcp:") && !address.starts_with("udp:")) continue;
            Bytes answer = said(Said::answer, number);
            Writer writer(answer);
            writer.text(host_name_.substr(0, most_host_name));
            writer.text(address);
            crier_->answer(from, answer);
            break;
        }
    }
}

void Server::hear_answers() {
    Bytes bytes;
    transport::InternetAddress from;
    for (int i = 0; i < cries_at_once && crier_->hear_answer(bytes, from); ++i) {
        Reader reader(bytes);
        if (!is_said(reader, Said::answer)) continue;
        const auto search = searches_.find(reader.u32());
        const std::string host = reader.text(most_host_name), address = reader.text(most_address);
        const bool possible = reader.done() && (address.starts_with("tcp:") || address.starts_with("udp:"));
        if (!possible || search == searches_.end()) continue;
        // A plain link is to a loopback address, and that is not where the answer is heard from.
        follow(search->second, host, guest_options_.insecure ? address : transport::as_heard_from(address, from));
    }
}

// A host that is linked already was asked; one to which another search is being linked is asked by both.
void Server::follow(Search& search, const std::string& host, const std::string& address) {
    if (search.guest != 0) return;
    for (const auto& [which, link] : links_)
        if (link->peer_name() == host) return;
    const auto being_linked = std::find_if(searches_.begin(), searches_.end(), [&](const auto& other) {
        return other.second.guest != 0 && other.second.guest_host == host;
    });
    if (being_linked != searches_.end()) return wait_for(search, being_linked->second.guest, host);
    if (guests_.size() >= most_searches || !has_room()) return;
    log_("\"" + search.name + "\" is at " + host + ", " + address);
    const std::uint64_t number = next_++;
    wait_for(search, number, host);
    guests_.push_back({number, address, std::async(std::launch::async, [this, address, options = guest_options_] {
        auto transport = transport::connect(address, options, Deadline::in(longest_connecting));
        nudge();
        return transport;
    })});
}

// Those who could be reached become links. Who answers may lie about where it is: nobody else waits for that.
void Server::welcome_guests() {
    for (auto guest = guests_.begin(); guest != guests_.end();) {
        if (guest->made.wait_for(0s) != std::future_status::ready) {
            ++guest;
            continue;
        }
        auto made = guest->made.get();
        if (made.ok())
            add(std::move(made).value(), guest->number, guest->address, false);
        else
            lose_guest(guest->number, made.fault().what);
        guest = guests_.erase(guest);
    }
}

// Another answer may lead further.
void Server::lose_guest(std::uint64_t number, const std::string& why) {
    log_(why);
    for (auto& [which, search] : searches_)
        if (search.guest == number) search.guest = 0;
}

void Server::wait_for(Search& search, std::uint64_t guest, const std::string& host) {
    search.guest = guest;
    search.guest_host = host;
    search.guest_late = Deadline::in(longest_greeting);
}

void Server::end_searches() {
    welcome_guests();
    for (auto entry = searches_.begin(); entry != searches_.end();) {
        auto& [number, search] = *entry;
        const bool over = !crier_ && search.asked == 0;
        const bool waits = search.guest != 0 && !search.guest_late.passed();
        if (over || (search.late.passed() && !waits)) {
            refuse(search.reply, names::look_up_id, NETNAME_NOT_CHECKED_IN);
            entry = searches_.erase(entry);
            continue;
        }
        if (crier_ && search.guest == 0 && search.again.passed()) cry(number, search);
        ++entry;
    }
}

void Server::watch(std::vector<pollfd>& look) const {
    if (!crier_) return;
    look.push_back({crier_->questions(), POLLIN, 0});
    look.push_back({crier_->answers(), POLLIN, 0});
}

}  // namespace umach::netmsg
