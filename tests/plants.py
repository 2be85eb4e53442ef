# SPDX-License-Identifier: BSL-1.0
"""Bugs planted to see that a suite finds them: each is a change to one of the kernel's sources, and
the case that must fail for it. The sources themselves know nothing of this.

    plants.py check ROOT                       whether what each of them changes stands there, once
    plants.py count SUITE                      how many there are
    plants.py write SUITE ROOT NUMBER OUT      the source with the bug in it
    plants.py run SUITE ROOT NUMBER PROGRAM    whether the case fails in the suite's program that was linked with it
"""
import dataclasses
import os
import subprocess
import sys

CASES = {'torture': '*.AnOperationLeavesTheHostWholeAndEverybodyElseGoingOn/',
         'explore': '*.EveryExecutionLeavesTheHostWholeAndNobodyWaiting/'}


@dataclasses.dataclass
class Plant:
    what: str
    file: str
    right: str
    wrong: str
    case: str


TORTURE = [
    Plant('the locks are let go before the commit', 'runtime/step.cpp',
          'carrier_->record().log_length.store(0, std::memory_order_release);\n    release_all();',
          'release_all();\n    carrier_->record().log_length.store(0, std::memory_order_release);',
          'SendBytes'),
    Plant('a step is taken back oldest word first', 'runtime/mend.cpp',
          '    while (left-- > 0) {',
          '    const std::uint64_t all = left;\n'
          '    for (left = 0; left < all; ++left) {',
          'SendAReceiveRight'),
    Plant('mending empties the log and takes nothing back', 'runtime/mend.cpp',
          '        take_back(machine, record);\n', '        record.log_length.store(0);\n',
          'ReceiveRights'),
    Plant('a dead holder is robbed and not mended', 'runtime/step.cpp',
          '            mend(machine, self, holder);\n', '',
          'SendToAReceiverThatWaits'),
    Plant('the life word is not pointed to in a trap', 'runtime/carrier.cpp',
          'if (*pending != entry) *pending = entry;', 'static_cast<void>(entry), static_cast<void>(pending);',
          'SendBytes'),
    Plant('a slot is claimed before the life word is pointed to', 'runtime/machine.cpp',
          '        list->list_op_pending = reinterpret_cast<robust_list*>',
          '        if (life.load() != 0) list->list_op_pending = reinterpret_cast<robust_list*>',
          'ComeAndGo'),
    Plant('a ring is no longer owed before it is made', 'ports/kernel.cpp',
          '    const std::uint64_t epoch = debt.epoch;\n    std::uint64_t seen',
          '    const std::uint64_t epoch = debt.epoch;\n    debt.whom.put(0);\n    std::uint64_t seen',
          'SendToAReceiverThatWaits'),
    Plant('nobody pays the rings of the dead', 'ports/kernel.cpp',
          'if (debt.whom.get() != 0) pay_ring(keeper, debt, true);', 'debt.whom.put(0);',
          'SendToAReceiverThatWaits'),
    Plant('nobody pays the admission that the dead owe', 'ports/kernel.cpp',
          'if (debtor.owed_admission.get() != 0) admit_one(*this, keeper, debtor);',
          'if (debtor.owed_admission.get() != 0) debtor.owed_admission.put(0);',
          'RaiseTheBacklogOfAnotherTaskAndAdmit'),
    Plant('nobody does the work that the dead owe', 'ports/kernel.cpp',
          'else if (debtor.owed_work.get() != 0) work_off_one(*this, keeper, debtor);\n        else break;',
          'else break;',
          'DeallocateAPortOfAnotherTask'),
    Plant('a keeper that rings points to the bell', 'ports/kernel.cpp',
          'if (header_->keeper.get() != carrier.name().word()) carrier.arm_for_ring', 'carrier.arm_for_ring',
          'SendOfTheKeeperToAReceiverThatWaits'),
    Plant('a keeper reads what another dead keeper had not committed', 'ports/thread.cpp',
          'runtime::mend_all(k.machine(), keeper.name());',
          'runtime::mend(k.machine(), keeper.name(), dead);',
          'EndTheCarrierOfASender'),
    Plant('the message in a dead hand is forgotten', 'ports/thread.cpp',
          '    empty_hand(k, keeper, dead.in_hand);\n', '    dead.in_hand.put(0);\n',
          'SendBytes'),
    Plant('the stock of the dead is forgotten', 'ports/zone.cpp',
          '    if (stock_ == no_stock) return true;',
          '    if (stock_ == no_stock || &carrier != &step.carrier().record()) return true;',
          'SendBytes'),
    Plant('a message that is received is in nobody\'s hand', 'ports/receive.cpp',
          '    put_in_hand(s, message);\n', '',
          'ReceiveBytes'),
    Plant('a dead thread stays in the line that it waits in', 'ports/thread.cpp',
          '        return withdraw_wait(s, ref.index), 0u;\n',
          '        if (thread.message.get() == 0) withdraw_wait(s, ref.index);\n        return 0u;\n',
          'SendThatWaitsInVain'),
    Plant('the caller of a server that died is not told', 'ports/message_rights.cpp',
          'case Carried::send_once: answer_dead(s, port, slot.call); break;', 'case Carried::send_once: break;',
          'ReceiveAndAnswerACall'),
    Plant('a send right in a doomed message is not given back', 'ports/message_rights.cpp',
          'case Carried::send: drop_send(s, port); break;', 'case Carried::send: break;',
          'DeallocateAPortWithRightsInItsQueue'),
    Plant('memory in a doomed message is not given back', 'ports/message_rights.cpp',
          'case Carried::memory: release_region(s, region_of(slot)); break;', 'case Carried::memory: break;',
          'LoseAPortWithMemoryInItsQueue'),
    Plant('a name becomes a dead name and nobody is told', 'ports/death.cpp',
          '    post(s, cell_of_entry(s.k, record, index), notify);\n', '    static_cast<void>(notify);\n',
          'SendBytes'),
    Plant('a doomed message without rights is not freed', 'ports/death.cpp',
          '    free_message(s, message);\n}\n\n// Takes a notice off', '}\n\n// Takes a notice off',
          'DeallocateAPortWithRightsInItsQueue'),
    Plant('a port dies and its line of senders waits on', 'ports/death.cpp',
          'head != 0) return dismiss_from_line(s, root, index, head), true;', 'head != 0) static_cast<void>(dismiss_from_line);',
          'DeallocateAPortWithALineOfSenders'),
    Plant('the message of a sender that died in line is forgotten', 'ports/thread.cpp',
          '    if (state != MessageState::prep) return 0;\n    s.set(s.mine().put_aside, message);\n    return message;',
          '    return 0;',
          'SendThatWaitsInVain'),
    Plant('a task ends and its registered ports stay counted', 'ports/task.cpp',
          '        if (port) drop_send(s, port);\n    }\n    if (kernel_port)',
          '        static_cast<void>(port);\n    }\n    if (kernel_port)',
          'Register'),
    Plant('the space of a task that ends is not given back', 'ports/task.cpp',
          'return return_space(s, k.task(task.index)); })) {}', 'return static_cast<void>(s), true; })) {}',
          'MakeATaskAndEndIt'),
    Plant('the slot of a process that ends is not given back', 'ports/task.cpp',
          '        k.zone(zone_processes).free(s.step(), k.host_lock(), process);\n', '',
          'LetAProcessIn'),
    Plant('the record of a thread that ends is not given back', 'ports/thread.cpp',
          '    s.k.zone(zone_threads).free(s.step(), s.k.host_lock(), index);\n', '',
          'MakeAThreadAndEndIt'),
    Plant('memory in a dead hand is forgotten', 'ports/thread.cpp',
          '    give_back_for(k, keeper, dead);\n', '',
          'AllocateMemory'),
    Plant('what a dead keeper had put aside is forgotten', 'ports/thread.cpp',
          '    empty_hand(k, keeper, dead.put_aside);\n', '',
          'ClearAwayASenderThatWaits'),
    Plant('a sender is admitted and not rung', 'ports/queue.cpp',
          'if (!wait_goes_on(s, message)) end_wait(s, thread, SEND_SUCCESS);\n', 'wait_goes_on(s, message);\n',
          'ReceiveAndAdmitABlockedSender'),
    Plant('a kept message is admitted and its sender not told', 'ports/queue.cpp',
          '    tell_accepted(s, port, message);\n', '    static_cast<void>(tell_accepted), static_cast<void>(message);\n',
          'ReceiveAndAdmitAKeptMessage'),
]

