// SPDX-License-Identifier: BSL-1.0
// What every row of the table refuses, of requests that are made from the row itself: other kinds of kernel
// ports, and items that are not its own.
#include "stage.hpp"

#include <climits>

namespace umach::tests {
namespace {

// A request with nothing in its items: zeros, null rights, empty lists.
class Blank {
public:
    explicit Blank(const Call& call) : id_(call.id) {
        for (const ItemShape& item : call.in) {
            add({item.code & 0xff, item.bits & 0xff, item.is_array ? 0u : 1u, 1, 0, 0, 0},
                item.is_array ? 0 : item.bits / 8);
            has_rights_ = has_rights_ || MSG_TYPE_PORT_ANY(item.code);
        }
    }
    void add(const msg_type_t& type, std::size_t bytes) {
        starts_.push_back(text_.size());
        const auto* from = reinterpret_cast<const std::byte*>(&type);
        text_.insert(text_.end(), from, from + sizeof type);
        text_.resize(text_.size() + ((bytes + 3) & ~std::size_t{3}));
    }
    std::size_t items() const { return starts_.size(); }
    void drop_last() {
        text_.resize(starts_.back());
        starts_.pop_back();
    }
    msg_type_t* descriptor(std::size_t item) {
        return reinterpret_cast<msg_type_t*>(text_.data() + starts_[item]);
    }
    void set_id(int id) { id_ = id; }

    // returns: the code of the reply, which has nothing else
    int code_of(port_t to) const {
        alignas(8) std::array<std::byte, MSG_SIZE_MAX> buffer{};
        auto* header = reinterpret_cast<msg_header_t*>(buffer.data());
        std::copy(text_.begin(), text_.end(), buffer.begin() + sizeof *header);
        header->msg_simple = has_rights_ ? FALSE : TRUE;
        header->msg_size = static_cast<msg_size_t>(sizeof *header + text_.size());
        header->msg_remote_port = to;
        header->msg_local_port = thread_reply();
        header->msg_id = id_;
        MUST(msg_rpc(header, MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0) == RPC_SUCCESS);
        MUST(static_cast<unsigned>(header->msg_id) == static_cast<unsigned>(id_) + 100u);
        MUST(header->msg_size == reply_head && header->msg_simple == TRUE);
        ItemReader reader(buffer.data(), header->msg_size);
        Int code;
        MUST(reader.read(code) && reader.at_end());
        return code.value;
    }

private:
    int id_;
    bool has_rights_ = false;
    std::vector<std::byte> text_;
    std::vector<std::size_t> starts_;
};

struct Target {
    ports::PortKind kind;
    port_t name;
};

port_t a_section() {
    static memory_object_t object = MEMORY_OBJECT_NULL;
    MUST(object != MEMORY_OBJECT_NULL || memory_object_create(task_self(), 1, &object) == KERN_SUCCESS);
    return object;
}

std::vector<Target> kernel_ports() {
    return {{ports::PortKind::task, task_self()},
            {ports::PortKind::thread, thread_self()},
            {ports::PortKind::host, host_self()},
            {ports::PortKind::memory, a_section()}};
}

void on_every_row(const std::function<void(const Call&, const Target&)>& look) {
    for (const Calls* table : tables())
        for (const Call& call : *table)
            for (const Target& target : kernel_ports()) look(call, target);
}

TEST(EveryRow, OnAnotherKindOfKernelPortGivesInvalidArgument) {
    EXPECT_TRUE(runs_well([] {
        on_every_row([](const Call& call, const Target& target) {
            if (target.kind != call.target) MUST(Blank(call).code_of(target.name) == KERN_INVALID_ARGUMENT);
        });
        MUST(violations().empty());
    }));
}

TEST(EveryRow, WithAnItemTooFewOrTooManyGivesBadArguments) {
    EXPECT_TRUE(runs_well([] {
        on_every_row([](const Call& call, const Target& target) {
            Blank more(call);
            more.add({MSG_TYPE_INTEGER_32, 32, 0, 1, 0, 0, 0}, 0);
            MUST(more.code_of(target.name) == MIG_BAD_ARGUMENTS);
            Blank less(call);
            if (less.items() == 0) return;
            less.drop_last();
            MUST(less.code_of(target.name) == MIG_BAD_ARGUMENTS);
        });
        MUST(violations().empty());
    }));
}

TEST(EveryRow, WithAnItemOfAnotherTypeGivesBadArguments) {
    EXPECT_TRUE(runs_well([] {
        on_every_row([](const Call& call, const Target& target) {
            for (std::size_t item = 0; item < call.in.number; ++item) {
                Blank other(call);
                other.descriptor(item)->msg_type_name = MSG_TYPE_CHAR;
                MUST(other.code_of(target.name) == MIG_BAD_ARGUMENTS);
            }
        });
        MUST(violations().empty());
    }));
}

TEST(EveryKindOfKernelPort, RefusesIdsThatAreInNoRow) {
    EXPECT_TRUE(runs_well([] {
        Blank blank(*call_of_id(2063));
        for (const Target& target : kernel_ports()) {
            for (const int id : {0, -1, 2066, 2163, 2601, 2700, 2116 + 100, INT_MAX, INT_MIN}) {
                blank.set_id(id);
                MUST(blank.code_of(target.name) == MIG_BAD_ID);
            }
        }
        MUST(violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
