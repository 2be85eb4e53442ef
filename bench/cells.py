# SPDX-License-Identifier: BSL-1.0
"""Cells and how they are measured: in shuffled rounds, so that a disturbance of the machine hits a few
samples of many cells and not all samples of one. A sample during which other programs took the processor is
taken again at the end, as far as the time goes."""
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

FOREIGN_LIMIT = 0.15   # of one core
MOST_SAMPLES = 15      # of a cell: a machine that is never quiet does not become so
EXIT_UNSUPPORTED = 77
TICKS = os.sysconf('SC_CLK_TCK')


@dataclass(frozen=True)
class Cell:
    """A peer, what is measured, and where."""
    peer: str
    mode: str = 'rpc'        # rpc, stream, wait, idle
    payload: int = 64
    clients: int = 1
    place: str = 'cross'
    ports: int = 0
    tasks: int = 0

    def arguments(self, seconds):
        if self.mode == 'idle':
            return ['idle', '--peer', self.peer]
        if self.mode == 'wait':
            seconds *= 5     # who waits looks around ten times a second
        elif self.clients >= 16:
            seconds *= 2.5   # all clients must get their turn
        return [self.mode, '--peer', self.peer, '--payload', self.payload, '--clients', self.clients,
                '--place', self.place, '--ports', self.ports, '--tasks', self.tasks,
                '--seconds', round(seconds, 3)]

    def __str__(self):
        others = (('ports', self.ports), ('tasks', self.tasks))
        more = ''.join(f' {word} {number:,}' for word, number in others if number)
        return f'{self.peer} {self.mode} {self.payload} B x{self.clients} {self.place}{more}'


@dataclass
class Taken:
    """What a cell gave so far."""
    samples: list = field(default_factory=list)
    failures: int = 0

    def noisy(self):
        return sum(s['foreign'] > FOREIGN_LIMIT for s in self.samples)

    def clean(self):
        """The undisturbed samples, or the less disturbed half where there are not two of them."""
        clean = [s for s in self.samples if s['foreign'] <= FOREIGN_LIMIT]
        least = sorted(self.samples, key=lambda s: s['foreign'])
        return clean if len(clean) >= 2 else least[:max(2, (len(least) + 1) // 2)]

    def values(self, key):
        measured = [s for s in self.clean() if key in s]
        return [s[key] for s in measured if not key.endswith('_ns') or s.get('operations', 1) > 0]


def own_command(command):
    """Ends with this process, however that ends."""
    return ['setpriv', '--pdeathsig', 'SIGTERM', '--', *map(str, command)]


def machine_busy_seconds():
    with open('/proc/stat', encoding='ascii') as stat:
        user, nice, system, _idle, _wait, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


class Scratch:
    """A folder for what peers leave as files, there and beside it under names that begin with the folder's. A
    process at the end of a pipe removes it when nobody holds the other end any more, however they ended."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='umach-bench-')
        end, self.open_end = os.pipe()
        self.warden = subprocess.Popen(['sh', '-c', 'cat; rm -rf "$0" "$0"-*', self.folder], stdin=end,
                                       start_new_session=True)
        os.close(end)

    def end(self):
        os.close(self.open_end)
        self.warden.wait()


class Machine:
    """Runs the programs, one at a time, and sees how much of the processor others took."""

    def __init__(self, folder, daemons):
        self.folder = folder
        self.daemons = daemons
        self.scratch = Scratch()
        self.running = None
        self.peers, self.programs = {}, {}

    def find_peers(self, programs):
        """Asks each program that was built what peers it has."""
        for program in programs:
            path = os.path.join(self.folder, program)
            for peer in json.loads(subprocess.run([path, 'list'], capture_output=True, check=True).stdout):
                if not peer['daemon'] or self.daemons.has(peer['daemon']):
                    self.peers[peer['name']] = peer
                    self.programs[peer['name']] = path

    def run(self, command, daemon='', setting=''):
        """returns: the lines of JSON, the exit status, and the share of one core that others took."""
        busy, ours, started = machine_busy_seconds(), self.daemons.processor_seconds(), time.monotonic()
        self.running = subprocess.Popen(own_command(command), stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=self.environment(daemon, setting),
                                        text=True, start_new_session=True,
                                        pass_fds=[self.scratch.open_end])
        output = self.running.stdout.read()
        _, status, usage = os.wait4(self.running.pid, 0)
        self.running.stdout.close()
        self.running.returncode = os.waitstatus_to_exitcode(status)
        elapsed = time.monotonic() - started
        ours = self.daemons.processor_seconds() - ours + usage.ru_utime + usage.ru_stime
        foreign = max(0.0, machine_busy_seconds() - busy - ours) / elapsed
        lines = [json.loads(line) for line in output.splitlines() if line.startswith('{')]
        return lines, self.running.returncode, round(foreign, 3)

    def pieces(self, rounds):
        """What the pieces cost that a port is built from: nanoseconds by name."""
        found = {}
        for _ in range(rounds):
            for line in self.run([os.path.join(self.folder, 'costs')])[0]:
                found.setdefault(line['micro'], []).append(line['ns'])
        return found

    def environment(self, daemon, setting):
        name, _, value = setting.partition('=')
        more = {name: value} if name else {}
        return dict(self.daemons.environment(daemon), BENCH_FOLDER=self.scratch.folder, **more)

    def take(self, cell, taken, seconds):
        command = [self.programs[cell.peer], *cell.arguments(seconds)]
        peer = self.peers[cell.peer]
        lines, status, foreign = self.run(command, peer['daemon'], peer['environment'])
        if status == EXIT_UNSUPPORTED:
            taken.failures = 99
        elif status != 0 or not lines or lines[-1].get('errors'):
            taken.failures += 1
        else:
            taken.samples.append(dict(lines[-1], foreign=foreign))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running is not None and self.running.returncode is None:
            self.running.terminate()
            self.running.wait()
        self.scratch.end()


def rare(cell):
    """Cells that take long to set up, and vary little."""
    return cell.ports > 100000


def measure(machine, cells, rounds, seconds, budget, tell=True):
    """returns: what each cell gave, and how well it went."""
    started = time.monotonic()
    results = {cell: Taken() for cell in cells}
    chance = random.Random(1)
    for number in range(rounds):
        order = [cell for cell in cells if number % 2 == 0 or not rare(cell)]
        chance.shuffle(order)
        for cell in order:
            if results[cell].failures < 3:
                machine.take(cell, results[cell], seconds)
        if tell:
            print(f'round {number + 1} of {rounds}: {time.monotonic() - started:.0f} s', file=sys.stderr)
    retaken = retake(machine, results, seconds, started + budget)
    samples = [s for taken in results.values() for s in taken.samples]
    return results, {'samples': len(samples), 'noisy': sum(s['foreign'] > FOREIGN_LIMIT for s in samples),
                     'retaken': retaken, 'seconds': round(time.monotonic() - started, 1)}


def retake(machine, results, seconds, until):
    """Takes disturbed samples again, those of the most disturbed cells first. returns: how many."""
    count = 0
    again = [cell for cell, taken in results.items() if taken.samples and taken.noisy()]
    while again and time.monotonic() < until:
        for cell in sorted(again, key=lambda c: -results[c].noisy()):
            if time.monotonic() >= until:
                break
            machine.take(cell, results[cell], seconds)
            count += 1
        again = [c for c in again if len(results[c].samples) - results[c].noisy() < 3 and
                 len(results[c].samples) < MOST_SAMPLES]
    return count