EXPLORE = [
    Plant('who takes a port apart passes over the name that its own task has', 'ports/death.cpp',
          'if (index == 0 && task == root) continue;', 'if (task == root) continue;',
          'ATaskEndsWhileItsPortIsSentTo_APreemptionAndADeath'),
    Plant('a step that finds a further lock busy goes on without it', 'runtime/step.cpp',
          '    if (locks_ > 0 || !wait_a_little', '    if (locks_ > 0) return;\n    if (!wait_a_little',
          'ASenderIsAbortedWhileRoomIsMade_PreemptionsAnywhere'),
    Plant('the bell is rung before the word that tells for which wait', 'ports/kernel.cpp',
          '    while (later() && !sleeper.rung.compare_exchange_weak(seen, epoch)) {}\n'
          '    const auto whom = runtime::CarrierName::of(sleeper.carrier);\n',
          '    const auto whom = runtime::CarrierName::of(sleeper.carrier);\n'
          '    if (whom) ring_bell(carrier, whom, static_cast<std::uint32_t>(debt.whom.get()), for_the_dead);\n'
          '    while (later() && !sleeper.rung.compare_exchange_weak(seen, epoch)) {}\n'
          '    if (whom) return debt.whom.put(0);\n',
          'OneSendsAndOneReceives_PreemptionsAnywhere'),
    Plant('a sleeper is not looked for before it sleeps', 'ports/kernel.cpp',
          '    std::uint64_t seen = static_cast<std::uint32_t>(epoch - 1);',
          '    const bool sleeps = machine_.carrier(runtime::CarrierName::of(sleeper.carrier).slot).asleep.load() != 0;\n'
          '    std::uint64_t seen = sleeper.rung.load();\n'
          '    if (!sleeps && !for_the_dead) { sleeper.rung.store(epoch); return debt.whom.put(0); }',
          'OneSendsAndOneReceives_PreemptionsWhereTheyOrder'),
    Plant('of a ringer that dies before it wakes neither the system nor the keeper wakes the sleeper', 'ports/kernel.cpp',
          '    if (header_->keeper.get() != carrier.name().word()) carrier.arm_for_ring(record.doorbell);\n'
          '    if (for_the_dead) machine_.doorbells().ring_again(record.doorbell, whom.slot);\n'
          '    else machine_.doorbells().ring(record.doorbell, whom.slot);\n',
          '    machine_.doorbells().ring(record.doorbell, whom.slot);\n',
          'OneSendsAndOneReceives_APreemptionAndADeath'),
    Plant('a kept message is admitted and its sender not told', 'ports/queue.cpp',
          '    tell_accepted(s, port, message);\n', '    static_cast<void>(tell_accepted), static_cast<void>(message);\n',
          'AMessageIsKeptWhileRoomIsMade_PreemptionsAnywhere'),
    Plant('a kept message dies with its sender', 'ports/thread.cpp',
          '        MessageIdentity identity = message.identity;\n        identity.flags |= message_orphan;\n',
          '        return leave_line(s, at.index, m), doom(s, thread.task, m), s.set(thread.kept_port, PortRef{});\n'
          '        MessageIdentity identity = message.identity;\n',
          'AKeptMessageIsWaitedForByItsReceiver_DeathsAnywhere'),
    Plant('the ring that a dead carrier owed overwrites a later one', 'ports/kernel.cpp',
          '    while (later() && !sleeper.rung.compare_exchange_weak(seen, epoch)) {}\n',
          '    if (for_the_dead) sleeper.rung.store(epoch);\n'
          '    while (later() && !sleeper.rung.compare_exchange_weak(seen, epoch)) {}\n',
          'TwoSendToOneThatReceives_DeathsAnywhere'),
]
PLANTS = {'torture': TORTURE, 'explore': EXPLORE}


