// SPDX-License-Identifier: BSL-1.0
#include "tests/explore/host.hpp"

#include <linux/futex.h>

#include "ports/audit.hpp"
#include "ports/kernel_port.hpp"
#include "ports/queue.hpp"

// That floor is not there; no scene sends to a kernel port.
namespace umach::ports {
constinit KernelReceiver kernel_receiver = nullptr;
}

namespace umach::explore {
namespace {

ports::HostSizes small() {
    ports::HostSizes sizes;
    sizes.tasks = 8;
    sizes.ports = 128;
    sizes.threads = 16;
    sizes.message_bytes = 64 << 10;
    sizes.pool_bytes = 1 << 20;
    sizes.stock_bytes = 64 << 10;
    return sizes;
}

runtime::Instant explored_time() noexcept {
    return runtime::Instant(std::chrono::nanoseconds(virtual_now()));
}

}  // namespace

Host::Host(const Scene& scene) : scene_(scene) {
    runtime::replace_clock(explored_time);
    auto made = ports::Kernel::make(small());
    if (!made.ok()) std::abort();
    k_.emplace(std::move(made).value());
    join(keeper_, "keeper");
    for (std::size_t i = 0; i < scene.acts.size(); ++i) join(members_.emplace_back(), "member");
    for (std::size_t i = 0; i < members_.size(); ++i)
        for (Member& other : members_)
            if (&other != &members_[i]) introduce(members_[i], members_[i].own, other, to(i));
    for (std::size_t i = 0; i < members_.size(); ++i) introduce(members_[i], members_[i].own, keeper_, to(i));
    if (scene.setting) scene.setting(*this);
    sent_before_ = sent_;
}

void Host::join(Member& member, const char* program) {
    const std::uint32_t slot = k_->machine().claim_carrier();
    member.carrier.emplace(k_->machine().carrier(slot), slot);
    k_->machine().doorbells().prepare(member.carrier->record().doorbell, slot);
    runtime::Carrier& by = keeper_.caller ? *keeper_.carrier : *member.carrier;
    member.process = add_process(*k_, by, slot, 0, 0);
    member.carrier->record().process.put(member.process);
    const ports::TaskRef task = create_task(*k_, by, member.process, {}, program);
    member.caller.emplace(Caller{*k_, *member.carrier, task, begin_thread(*k_, *member.carrier, task)});
    allocate(member, member.task(), &member.own);
}

void Host::introduce(Member& who, port_name_t port, Member& whom, port_name_t name) {
    insert_send(who, whom.task(), port, name);
}

// ---- for acts --------------------------------------------------------------------------------------------------

msg_return_t Host::post(Member& from, msg_id_t number, Letter letter, msg_option_t options, msg_timeout_t timeout) {
    letter.header()->msg_id = number;
    const std::size_t to = addressee(number, letter.header()->msg_remote_port);
    notes_sent(number, in_flight, to);
    const msg_return_t code = send(from, letter.header(), options, timeout);
    notes_sent(number, code, to);
    return code;
}

msg_return_t Host::fetch(Member& at, port_name_t from, msg_option_t options, msg_timeout_t timeout, Letter* got) {
    Letter letter = Letter::from(from);
    const msg_return_t code = receive(at, letter.header(), options, timeout);
    if (code == RCV_SUCCESS) notes(at, *letter.header());
    if (got != nullptr) *got = letter;
    return code;
}

void Host::notes(Member& at, const msg_header_t& header) {
    const bool notice = (header.msg_unused & MSG_UNUSED_KERNEL) != 0;
    ++(notice ? notices_[{&at, header.msg_id}] : got_[header.msg_id]);
}

std::size_t Host::addressee(msg_id_t number, port_name_t name) const {
    if (const auto found = expected_.find(number); found != expected_.end()) return found->second;
    return name >= to(0) && name < to(members_.size()) ? name - to(0) : nobody;
}

void Host::notes_sent(msg_id_t number, msg_return_t code, std::size_t to) { sent_[number] = {code, to}; }

void Host::expects(msg_id_t number, Member& caller) {
    for (std::size_t i = 0; i < members_.size(); ++i)
        if (&members_[i] == &caller) expected_[number] = i;
}

bool Host::all_live() const {
    return std::none_of(members_.begin(), members_.end(), [](const Member& member) { return member.dead; });
}

int Host::notices(Member& at, msg_id_t id) { return notices_[{&at, id}]; }

// ---- what the explorer asks ------------------------------------------------------------------------------------

Range Host::shared() { return {k_->machine().base(), k_->machine().bytes()}; }

// The messages' bytes.
Range Host::copied() {
    const auto& zone = k_->header().zone;
    const std::uint64_t begin = zone[ports::zone_messages].offset, end = zone[ports::zone_chunks].offset;
    return {k_->machine().base() + begin, end - begin};
}

std::vector<std::function<void()>> Host::parts() {
    sent_ = sent_before_;
    expected_.clear();
    got_.clear();
    results_.clear();
    notices_.clear();
    released_ = false;
    std::vector<std::function<void()>> parts;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        members_[i].dead = members_[i].buried = false;
        parts.emplace_back([this, i] {
            members_[i].carrier->arm();   // as every trap begins
            scene_.acts[i](*this, members_[i]);
        });
    }
    return parts;
}

