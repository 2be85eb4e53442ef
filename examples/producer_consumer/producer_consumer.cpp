// SPDX-License-Identifier: BSL-1.0
// What System V queue programs do with msgget, msgsnd and msgrcv, over one port. Three producers put numbered
// items into the mailbox of one consumer; it holds eight, and who finds it full waits in line. What a queue
// cannot do: the port has no key that strangers could guess, nobody needs to remove it, each producer's items
// stay in order, and a producer that must not wait says so (here the third, which drops what does not fit).
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include <umach/umach.hpp>

namespace {
enum : int { producers = 3, items = 10, item_id = 1, finished_id };

int produce(int producer) {
    const umach::SendRight mailbox = umach::registered_port(0).value();
    const bool patient = producer + 1 < producers;
    const auto policy = patient ? umach::WhenFull::wait() : umach::WhenFull::never_wait();
    int sent = 0;
    for (int i = 0; i < items; ++i) {
        umach::MessageWriter item(item_id);  // msg_id is what mtype was
        item.put(producer);
        item.put(i);
        sent += mailbox.send(item, policy) ? 1 : 0;
    }
    umach::MessageWriter finished(finished_id);
    finished.put(producer);
    finished.put(sent);
    mailbox.send(finished).value();
    return 0;
}

void consume(const umach::ReceiveRight& mailbox) {
    int received = 0;
    for (int running = producers; running > 0;) {
        umach::Message message = mailbox.receive().value();
        umach::MessageReader reader = message.reader();
        const int producer = reader.get<int>().value();
        const int number = reader.get<int>().value();
        message.id() == item_id ? ++received : --running;
        if (message.id() == finished_id) std::printf("producer %d: %d of %d sent\n", producer, number, items);
    }
    std::printf("consumer: %d items received\n", received);
}

}  // namespace

int main() {
    const auto mailbox = umach::ReceiveRight::allocate().value();
    umach::register_ports({mailbox}).value();
    for (int i = 0; i < producers; ++i) {
        if (fork() == 0) return produce(i);
    }
    consume(mailbox);
    while (wait(nullptr) > 0) {}
}
