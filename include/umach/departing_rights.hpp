// SPDX-License-Identifier: BSL-1.0
// DepartingRights: the objects whose rights, or memory, are in a message that is about to be sent.
//
// An object lent to it is the caller's and must live until the send; one given to it ends with it. Either is
// emptied when the kernel has taken the message, and untouched when it has not.
//
// Receive right and ownership leave a send right behind where there was none. The sender keeps just the send
// rights that it had, so one more reference is held over the send where there are some; where there are none,
// what the move left is given up.
#pragma once

#include <concepts>
#include <functional>
#include <variant>
#include <vector>

#include <umach/region.hpp>
#include <umach/rights.hpp>

namespace umach {

template <typename R>
concept AnyRight = std::same_as<R, SendRight> || std::same_as<R, SendOnceRight> ||
    std::same_as<R, ReceiveRight> || std::same_as<R, Ownership>;

class DepartingRights {
public:
    template <AnyRight R>
    void add(R& lent) {
        rights_.push_back({std::ref(lent), SendRight()});
    }
    template <AnyRight R>
    void add(R&& given) {
        rights_.push_back({std::move(given), SendRight()});
    }
    void add(Region&& given) { regions_.push_back(std::move(given)); }
    void clear() noexcept {
        rights_.clear();
        regions_.clear();
    }

    void before_send();
    void after_failure() noexcept;
    void after_success() noexcept;

private:
    template <typename R>
    using Lent = std::reference_wrapper<R>;
    struct Departing {
        std::variant<Lent<SendRight>, Lent<SendOnceRight>, Lent<ReceiveRight>, Lent<Ownership>, SendRight,
                     SendOnceRight, ReceiveRight, Ownership>
            object;
        SendRight held;  ///< over the send
    };

    /// Calls `function` with the right itself, lent or given.
    template <typename F>
    static void with_right(Departing& departing, F function) {
        std::visit(
            [&function]<typename R>(R& object) {
                if constexpr (AnyRight<R>) {
                    function(object);
                } else {
                    function(object.get());
                }
            },
            departing.object);
    }
    static void give_up_rest(port_t name) noexcept;

    std::vector<Departing> rights_;
    std::vector<Region> regions_;
};

inline void DepartingRights::before_send() {
    for (auto& departing : rights_) {
        with_right(departing, [&departing]<typename R>(R& right) {
            if constexpr (std::same_as<R, ReceiveRight> || std::same_as<R, Ownership>) {
                if (port_reference(task_self(), right.name(), PORT_TYPE_SEND) == KERN_SUCCESS) {
                    departing.held = SendRight(right.name());
                }
            }
        });
    }
}

inline void DepartingRights::after_failure() noexcept {
    for (auto& departing : rights_) {
        departing.held.reset();
    }
}

/// Nothing but the send right that the move itself left behind is given up.
inline void DepartingRights::give_up_rest(port_t name) noexcept {
    port_type_t type = PORT_TYPE_NONE;
    port_type(task_self(), name, &type);
    if (type == PORT_TYPE_SEND || type == PORT_TYPE_DEAD_NAME) {
        detail::SendKind::give_back(name);
    }
}

inline void DepartingRights::after_success() noexcept {
    for (auto& departing : rights_) {
        with_right(departing, [&departing]<typename R>(R& right) {
            if constexpr (std::same_as<R, SendRight>) {
                right.reset();  // it was copied into the message
            } else if (const port_t name = right.release();
                       !std::same_as<R, SendOnceRight> && !departing.held) {
                give_up_rest(name);
            }
        });
    }
    for (Region& region : regions_) {
        static_cast<void>(region.release());
    }
    clear();
}

}  // namespace umach
