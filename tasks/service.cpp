// SPDX-License-Identifier: BSL-1.0
#include "tasks/service.hpp"

#include "ports/wait.hpp"
#include "runtime/detail.hpp"
#include "runtime/nap.hpp"
#include "tasks/address_space.hpp"
#include "tasks/hidden_thread.hpp"
#include "tasks/keeper.hpp"
#include "tasks/stand_in.hpp"
#include "tasks/start_thread.hpp"

#include <pthread.h>
#include <bit>

namespace umach::tasks {
namespace {

using ports::Caller;
using ports::Kernel;
using ports::OrderState;
using ports::ProcessRecord;
using ports::ServiceRecord;
using runtime::CarrierName;

constexpr auto patience = std::chrono::seconds(10);
constexpr unsigned turns_between_looks = 4;  // at whether the keeper is stopped; a turn is a slice, or an order

// ---- the service thread -------------------------------------------------------------------------------------------

// words: the task, what is to be done, and its arguments (address_space.hpp)
kern_return_t order_memory(Host& host, runtime::Carrier& carrier, OrderWords& words) {
    const auto task = std::bit_cast<ports::TaskRef>(words[0]);
    Caller caller{host.kernel(), carrier, task, {}};
    MemoryWords arguments{words[2], words[3], words[4], words[5]};
    const kern_return_t code = change_memory(caller, task, static_cast<MemoryCall>(words[1]), arguments);
    for (std::size_t i = 0; i < arguments.size(); ++i) words[2 + i] = arguments[i];
    return code;
}

// Somebody else may have the thread's record, or the process's, by the time that the order is read.
kern_return_t order_start(Host& host, const OrderWords& words) {
    const auto thread = std::bit_cast<ports::ThreadRef>(words[0]);
    const bool is_there = host.kernel().ref_of_thread(thread.index) == thread;
    const bool is_ours = is_there && is_of_this_process(host, host.kernel().thread(thread.index).task);
    return is_ours ? start_if_resumed(host, thread) : KERN_FAILURE;
}

kern_return_t carry_out_order(Host& host, runtime::Carrier& carrier, Order what, OrderWords& words) {
    switch (what) {
        case Order::change_memory: return order_memory(host, carrier, words);
        case Order::start_thread: return order_start(host, words);
    }
    return KERN_INVALID_ARGUMENT;
}

void serve_order(Host& host, runtime::Carrier& carrier, ServiceRecord& record) {
    std::uint64_t posted = static_cast<std::uint64_t>(OrderState::posted);
    if (!record.state.compare_exchange_strong(posted, static_cast<std::uint64_t>(OrderState::running))) return;
    OrderWords words;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = record.words[i].load();
    const kern_return_t code = carry_out_order(host, carrier, static_cast<Order>(record.order.load()), words);
    for (std::size_t i = 0; i < words.size(); ++i) record.words[i].store(words[i]);
    record.code.store(static_cast<std::uint64_t>(code));
    record.state.store(static_cast<std::uint64_t>(OrderState::done));
}

bool has_order(const ServiceRecord& record) {
    return record.state.load() == static_cast<std::uint64_t>(OrderState::posted);
}

[[noreturn]] void serve_orders(Host& host, runtime::Carrier carrier) {
    Kernel& k = host.kernel();
    ServiceRecord& record = k.process(host.process()).service;
    runtime::DoorbellRecord& bell = carrier.record().doorbell;
    record.carrier.store(carrier.name().word());
    for (unsigned turns = 0;;) {
        carrier.arm();
        k.machine().doorbells().clear(bell, carrier.name().slot);
        if (has_order(record)) serve_order(host, carrier, record);
        else k.machine().doorbells().wait(bell, carrier.name().slot, runtime::Deadline::in(ports::slice));
        look_after(k);
        if (++turns % turns_between_looks == 0) stand_in_for_stopped_keeper(host, carrier);
    }
}

// ---- who gives an order -------------------------------------------------------------------------------------------

// An order under way, as the one who gave it sees it.
class Ordering {
public:
    Ordering(Caller& caller, ProcessRecord& process)
        : caller_(caller), process_(process), record_(process.service), number_(process.identity.get().generation) {}

