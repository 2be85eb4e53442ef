// SPDX-License-Identifier: BSL-1.0
// Special and registered ports, memory of one's own, and errors in words.
#include "kinds.hpp"
#include "parties.hpp"

#include <cstring>

namespace umach::tests {
namespace {

UMACH_SUITE(SpecialPorts);

port_t special(int which, task_t task = task_self()) {
    port_t port = PORT_NULL;
    EXPECT_EQ(KERN_SUCCESS, task_get_special_port(task, which, &port));
    return port;
}

TEST_F(SpecialPorts, TaskSelfIsASendRightThatStaysTheSame) {
    EXPECT_EQ(task_self(), task_self());
    EXPECT_EQ(PORT_TYPE_SEND, type_of(task_self()));
}

TEST_F(SpecialPorts, TaskNotifyHasItsReceiveRightHere) {
    EXPECT_TRUE(status_of(task_notify()).receive);
    EXPECT_EQ(task_notify(), task_notify());
}

TEST_F(SpecialPorts, KernelPortIsTaskSelf) {
    EXPECT_EQ(task_self(), special(TASK_KERNEL_PORT));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, task_self(), PORT_TYPE_SEND));
}

TEST_F(SpecialPorts, NotifyPortIsTaskNotify) {
    EXPECT_EQ(task_notify(), special(TASK_NOTIFY_PORT));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, task_notify(), PORT_TYPE_SEND));
}

TEST_F(SpecialPorts, BootstrapPortCanBeReplacedAndReadBack) {
    const port_t before = special(TASK_BOOTSTRAP_PORT);
    const Port port;
    EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, TASK_BOOTSTRAP_PORT, port));
    EXPECT_EQ(port, special(TASK_BOOTSTRAP_PORT));
    EXPECT_EQ(port, bootstrap_port);
    EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, TASK_BOOTSTRAP_PORT, before));
    if (before != PORT_NULL) {
        EXPECT_EQ(KERN_SUCCESS, port_release(self_, before, PORT_TYPE_SEND));
    }
}

TEST_F(SpecialPorts, SettingCopiesASendRight) {
    const port_t before = special(TASK_EXCEPTION_PORT);
    const Port port;
    const Port notify;
    port_t previous = PORT_NULL;
    EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, TASK_EXCEPTION_PORT, port));
    EXPECT_EQ(KERN_SUCCESS,
              port_request_notification(self_, port, NOTIFY_NO_MORE_SENDERS, notify, &previous));
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
    EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, TASK_EXCEPTION_PORT, before));
    EXPECT_EQ(NOTIFY_NO_MORE_SENDERS, next_id(notify)) << "the replaced right was given back";
    if (before != PORT_NULL) {
        EXPECT_EQ(KERN_SUCCESS, port_release(self_, before, PORT_TYPE_SEND));
    }
}

TEST_F(SpecialPorts, ThatHasDiedIsReadAsNull) {
    const port_t before = special(TASK_EXCEPTION_PORT);
    {
        const Port port;
        EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, TASK_EXCEPTION_PORT, port));
    }
    EXPECT_EQ(PORT_NULL, special(TASK_EXCEPTION_PORT));
    EXPECT_EQ(KERN_SUCCESS, task_set_special_port(self_, TASK_EXCEPTION_PORT, before));
}

TEST_F(SpecialPorts, AnUnknownOneIsInvalid) {
    const Port port;
    for (const int which : {-1, 0, 5, 100}) {
        port_t found = PORT_NULL;
        EXPECT_EQ(KERN_INVALID_ARGUMENT, task_get_special_port(self_, which, &found));
        EXPECT_EQ(KERN_INVALID_ARGUMENT, task_set_special_port(self_, which, port));
    }
}

UMACH_SUITE(RegisteredPorts);

std::vector<port_t> registered() {
    port_t* array = nullptr;
    unsigned number = 0;
    EXPECT_EQ(KERN_SUCCESS, mach_ports_lookup(task_self(), &array, &number));
    std::vector<port_t> found(array, array + number);
    EXPECT_EQ(KERN_SUCCESS,
              vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(array), number * sizeof *array));
    return found;
}

TEST_F(RegisteredPorts, AreReadBackInOrderWithNullsBehind) {
    const Port a;
    const Port b;
    port_t ports[] = {a, b};
    EXPECT_EQ(KERN_SUCCESS, mach_ports_register(self_, ports, 2));
    EXPECT_EQ((std::vector<port_t>{a, b, PORT_NULL, PORT_NULL}), registered());
    EXPECT_EQ(KERN_SUCCESS, mach_ports_register(self_, nullptr, 0));
    EXPECT_EQ(std::vector<port_t>(4, PORT_NULL), registered());
}

