// SPDX-License-Identifier: BSL-1.0
#include "ports/hand.hpp"

#include "ports/death.hpp"
#include "ports/queue.hpp"

namespace umach::ports {
namespace {

const Zone& zone_of(Kernel& k, std::uint32_t message) { return k.zone(zone_messages + Kernel::message_class(message)); }

MessageIdentity empty(MessageRecord& record, MessageState state) {
    return MessageIdentity{record.identity.get().generation + 1, state, 0, 0, 0};
}

// Nobody's hand has two records.
void empty_hand_for(KernelStep& s, std::uint32_t message) {
    const auto before = static_cast<std::uint32_t>(s.mine().in_hand.get());
    if (before != 0 && before != message) free_message(s, before);
}

}  // namespace

std::uint32_t spare_in_hand(Kernel& k, runtime::Carrier& carrier, std::uint32_t message_class) {
    const auto spare = static_cast<std::uint32_t>(carrier.record().in_hand.get());
    if (spare == 0 || Kernel::message_class(spare) != message_class) return 0;
    MessageRecord& record = k.message(spare);
    record.identity.put(empty(record, MessageState::prep));
    return spare;
}

void put_in_hand(KernelStep& s, std::uint32_t message) {
    empty_hand_for(s, message);
    s.set(s.mine().in_hand, message);
}

void refill_hand(KernelStep& s, std::uint32_t like) {
    const std::uint32_t index = zone_of(s.k, like).take_stocked(s.step());
    const std::uint32_t spare = index != 0 ? Kernel::message_of(Kernel::message_class(like), index) : 0;
    if (spare != 0) set_state(s, s.k.message(spare), MessageState::spare);
    s.set(s.mine().in_hand, spare);
}

void done_with(KernelStep& s, std::uint32_t message) {
    empty_hand_for(s, message);
    const bool keeps = zone_of(s.k, message).keeps_stock();
    if (keeps) s.set(s.k.message(message).identity, empty(s.k.message(message), MessageState::spare));
    else free_message(s, message);
    s.set(s.mine().in_hand, keeps ? message : 0);
}

bool keep_as_spare(Kernel& k, std::uint32_t message) {
    if (!zone_of(k, message).keeps_stock()) return false;
    k.message(message).identity.put(empty(k.message(message), MessageState::spare));
    return true;
}

}  // namespace umach::ports
