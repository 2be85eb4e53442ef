// SPDX-License-Identifier: BSL-1.0
#include "runtime/doorbell/doorbell.hpp"

#include <cerrno>
#include <cstddef>

#include "runtime/doorbell/mechanism.hpp"

namespace umach::runtime {

static_assert(offsetof(DoorbellRecord, word) == 0);

namespace {

bool is_rung(const DoorbellRecord& bell) noexcept { return (bell.word.load() & DoorbellRecord::rung) != 0; }

Fault no_such_kind(DoorbellKind kind) {
    return make_fault(EINVAL, "doorbells of kind " + std::to_string(static_cast<std::uint32_t>(kind)));
}

// returns: the mechanism of a kind that needs nothing of the system, or null.
std::unique_ptr<DoorbellMechanism> plain_mechanism(DoorbellKind kind) {
    if (kind == DoorbellKind::futex) return futex_mechanism();
    if (kind == DoorbellKind::posix) return posix_mechanism();
    return nullptr;
}

}  // namespace

Doorbells::Doorbells(DoorbellKind kind, std::unique_ptr<DoorbellMechanism> mechanism) noexcept
    : kind_(kind), mechanism_(std::move(mechanism)) {}

Doorbells::Doorbells(Doorbells&&) noexcept = default;
Doorbells& Doorbells::operator=(Doorbells&&) noexcept = default;
Doorbells::~Doorbells() = default;

Outcome<Doorbells> Doorbells::create(DoorbellKind kind, std::uint32_t slots) {
    if (auto plain = plain_mechanism(kind)) return Doorbells(kind, std::move(plain));
    if (kind != DoorbellKind::sysv) return no_such_kind(kind);
    auto made = create_sysv_mechanism(slots);
    if (!made) return std::move(made).fault();
    return Doorbells(kind, std::move(made).value());
}

Outcome<Doorbells> Doorbells::attach(DoorbellKind kind, int sysv_id, Descriptor lifeline) {
    if (auto plain = plain_mechanism(kind)) return Doorbells(kind, std::move(plain));
    if (kind != DoorbellKind::sysv) return no_such_kind(kind);
    auto made = attach_sysv_mechanism(sysv_id, std::move(lifeline));
    if (!made) return std::move(made).fault();
    return Doorbells(kind, std::move(made).value());
}

int Doorbells::sysv_id() const noexcept { return mechanism_->sysv_id(); }
int Doorbells::lifeline() const noexcept { return mechanism_->lifeline(); }
void Doorbells::remove() noexcept { mechanism_->remove(); }

void Doorbells::prepare(DoorbellRecord& bell, std::uint32_t slot) noexcept {
    mechanism_->prepare(bell, slot);
    bell.word.store(0);
}

void Doorbells::ring(DoorbellRecord& bell, std::uint32_t slot) noexcept {
    const std::uint32_t before = bell.word.fetch_or(DoorbellRecord::rung);
    if ((before & DoorbellRecord::rung) == 0) mechanism_->wake(bell, slot);
}

void Doorbells::ring_again(DoorbellRecord& bell, std::uint32_t slot) noexcept {
    bell.word.fetch_or(DoorbellRecord::rung);
    mechanism_->wake(bell, slot);
}

void Doorbells::clear(DoorbellRecord& bell, std::uint32_t slot) noexcept {
    bell.word.exchange(0);
    mechanism_->forget_wakes(bell, slot);
}

WaitEnd Doorbells::wait(DoorbellRecord& bell, std::uint32_t slot, Deadline deadline) noexcept {
    while (!is_rung(bell)) {
        const WaitEnd end = mechanism_->sleep(bell, slot, deadline);
        if (end != WaitEnd::rung) return is_rung(bell) ? WaitEnd::rung : end;
    }
    return WaitEnd::rung;
}

}  // namespace umach::runtime
