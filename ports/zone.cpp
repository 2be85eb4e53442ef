// SPDX-License-Identifier: BSL-1.0
#include "ports/zone.hpp"

#include <algorithm>

namespace umach::ports {

namespace {
constexpr std::uint32_t batch = 8;   // most records that move between a stock and the zone at once
}

Zone::Zone(ZoneRecord& record, std::byte* base, std::size_t stride, std::size_t link_offset, std::uint32_t stock,
           std::uint32_t most_stock)
    : record_(&record),
      first_(base + record.offset.get()),
      stride_(stride),
      link_offset_(link_offset),
      stock_(stock),
      most_stock_(stock == no_stock ? 0 : most_stock),
      capacity_(static_cast<std::uint32_t>(record.capacity.get())) {}

std::uint32_t Zone::take_from_host(Step& step, LockWord& host) const {
    step.lock(host);
    const Pair list = record_->free;
    if (list.first != 0) {
        step.set(record_->free, Pair{link(list.first).get().first, list.second - 1});
        return list.first;
    }
    const std::uint32_t index = fresh();
    if (index >= capacity_) return 0;
    step.set(record_->fresh, index + 1);
    return index;
}

void Zone::give_to_host(Step& step, LockWord& host, std::uint32_t index) const {
    step.lock(host);
    const Pair list = record_->free;
    step.set(link(index), Pair{list.first, 0});
    step.set(record_->free, Pair{index, list.second + 1});
}

std::uint32_t Zone::allocate(Step& step, LockWord& host) const {
    if (most_stock_ == 0) return take_from_host(step, host);
    Field<Pair>& stock = step.carrier().record().stock[stock_];
    if (stock.get().first == 0) refill(step, host, stock);
    return take_stocked(step);
}

std::uint32_t Zone::take_stocked(Step& step) const {
    if (most_stock_ == 0) return 0;
    Field<Pair>& stock = step.carrier().record().stock[stock_];
    const Pair have = stock;
    if (have.first != 0) step.set(stock, Pair{link(have.first).get().first, have.second - 1});
    return have.first;
}

void Zone::refill(Step& step, LockWord& host, Field<Pair>& stock) const {
    const std::uint32_t most = is_half_free() ? std::min(batch, most_stock_) : 1;
    for (std::uint32_t i = 0; i < most; ++i) {
        const std::uint32_t index = take_from_host(step, host);
        if (index == 0) return;
        step.set(link(index), Pair{stock.get().first, 0});
        step.set(stock, Pair{index, stock.get().second + 1});
    }
}

void Zone::free(Step& step, LockWord& host, std::uint32_t index) const {
    if (!keeps_stock()) return give_to_host(step, host, index);
    Field<Pair>& stock = step.carrier().record().stock[stock_];
    if (stock.get().second >= most_stock_) give_back(step, host, stock);
    step.set(link(index), Pair{stock.get().first, 0});
    step.set(stock, Pair{index, stock.get().second + 1});
}

// Half of a full stock at once: the host's lock is taken once for several records.
void Zone::give_back(Step& step, LockWord& host, Field<Pair>& stock) const {
    for (std::uint32_t i = 0; i < (most_stock_ + 1) / 2; ++i) {
        const Pair have = stock;
        step.set(stock, Pair{link(have.first).get().first, have.second - 1});
        give_to_host(step, host, have.first);
    }
}

bool Zone::return_stock(Step& step, LockWord& host, runtime::CarrierRecord& carrier) const {
    if (stock_ == no_stock) return true;
    Field<Pair>& stock = carrier.stock[stock_];
    for (std::uint32_t i = 0; stock.get().first != 0 && i < 4 * batch; ++i) {
        const Pair have = stock;
        step.set(stock, Pair{link(have.first).get().first, have.second - 1});
        give_to_host(step, host, have.first);
    }
    return stock.get().first == 0;
}

}  // namespace umach::ports
