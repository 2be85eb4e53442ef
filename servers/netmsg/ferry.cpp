// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/ferry.hpp"

#include <umach_threads.h>

#include <utility>

namespace umach::netmsg {
namespace {

// Bytes for whoever reads the port: the kernel does not look at them.
struct Order {
    msg_header_t header{};
    std::uint64_t number = 0;  // of a passage; 0: the end
};

void tell(port_t port, std::uint64_t number) {
    Order order;
    order.header.msg_simple = TRUE;
    order.header.msg_size = sizeof order;
    order.header.msg_remote_port = port;
    order.number = number;
    msg_send(&order.header, MSG_OPTION_NONE, 0);
}

}  // namespace

Ferry::Ferry(port_t shore) : shore_(shore), orders_(new_port()) {
    umach_thread_create(task_self(), UMACH_OS_THREAD, run, this, &thread_);
}

Ferry::~Ferry() {
    tell(orders_, 0);
    umach_thread_join(thread_, UMACH_FOREVER);
    give_up(thread_);
    end_port(orders_);
}

void Ferry::run(void* ferry) {
    static_cast<Ferry*>(ferry)->serve();
}

void Ferry::serve() {
    for (;;) {
        Order order;
        order.header.msg_size = sizeof order;
        order.header.msg_local_port = orders_;
        const msg_return_t code = msg_receive(&order.header, MSG_OPTION_NONE, 0);
        if (code == RCV_INVALID_PORT || (code == RCV_SUCCESS && order.number == 0)) return;
        if (code == RCV_SUCCESS) embark(order.number);
    }
}

void Ferry::embark(std::uint64_t number) {
    Passage* passage = nullptr;
    {
        const std::lock_guard lock(mutex_);
        passage = passages_.at(number).get();
    }
    thread_t thread = PORT_NULL;
    if (umach_thread_create(task_self(), UMACH_FIBER, cross, passage, &thread) != KERN_SUCCESS)
        return land(*passage, SEND_KERNEL_REFUSED);
    const std::lock_guard lock(mutex_);
    passage->thread = thread;
}

void Ferry::cross(void* argument) {
    auto& passage = *static_cast<Passage*>(argument);
    bool abandoned = false;
    {
        const std::lock_guard lock(passage.ferry->mutex_);
        abandoned = passage.abandoned;
    }
    const msg_return_t code =
        abandoned ? SEND_INTERRUPTED : msg_send(&passage.delivery->message.header, MSG_OPTION_NONE, 0);
    passage.ferry->land(passage, code);
}

void Ferry::land(Passage& passage, msg_return_t code) {
    port_t shore = PORT_NULL;
    {
        const std::lock_guard lock(mutex_);
        shore = shore_;
        give_up(passage.thread);
        landed_.push_back({std::move(passage.delivery), code});
        passages_.erase(passage.number);
    }
    say(shore);
}

void Ferry::carry(std::unique_ptr<Delivery> delivery) {
    std::uint64_t number = 0;
    {
        const std::lock_guard lock(mutex_);
        number = next_++;
        passages_[number] = std::make_unique<Passage>(Passage{this, number, std::move(delivery)});
    }
    tell(orders_, number);
}

std::vector<Ferry::Landed> Ferry::landed() {
    const std::lock_guard lock(mutex_);
    return std::exchange(landed_, {});
}

void Ferry::abandon(std::uint64_t link) {
    const std::lock_guard lock(mutex_);
    for (auto& [number, passage] : passages_) {
        if (passage->delivery == nullptr || passage->delivery->link != link) continue;
        passage->abandoned = true;
        if (passage->thread != PORT_NULL) thread_abort(passage->thread);
    }
}

}  // namespace umach::netmsg