Range Host::own_log(std::size_t part) {
    runtime::CarrierRecord& record = (part < members_.size() ? members_[part] : keeper_).carrier->record();
    return {reinterpret_cast<std::byte*>(record.log.data()), sizeof record.log};
}

bool Host::oversleeps(std::size_t part) {
    return part < members_.size() && k_->thread(members_[part].caller->thread.index).wait.get().state == WaitState::done;
}

Member* Host::unburied() {
    for (Member& member : members_)
        if (member.dead && !member.buried) return &member;
    return nullptr;
}

std::function<void()> Host::after_death() {
    return [this] {
        while (Member* const next = unburied()) bury(*next);
    };
}

std::function<void()> Host::when_quiet(bool all_ended) {
    if (all_ended || released_ || !scene_.release) return {};
    released_ = true;
    return [this] { scene_.release(*this); };
}

// What a keeper does once it has heard that a process has ended.
void Host::bury(Member& member) {
    member.buried = true;
    for (std::uint32_t slot = 1; slot < k_->machine().carriers(); ++slot) {
        runtime::CarrierRecord& record = k_->machine().carrier(slot);
        if (record.life.load() != 0 && record.process.get() == member.process)
            record.life.store(FUTEX_OWNER_DIED | FUTEX_WAITERS);
    }
    end_process(*k_, *keeper_.carrier, member.process);
}

// ---- the verdict -----------------------------------------------------------------------------------------------

// All that waits at a member's ports is received.
void Host::drain(Member& member) {
    std::vector<ports::NameAndType> all;
    names(member, member.task(), &all);
    for (const ports::NameAndType& one : all) {
        Letter got = Letter::from(one.name);
        while (receive(member, got.header(), RCV_TIMEOUT, 0) == RCV_SUCCESS) {
            notes(member, *got.header());
            got = Letter::from(one.name);
        }
    }
}

// Not of who died in the middle of sending, nor by who died with what it had got.
bool Host::was_lost(msg_id_t number, const Sent& sent) {
    const bool went = sent.code == SEND_SUCCESS || sent.code == SEND_WILL_NOTIFY;
    if (!went || got_[number] != 0 || scene_.loss == Loss::with_a_port) return false;
    return all_live() || (scene_.loss == Loss::with_its_receiver && sent.to != nobody && lives(sent.to));
}

std::string Host::accounts() {
    for (const auto& [number, times] : got_) {
        if (times > 1) return "message " + std::to_string(number) + " has come twice";
        if (times > 0 && !sent_.contains(number)) return "message " + std::to_string(number) + " was never sent";
    }
    for (const auto& [number, sent] : sent_) {
        if (was_lost(number, sent)) return "message " + std::to_string(number) + " is lost";
        const bool refused = sent.code != in_flight && sent.code != SEND_SUCCESS && sent.code != SEND_WILL_NOTIFY;
        if (refused && got_[number] != 0)
            return "message " + std::to_string(number) + " has come, and its sender was told " + std::to_string(sent.code);
    }
    return "";
}

std::string Host::told() {
    std::string all;
    const auto put = [&all](auto number) { all.append(std::to_string(number)).append(" "); };
    for (const Member& member : members_) put(member.dead);
    for (const auto& [number, sent] : sent_) put(number), put(sent.code), put(sent.to);
    all += "got ";
    for (const auto& [number, times] : got_) put(number), put(times);
    all += "results ";
    for (const auto& [place, code] : results_) put(place), put(code);
    all += "notices ";
    for (std::size_t i = 0; i < members_.size(); ++i)
        for (const auto& [whose, times] : notices_)
            if (whose.first == &members_[i]) put(i), put(whose.second), put(times);
    return all;
}

std::string Host::verdict() {
    for (int i = 0; i < 3; ++i)   // what was received may make room for more
        for (Member& member : members_)
            if (!member.dead) drain(member);
    const ports::Audit audit = ports::audit(*k_, *keeper_.carrier);
    if (!audit.violations.empty()) return audit.violations.front();
    if (audit.rescued_wakeups != 0) return "somebody had to look for himself: a wake-up was lost";
    if (const std::string wrong = accounts(); !wrong.empty()) return wrong;
    return scene_.verdict ? scene_.verdict(*this) : "";
}

}  // namespace umach::explore
