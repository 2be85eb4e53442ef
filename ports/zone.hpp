// SPDX-License-Identifier: BSL-1.0
// A zone: records of one type, as many as its host was made for, named by index. A free record is on the zone's list,
// in the stock of a carrier (which gives and takes without the host's lock), or was never used (and never touched).
#pragma once

#include "ports/records.hpp"
#include "runtime/step.hpp"

#include <cstddef>

namespace umach::ports {

using runtime::Step;

struct alignas(64) ZoneRecord {
    Field<Pair> free;    // host; first: head of the list, second: its length
    Count fresh;         // host; records from here on were never used
    Count capacity;      // constant; record 0 is never given out
    Count offset;        // constant; of record 0, in the segment
};

class Zone {
public:
    static constexpr std::uint32_t no_stock = ~0u;

    Zone() = default;
    // link_offset: where in the record its Field<Pair> for free lists lies.
    // most_stock: how many records a carrier may keep for itself; 0 or no stock number: none
    Zone(ZoneRecord& record, std::byte* base, std::size_t stride, std::size_t link_offset, std::uint32_t stock,
         std::uint32_t most_stock);

    // Takes a free record.
    // returns: its index, or 0 when the zone is exhausted
    std::uint32_t allocate(Step& step, LockWord& host) const;
    // Takes a record out of the carrier's stock alone.
    // returns: 0 when it is empty
    std::uint32_t take_stocked(Step& step) const;
    // Whether a carrier may keep what it does not need: there is plenty.
    bool keeps_stock() const { return most_stock_ != 0 && is_half_free(); }
    // Gives a record back. Its other words are as the caller left them.
    void free(Step& step, LockWord& host, std::uint32_t index) const;
    // Gives a dead or leaving carrier's stock back to the zone, some records a step.
    // returns: true when nothing is left of it
    bool return_stock(Step& step, LockWord& host, runtime::CarrierRecord& carrier) const;

    std::byte* at(std::uint32_t index) const { return first_ + std::size_t{index} * stride_; }
    std::uint32_t capacity() const { return capacity_; }
    std::uint32_t fresh() const { return static_cast<std::uint32_t>(record_->fresh.get()); }
    std::uint32_t stock() const { return stock_; }
    std::uint32_t on_free_list() const { return record_->free.get().second; }
    std::uint32_t free_head() const { return record_->free.get().first; }
    Field<Pair>& link(std::uint32_t index) const { return *reinterpret_cast<Field<Pair>*>(at(index) + link_offset_); }

private:
    bool is_half_free() const { return capacity_ - fresh() + on_free_list() > capacity_ / 2; }
    std::uint32_t take_from_host(Step& step, LockWord& host) const;
    void refill(Step& step, LockWord& host, Field<Pair>& stock) const;
    void give_back(Step& step, LockWord& host, Field<Pair>& stock) const;
    void give_to_host(Step& step, LockWord& host, std::uint32_t index) const;

    ZoneRecord* record_ = nullptr;
    std::byte* first_ = nullptr;
    std::size_t stride_ = 0;
    std::size_t link_offset_ = 0;
    std::uint32_t stock_ = no_stock;
    std::uint32_t most_stock_ = 0;
    std::uint32_t capacity_ = 0;
};

}  // namespace umach::ports
