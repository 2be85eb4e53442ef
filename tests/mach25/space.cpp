// SPDX-License-Identifier: BSL-1.0
#include "space.hpp"

#include <cstring>

namespace umach::tests {

namespace {

void give_back(const void* array, std::size_t bytes) {
    if (array != nullptr) {
        EXPECT_EQ(KERN_SUCCESS, vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(array), bytes));
    }
}

}  // namespace

std::map<port_name_t, port_type_t> names_of(task_t task) {
    port_name_t* names = nullptr;
    port_type_t* types = nullptr;
    unsigned number = 0;
    unsigned types_number = 0;
    EXPECT_EQ(KERN_SUCCESS, port_names(task, &names, &number, &types, &types_number));
    EXPECT_EQ(number, types_number);
    std::map<port_name_t, port_type_t> found;
    for (unsigned i = 0; i < number; ++i) found[names[i]] = types[i];
    EXPECT_EQ(number, found.size()) << "a name is listed twice";
    give_back(names, number * sizeof *names);
    give_back(types, number * sizeof *types);
    return found;
}

port_type_t type_of(port_name_t name, task_t task) {
    port_type_t type = -1;
    return port_type(task, name, &type) == KERN_SUCCESS ? type : PORT_TYPE_NONE;
}

Status status_of(port_name_t name, task_t task) {
    Status s{};
    boolean_t ownership = FALSE;
    boolean_t receive = FALSE;
    s.code = port_status(task, name, &s.set, &s.messages, &s.backlog, &ownership, &receive);
    s.ownership = ownership != FALSE;
    s.receive = receive != FALSE;
    return s;
}

int waiting_at(port_name_t name) {
    return status_of(name).messages;
}

std::optional<notification_t> next_notice(msg_timeout_t timeout) {
    notification_t notice{};
    notice.notify_header.msg_local_port = task_notify();
    notice.notify_header.msg_size = sizeof notice;
    if (msg_receive(&notice.notify_header, RCV_TIMEOUT, timeout) != RCV_SUCCESS) return std::nullopt;
    return notice;
}

::testing::AssertionResult notified(msg_id_t id, port_name_t name, msg_timeout_t timeout) {
    const auto notice = next_notice(timeout);
    if (!notice) return ::testing::AssertionFailure() << "no notification waits";
    if (notice->notify_header.msg_id == id && notice->notify_port == name)
        return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "notification " << notice->notify_header.msg_id << " about "
                                         << notice->notify_port << ", not " << id << " about " << name;
}

void fill(port_t to, int number, msg_id_t first) {
    for (int i = 0; i < number; ++i) ASSERT_EQ(SEND_SUCCESS, Letter(to, first + i).send()) << "message " << i;
}

int next_id(port_t from, msg_timeout_t timeout) {
    Letter letter;
    const msg_return_t code = letter.receive(from, RCV_TIMEOUT, timeout);
    return code == RCV_SUCCESS ? letter->msg_id : code;
}

std::vector<int> all_ids(port_t from) {
    std::vector<int> ids;
    for (int id = next_id(from); id >= 0; id = next_id(from)) ids.push_back(id);
    return ids;
}

void drain(port_t from) {
    Letter letter;
    while (letter.receive(from) == RCV_SUCCESS) {
    }
}

void Port::drop() {
    if (name_ != PORT_NULL) port_deallocate(task_self(), std::exchange(name_, PORT_NULL));
}

std::vector<port_name_t> Set::members() const {
    port_name_t* array = nullptr;
    unsigned number = 0;
    EXPECT_EQ(KERN_SUCCESS, port_set_status(task_self(), name_, &array, &number));
    std::vector<port_name_t> found(array, array + number);
    give_back(array, number * sizeof *array);
    return found;
}

msg_return_t send_right(port_t to, unsigned code, port_t name, bool deallocate) {
    return Letter(to).item(code, {name}, deallocate).send();
}

port_t send_round(unsigned code, port_t name, bool deallocate) {
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, code, name, deallocate));
    Letter letter;
    EXPECT_EQ(RCV_SUCCESS, letter.receive(way));
    return letter.name();
}

port_t make_send_once(port_t receive_right) {
    return send_round(MSG_TYPE_MAKE_SEND_ONCE, receive_right);
}

void add_send_right(port_t receive_right) {
    EXPECT_EQ(receive_right, send_round(MSG_TYPE_PORT, receive_right));
}

void Mach25::SetUp() {
    self_ = task_self();
    ASSERT_NE(PORT_NULL, self_) << mach_error_detail();
    ASSERT_NE(PORT_NULL, task_notify());
    before_ = names_of();
}

void Mach25::TearDown() {
    while (const auto notice = next_notice())
        ADD_FAILURE() << "notification " << notice->notify_header.msg_id << " about " << notice->notify_port
                      << " was left";
    EXPECT_EQ(before_, names_of()) << "the case did not leave the space as it found it";
}

}  // namespace umach::tests
