// SPDX-License-Identifier: BSL-1.0
// Memory from the pool: allocated, sent out of line by copy and by move, received, given back.
#include "operations.hpp"

#include "ports/memory.hpp"
#include "ports/task.hpp"
#include "ports/view.hpp"

#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>

namespace umach::torture {
namespace {

constexpr std::uint32_t words = 2500;   // three pages
constexpr std::uint64_t bytes = words * 4;

std::byte* allocate_some(Scene& scene) {
    Kernel& k = scene.caller.k;
    RegionRef region;
    const kern_return_t code = allocate_memory(scene.caller, scene.caller.task, bytes, &region);
    return code == KERN_SUCCESS ? k.pool().base() + offset_of(k.region(region.index)) : nullptr;
}

int allocate_two(Scene& scene) {
    return allocate_some(scene) != nullptr && allocate_some(scene) != nullptr ? KERN_SUCCESS : KERN_FAILURE;
}
int give_back_one(Scene& scene) {
    std::byte* mine = allocate_some(scene);
    return deallocate_address(scene.caller, reinterpret_cast<std::uint64_t>(mine), bytes);
}
int give_back_its_ends(Scene& scene) {
    const auto mine = reinterpret_cast<std::uint64_t>(allocate_some(scene));
    if (const int code = deallocate_address(scene.caller, mine + 2 * page_bytes, 1); code != KERN_SUCCESS) return code;
    if (const int code = deallocate_address(scene.caller, mine, 1); code != KERN_SUCCESS) return code;
    return deallocate_address(scene.caller, mine + page_bytes, 1);
}
// More than the stock may keep: what is given back goes to the system.
int give_back_much(Scene& scene) {
    scene.caller.k.header().most_stock_pages.put(2);
    return give_back_one(scene);
}
int send_copy(Scene& scene) {
    static const std::array<std::uint32_t, words> data{};
    return scene.post(Letter(scene.there).with_memory(data.data(), words).with_memory(data.data(), 5));
}
int send_move(Scene& scene) {
    std::byte* mine = allocate_some(scene);
    return scene.post(Letter(scene.there).with_memory(mine, words, true));
}
int send_move_with_rights(Scene& scene) {
    std::byte* mine = allocate_some(scene);
    return scene.post(Letter(scene.there).with(MSG_TYPE_PORT_ALL, scene.own, true).with_memory(mine, words, true));
}
int keep_move(Scene& scene) {
    std::byte* mine = allocate_some(scene);
    return scene.post(Letter(scene.there).with_memory(mine, words, true), SEND_NOTIFY);
}
int wait_in_vain(Scene& scene) {
    std::byte* mine = allocate_some(scene);
    return scene.post(Letter(scene.there).with_memory(mine, words, true).with_memory(&mine, 2), SEND_TIMEOUT, 1);
}
int send_unreadable(Scene& scene) {
    std::byte* mine = allocate_some(scene);
    return scene.post(Letter(scene.there).with_memory(&mine, 2).with_memory(mine, words, true).with_memory(nullptr, 1));
}
int receive_memory(Scene& scene) {
    Letter got(PORT_NULL);
    if (const int code = scene.fetch(scene.own, &got); code != RCV_SUCCESS) return code;
    const TaskRecord& task = scene.caller.k.task(scene.caller.task.index);
    const RegionRecord& region = scene.caller.k.region(task.regions.get().first);
    return deallocate_memory(scene.caller, offset_of(region), region.pages << page_bits);
}
// A port whose queue holds messages with memory dies.
int lose_port_with_memory(Scene& scene) { return deallocate(scene.caller, scene.caller.task, scene.own); }

// ---- sections ---------------------------------------------------------------------------------------------

port_name_t make_section(Scene& scene) {
    port_name_t name = PORT_NULL;
    return create_section(scene.caller, scene.caller.task, bytes, &name) == KERN_SUCCESS ? name : PORT_NULL;
}
kern_return_t map_all(Scene& scene, port_name_t name, std::uint64_t* at, int protection = VM_PROT_DEFAULT, bool copies = false) {
    return map_view(scene.caller, scene.caller.task,
                    {memory_object_of_name(scene.caller, name), 0, pages_for(bytes), 0, 0, protection, VM_PROT_ALL, VM_INHERIT_NONE, copies}, at);
}
int drop(Scene& scene, port_name_t name) { return deallocate(scene.caller, scene.caller.task, name); }

int create_and_map(Scene& scene) {
    std::uint64_t at = 0;
    return map_all(scene, make_section(scene), &at);
}
int map_and_unmap(Scene& scene) {
    std::uint64_t at = 0;
    const port_name_t name = make_section(scene);
    if (const int code = map_all(scene, name, &at); code != KERN_SUCCESS) return code;
    if (const int code = drop(scene, name); code != KERN_SUCCESS) return code;
    if (const int code = deallocate_address(scene.caller, at, 1); code != KERN_SUCCESS) return code;   // its first page
    return deallocate_address(scene.caller, at + page_bytes, bytes - page_bytes);
}
int map_a_copy(Scene& scene) {
    std::uint64_t at = 0;
    const port_name_t name = make_section(scene);
    if (const int code = map_all(scene, name, &at, VM_PROT_DEFAULT, true); code != KERN_SUCCESS) return code;
    *reinterpret_cast<volatile std::byte*>(at) = std::byte{1};
    return drop(scene, name);
}
int make_proxy(Scene& scene) {
    port_name_t proxy = PORT_NULL;
    const port_name_t name = make_section(scene);
    const int code = create_proxy(scene.caller, memory_object_of_name(scene.caller, name), VM_PROT_READ, &proxy);
    if (code != KERN_SUCCESS) return code;
    std::uint64_t at = 0;
    if (const int dropped = drop(scene, name); dropped != KERN_SUCCESS) return dropped;
    return map_all(scene, proxy, &at, VM_PROT_READ) == KERN_SUCCESS ? drop(scene, proxy) : KERN_FAILURE;
}
int send_section(Scene& scene) {
    return scene.post(Letter(scene.there).with(MSG_TYPE_PORT, make_section(scene), true));
}
int map_what_others_made(Scene& scene) {
    std::uint64_t at = 0;
    if (const int code = map_all(scene, scene.extra, &at); code != KERN_SUCCESS) return code;
    return drop(scene, scene.extra);
}
// A task of the process ends, which has a view, and leaves it to the process.
int end_task_with_view(Scene& scene) {
    Kernel& k = scene.caller.k;
    const auto process = static_cast<std::uint32_t>(scene.caller.carrier.record().process.get());
    Caller second{k, scene.caller.carrier, create_task(k, scene.caller.carrier, process, {}, "second"), {}};
    port_name_t name = PORT_NULL;
    std::uint64_t at = 0;
    const int code = create_section(second, second.task, bytes, &name);
    if (code != KERN_SUCCESS) return code;
    if (map_view(second, second.task, {memory_object_of_name(second, name), 0, 1, 0, 0, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_NONE}, &at) != KERN_SUCCESS)
        return KERN_FAILURE;
    end_task(k, scene.caller.carrier, second.task);
    return KERN_SUCCESS;
}

// ---- what stands there before -----------------------------------------------------------------------------

void receiver(Stage& stage) { stage.receive_with_thread(); }

void memory_for_member(Stage& stage) {
    static const std::array<std::uint32_t, words> data{};
    for (int i = 0; i < 2; ++i) stage.post(Letter(stage.member().its_port).with_memory(data.data(), words).with_memory(data.data(), 1));
}

void section_for_member(Stage& stage) {
    Caller member = stage.as_member();
    port_name_t name = PORT_NULL;
    EXPECT_EQ(create_section(member, member.task, bytes, &name), KERN_SUCCESS);
    stage.give(name);
}

void full(Stage& stage) {
    Letter letter(stage.port());
    while (send(stage.survivor(), letter.header(), SEND_TIMEOUT, 0) == SEND_SUCCESS) {
    }
}

}  // namespace

std::vector<Operation> memory_calls() {
    return {{"AllocateMemory", allocate_two},
            {"GiveMemoryBack", give_back_one},
            {"GiveMemoryBackToTheSystem", give_back_much},
            {"GiveMemoryBackInParts", give_back_its_ends},
            {"SendACopyOfMemory", send_copy, nullptr, true},
            {"SendMemoryAway", send_move, receiver, true},
            {"SendMemoryAndAPortAway", send_move_with_rights, nullptr, true},
            {"SendMemoryThatIsKept", keep_move, full, false, SEND_WILL_NOTIFY},
            {"SendMemoryThatWaitsInVain", wait_in_vain, full, false, SEND_TIMED_OUT},
            {"SendMemoryThatCannotBeRead", send_unreadable, nullptr, false, SEND_INVALID_MEMORY},
            {"ReceiveMemory", receive_memory, memory_for_member},
            {"CreateASectionAndMapIt", create_and_map},
            {"MapASectionAndUnmapItInParts", map_and_unmap},
            {"MapACopyOfASection", map_a_copy},
            {"MakeAProxyAndMapThat", make_proxy},
            {"SendASectionAway", send_section, receiver, true},
            {"MapASectionThatOthersMade", map_what_others_made, section_for_member},
            {"EndATaskThatHasAView", end_task_with_view},
            {"LoseAPortWithMemoryInItsQueue", lose_port_with_memory, memory_for_member}};
}

}  // namespace umach::torture
