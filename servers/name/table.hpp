// SPDX-License-Identifier: BSL-1.0
// The table of the name service: names, each with a port and the signature that may change it. It holds one
// reference of a send right for each port that stands in it.
#pragma once

#include <mach.h>
#include <map>
#include <string>

namespace umach::names {

class Table {
public:
    // takes: one reference of each of the two rights, in every case
    kern_return_t check_in(const std::string& name, port_t signature, port_t port);
    // takes: one reference of the signature, in every case
    kern_return_t check_out(const std::string& name, port_t signature);
    // returns: PORT_NULL when there is no such name; the right stays the table's
    port_t look_up(const std::string& name) const;
    // A port has died: its entries go, and nobody can show it as a signature any more.
    void forget(port_t port);

private:
    struct Entry {
        port_t signature = PORT_NULL;
        port_t port = PORT_NULL;
    };
    std::map<std::string, Entry> entries_;
};

// Gives up one reference of a send right, as it comes in a message.
void release_right(port_t port);

}  // namespace umach::names
