// SPDX-License-Identifier: BSL-1.0
// Messages that wait for room at their port. Each waits in a fiber of its own, all on one thread, so that it
// stands in the port's line as every other sender does and holds up nobody.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "servers/netmsg/memory.hpp"
#include "servers/netmsg/rights.hpp"

namespace umach::netmsg {

// A message that came over a link, ready to be sent here, and what arrived with it.
struct Delivery {
    std::uint64_t link = 0;
    std::uint32_t id = 0;  // of the holding that it goes to
    std::vector<Arrival> arrivals;
    std::vector<Memory> memory;  // data out of line, which goes with the message
    std::vector<port_t> names;  // rights out of line
    std::size_t memory_length = 0;
    bool lost = false;          // there was no memory for it
    Buffer message;
};

class Ferry {
public:
    struct Landed {
        std::unique_ptr<Delivery> delivery;
        msg_return_t code;
    };

    // shore: a port of ours to which a message is sent whenever something has landed; if it is full, it knows
    explicit Ferry(port_t shore);
    Ferry(const Ferry&) = delete;
    Ferry& operator=(const Ferry&) = delete;
    // Ends the waits of all that is under way.
    ~Ferry();

    void carry(std::unique_ptr<Delivery> delivery);
    std::vector<Landed> landed();
    // Ends the waits of a link's messages; they land as not sent.
    void abandon(std::uint64_t link);

private:
    struct Passage {
        Ferry* ferry;
        std::uint64_t number;
        std::unique_ptr<Delivery> delivery;
        thread_t thread = PORT_NULL;
        bool abandoned = false;
    };

    static void run(void* ferry);
    static void cross(void* passage);
    void serve();
    void embark(std::uint64_t number);
    void land(Passage& passage, msg_return_t code);

    port_t shore_, orders_;
    thread_t thread_ = PORT_NULL;
    std::mutex mutex_;  // held for a few instructions, never across a call that waits
    std::map<std::uint64_t, std::unique_ptr<Passage>> passages_;
    std::vector<Landed> landed_;
    std::uint64_t next_ = 1;
};

}  // namespace umach::netmsg