TEST_F(RegisteredPorts, MoreThanFourAreInvalid) {
    const Port a;
    port_t ports[] = {a, a, a, a, a};
    EXPECT_EQ(KERN_INVALID_ARGUMENT, mach_ports_register(self_, ports, 5));
    EXPECT_EQ(std::vector<port_t>(4, PORT_NULL), registered());
}

TEST_F(RegisteredPorts, ABadOneLeavesThoseBeforeItUnchanged) {
    const Port a;
    const Port b;
    port_t good[] = {a};
    EXPECT_EQ(KERN_SUCCESS, mach_ports_register(self_, good, 1));
    port_t bad[] = {b, unknown_name};
    EXPECT_EQ(KERN_INVALID_ARGUMENT, mach_ports_register(self_, bad, 2));
    EXPECT_EQ(a, registered()[0]);
    EXPECT_EQ(KERN_SUCCESS, mach_ports_register(self_, nullptr, 0));
}

UMACH_SUITE(Memory);

TEST_F(Memory, IsZeroFilledAndWholePages) {
    vm_address_t address = 0;
    ASSERT_EQ(KERN_SUCCESS, vm_allocate(self_, &address, 5000, TRUE));
    ASSERT_NE(0u, address);
    auto* bytes = reinterpret_cast<char*>(address);
    for (int i = 0; i < 8192; ++i) EXPECT_EQ(0, bytes[i]);
    std::memset(bytes, 1, 8192);
    EXPECT_EQ(KERN_SUCCESS, vm_deallocate(self_, address, 5000));
}

TEST_F(Memory, OfNoSizeIsAddressZero) {
    vm_address_t address = 77;
    EXPECT_EQ(KERN_SUCCESS, vm_allocate(self_, &address, 0, TRUE));
    EXPECT_EQ(0u, address);
    EXPECT_EQ(KERN_SUCCESS, vm_deallocate(self_, 0, 0));
}

TEST_F(Memory, AtAnAddressThatIsInUseHasNoSpace) {
    vm_address_t address = 0;
    ASSERT_EQ(KERN_SUCCESS, vm_allocate(self_, &address, 4096, TRUE));
    vm_address_t same = address;
    EXPECT_EQ(KERN_NO_SPACE, vm_allocate(self_, &same, 4096, FALSE));
    EXPECT_EQ(KERN_SUCCESS, vm_deallocate(self_, address, 4096));
    EXPECT_EQ(KERN_NO_SPACE, vm_allocate(self_, &same, 4096, FALSE)) << "such addresses are not to be chosen";
    vm_address_t elsewhere = 0x7a00'0000'0000;
    EXPECT_EQ(KERN_SUCCESS, vm_allocate(self_, &elsewhere, 4096, FALSE));
    EXPECT_EQ(KERN_NO_SPACE, vm_allocate(self_, &elsewhere, 4096, FALSE));
    EXPECT_EQ(KERN_SUCCESS, vm_deallocate(self_, elsewhere, 4096));
}

TEST_F(Memory, ThatIsNotThereCannotBeGivenBack) {
    EXPECT_EQ(KERN_INVALID_ADDRESS, vm_deallocate(self_, ~vm_address_t{0} - 8192, 4096 * 4));
}

UMACH_SUITE(ErrorText);

TEST_F(ErrorText, IsThereForEveryCodeOfEveryFamily) {
    std::vector<int> codes{
        MIG_TYPE_ERROR, MIG_SERVER_DIED, MIG_DESTROY_REQUEST, 1000, 1001, 1002, 1003, 1004};
    for (int code = 0; code <= 23; ++code) codes.push_back(code);
    for (int code = -110; code <= -101; ++code)
        if (code != -104) codes.push_back(code);
    for (int code = -208; code <= -201; ++code) codes.push_back(code);
    for (int code = -309; code <= -300; ++code) codes.push_back(code);
    std::map<std::string, int> texts;
    for (const int code : codes) {
        const char* text = mach_error_string(code);
        ASSERT_NE(nullptr, text);
        EXPECT_GT(std::strlen(text), 3u) << code;
        const auto [at, fresh] = texts.emplace(text, code);
        EXPECT_TRUE(fresh || at->second == code)
            << code << " and " << at->second << " have one text: " << text;
    }
}

TEST_F(ErrorText, OfAnUnknownCodeSaysSo) {
    ASSERT_NE(nullptr, mach_error_string(123456));
    EXPECT_STRNE("", mach_error_string(123456));
}

TEST_F(ErrorText, DetailIsTheThreadsOwn) {
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_deallocate(self_, unknown_name));
    const std::string mine = mach_error_detail();
    EXPECT_NE("", mine);
    Party other([] { return std::strlen(mach_error_detail()) == 0 ? 0 : 1; });
    EXPECT_EQ(0, other.result());
    EXPECT_EQ(mine, mach_error_detail());
}

}  // namespace
}  // namespace umach::tests