    // returns: false, with the reason said, when it will not be done
    bool run(Order what, OrderWords& words) {
        if (!is_served()) return refuse("has no service thread");
        if (!take_record()) return false;
        post(what, words);
        const bool done = wait_until([&] { return state() == OrderState::done; });
        if (done) read(words);
        else withdraw();
        if (state() != OrderState::running) record_.state.store(static_cast<std::uint64_t>(OrderState::idle));
        record_.owner.store(0);
        return done;
    }
    kern_return_t code() const { return static_cast<kern_return_t>(record_code_); }

private:
    OrderState state() const { return static_cast<OrderState>(record_.state.load()); }

    bool refuse(const char* why) {
        runtime::set_detail("the process %d, which has to do that itself, %s", static_cast<int>(process_.pid.get()), why);
        return false;
    }

    bool lives(std::uint64_t word) { return caller_.k.machine().lives(CarrierName::of(word)); }
    bool is_served() {
        const ports::Identity now = process_.identity;
        const std::uint64_t carrier = record_.carrier.load();
        return now.generation == number_ && now.life == ports::Life::live && (carrier == ports::service_starts || lives(carrier));
    }

    template <class Done>
    bool wait_until(Done&& done) {
        for (runtime::Nap nap; !done(); nap.next()) {
            if (!is_served()) return refuse("has ended");
            if (deadline_.passed()) return refuse("does not answer");
        }
        return true;
    }

    // The record may be another's, who is alive, or have an order in it that somebody posted who is dead.
    bool take_record() {
        const std::uint64_t own = caller_.carrier.name().word();
        const bool taken = wait_until([&] {
            std::uint64_t owner = record_.owner.load();
            return (owner == 0 || !lives(owner)) && record_.owner.compare_exchange_strong(owner, own);
        });
        if (!taken) return false;
        const auto at_rest = [&] {
            const bool starts = record_.carrier.load() == ports::service_starts;
            return !starts && (state() == OrderState::idle || state() == OrderState::done);
        };
        if (wait_until(at_rest)) return true;
        record_.owner.store(0);
        return false;
    }

    void post(Order what, const OrderWords& words) {
        for (std::size_t i = 0; i < words.size(); ++i) record_.words[i].store(words[i]);
        record_.order.store(static_cast<std::uint64_t>(what));
        record_.state.store(static_cast<std::uint64_t>(OrderState::posted));
        const CarrierName service = CarrierName::of(record_.carrier.load());
        runtime::CarrierRecord& carrier = caller_.k.machine().carrier(service.slot);
        caller_.carrier.arm_for_ring(carrier.doorbell);
        caller_.k.machine().doorbells().ring(carrier.doorbell, service.slot);
        caller_.carrier.arm();
    }

    void read(OrderWords& words) {
        for (std::size_t i = 0; i < words.size(); ++i) words[i] = record_.words[i].load();
        record_code_ = record_.code.load();
    }

    // One that has not been begun never will be.
    void withdraw() {
        std::uint64_t posted = static_cast<std::uint64_t>(OrderState::posted);
        record_.state.compare_exchange_strong(posted, static_cast<std::uint64_t>(OrderState::idle));
    }

    Caller& caller_;
    ProcessRecord& process_;
    ServiceRecord& record_;
    std::uint32_t number_;
    std::uint64_t record_code_ = 0;
    const runtime::Deadline deadline_ = runtime::Deadline::in(patience);
};

}  // namespace

void start_service(Host& host) {
    if (host.service_runs.exchange(true)) return;
    pthread_sigmask(SIG_BLOCK, nullptr, &host.program_signals);
    std::atomic<std::uint64_t>& carrier = host.kernel().process(host.process()).service.carrier;
    const auto has_none = [&host, &carrier] {
        carrier.store(0);
        host.service_runs.store(false);
    };
    carrier.store(ports::service_starts);
    const auto serve = [&host, has_none] {
        if (auto own = host.claim_carrier()) serve_orders(host, *own);
        has_none();
    };
    if (!start_hidden_thread("umach-service", serve)) has_none();
}

kern_return_t order(Caller& caller, std::uint32_t process, Order what, OrderWords& words) {
    Ordering ordering(caller, caller.k.process(process));
    if (!ordering.run(what, words)) return KERN_FAILURE;
    if (ordering.code() != KERN_SUCCESS)
        runtime::set_detail("the process %d, which has to do that itself, could not",
                            static_cast<int>(caller.k.process(process).pid.get()));
    return ordering.code();
}

}  // namespace umach::tasks
