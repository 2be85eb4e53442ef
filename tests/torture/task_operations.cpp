// SPDX-License-Identifier: BSL-1.0
// Tasks, threads, carriers: how they come and how they go.
#include "operations.hpp"

namespace umach::torture {
namespace {

std::uint32_t own_process(Scene& scene) {
    return static_cast<std::uint32_t>(scene.caller.carrier.record().process.get());
}

int make_task(Scene& scene) {
    const TaskRef made =
        create_task(scene.caller.k, scene.caller.carrier, own_process(scene), scene.caller.task, "made");
    return made ? KERN_SUCCESS : KERN_FAILURE;
}
int make_and_end_task(Scene& scene) {
    const TaskRef made =
        create_task(scene.caller.k, scene.caller.carrier, own_process(scene), scene.caller.task, "made");
    if (!made) return KERN_FAILURE;
    Caller as_made{scene.caller.k, scene.caller.carrier, made, scene.caller.thread};
    port_name_t set = PORT_NULL, port = PORT_NULL;
    allocate(as_made, made, &port);
    set_allocate(as_made, made, &set);
    set_add(as_made, made, set, port);
    end_task(scene.caller.k, scene.caller.carrier, made);
    return KERN_SUCCESS;
}
int make_and_end_thread(Scene& scene) {
    const ThreadRef made =
        make_thread(scene.caller.k, scene.caller.carrier, scene.caller.task, CarrierKind::fiber, true);
    if (!made) return KERN_FAILURE;
    end_thread(scene.caller.k, scene.caller.carrier, made);
    return KERN_SUCCESS;
}
// What a member does that leaves, its task's names staying for the keeper.
int leave(Scene& scene) {
    end_carrier(scene.caller.k, scene.caller.carrier, scene.caller.carrier.name().slot);
    return KERN_SUCCESS;
}
// What a thread does at its first call, and at its end.
int come_and_go(Scene& scene) {
    Kernel& k = scene.caller.k;
    const std::uint32_t slot = k.machine().claim_carrier();
    if (slot == 0) return KERN_FAILURE;
    runtime::Carrier carrier(k.machine().carrier(slot), slot);
    carrier.record().process.put(own_process(scene));
    begin_thread(k, carrier, scene.caller.task);
    end_carrier(k, carrier, slot);
    scene.caller.carrier.arm();
    return KERN_SUCCESS;
}
int let_a_process_in(Scene& scene) {
    const std::uint32_t process =
        add_process(scene.caller.k, scene.caller.carrier, static_cast<std::uint64_t>(getpid()), 0, 0);
    remove_process(scene.caller.k, scene.caller.carrier, process);
    return process != 0 ? KERN_SUCCESS : KERN_FAILURE;
}

}  // namespace

std::vector<Operation> task_calls() {
    return {{"MakeATask", make_task},
            {"MakeATaskAndEndIt", make_and_end_task},
            {"MakeAThreadAndEndIt", make_and_end_thread},
            {"Leave", leave},
            {"ComeAndGo", come_and_go},
            {"LetAProcessIn", let_a_process_in}};
}

}  // namespace umach::torture