def read(root, plant):
    with open(os.path.join(root, plant.file), encoding='utf-8') as text:
        return text.read()


def write(plant, root, out):
    with open(out, 'w', encoding='utf-8') as text:
        text.write(read(root, plant).replace(plant.right, plant.wrong))


def misplaced(root, plant):
    found = read(root, plant).count(plant.right)
    if found == 1:
        return None
    return f'{plant.file}: what is changed stands there {found} times, and must once:\n{plant.right}'


def check(root):
    wrong = [fault for plants in PLANTS.values() for plant in plants if (fault := misplaced(root, plant))]
    print('\n'.join(wrong + [f'plants: {len(wrong)} broken' if wrong else 'plants: kept']))
    sys.exit(1 if wrong else 0)


def run(suite, plant, root, program):
    if fault := misplaced(root, plant):
        sys.exit(fault)
    ended = subprocess.run([program, f'--gtest_filter={CASES[suite]}{plant.case}'], capture_output=True, text=True,
                           check=False, env=os.environ | {'UMACH_FULL': '1'})
    # What failed there is what should: it must not look like a case of this run.
    print(*('| ' + line for line in (ended.stdout + ended.stderr).splitlines()), sep='\n')
    print(f'--- {plant.what}: ended with {ended.returncode}')
    if f'/{plant.case}' not in ended.stdout:
        sys.exit(f'there is no case {plant.case}')
    if ended.returncode == 0:
        sys.exit(f'{plant.case} does not notice that {plant.what}')


def main():
    what, suite, *words = sys.argv[1:]
    if what == 'check':
        check(root=suite)
    if what == 'count':
        print(len(PLANTS[suite]), end='')
        return
    root, number, rest = words
    plant = PLANTS[suite][int(number)]
    if what == 'write':
        write(plant, root, rest)
    else:
        run(suite, plant, root, rest)


if __name__ == '__main__':
    main()
