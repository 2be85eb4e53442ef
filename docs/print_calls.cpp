// SPDX-License-Identifier: BSL-1.0
// Prints the table of calls as JSON, for the manual pages.
#include "tasks/kernel/calls.hpp"

#include <cstdio>

using namespace umach;

namespace {

const char* name_of(std::uint32_t code) {
    switch (code) {
        case MSG_TYPE_BOOLEAN: return "MSG_TYPE_BOOLEAN";
        case MSG_TYPE_INTEGER_16: return "MSG_TYPE_INTEGER_16";
        case MSG_TYPE_INTEGER_32: return "MSG_TYPE_INTEGER_32";
        case MSG_TYPE_PORT_ALL: return "MSG_TYPE_PORT_ALL";
        case MSG_TYPE_PORT: return "MSG_TYPE_PORT";
        case MSG_TYPE_CHAR: return "MSG_TYPE_CHAR";
        case MSG_TYPE_BYTE: return "MSG_TYPE_BYTE";
        case MSG_TYPE_INTEGER_64: return "MSG_TYPE_INTEGER_64";
        case MSG_TYPE_STRING_C: return "MSG_TYPE_STRING_C";
        case MSG_TYPE_PORT_NAME: return "MSG_TYPE_PORT_NAME";
        case MSG_TYPE_PORT_SEND_ONCE: return "MSG_TYPE_PORT_SEND_ONCE";
        default: return nullptr;
    }
}

const char* name_of(ports::PortKind target) {
    switch (target) {
        case ports::PortKind::task: return "task";
        case ports::PortKind::thread: return "thread";
        case ports::PortKind::memory: return "memory";
        default: return "host";
    }
}

// returns: false when an item has no name to print
bool print(const char* what, const tasks::ItemShapes& items) {
    std::printf(", \"%s\": [", what);
    const char* between = "";
    for (const tasks::ItemShape& item : items) {
        const char* type = name_of(item.code);
        if (type == nullptr) return false;
        std::printf("%s{\"name\": \"%s\", \"type\": \"%s\", \"bits\": %u, \"array\": %s}", between, item.name,
                    type, item.bits, item.is_array ? "true" : "false");
        between = ", ";
    }
    std::printf("]");
    return true;
}

}  // namespace

int main() {
    const char* between = "[";
    for (const tasks::Calls* table : tasks::tables()) {
        for (const tasks::Call& call : *table) {
            std::printf("%s\n{\"id\": %d, \"reply\": %d, \"name\": \"%s\", \"target\": \"%s\"", between,
                        call.id, call.id + tasks::reply_distance, call.name, name_of(call.target));
            if (!print("in", call.in) || !print("out", call.out)) return 1;
            std::printf("}");
            between = ",";
        }
    }
    std::printf("\n]\n");
}
