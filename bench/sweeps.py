# SPDX-License-Identifier: BSL-1.0
"""How a figure grows: each sweep is one chart and one table."""
import statistics
from dataclasses import dataclass

from cells import Cell

PAYLOADS = (64, 256, 1024, 4096, 65536, 1 << 20)
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
PORTS = (1, 1000, 10000, 100000, 1000000)
TASKS = (1, 100, 1000)


@dataclass(frozen=True)
class Line:
    """One line of a chart: a cell for each x."""
    label: str
    cells: tuple   # of (x, Cell)
    key: str = 'p50_ns'
    scale: float = 1e3

    def points(self, results):
        """(x, median) where there is one."""
        return [(x, statistics.median(results[cell].values(self.key)) / self.scale) for x, cell in self.cells
                if cell in results and results[cell].values(self.key)]


@dataclass(frozen=True)
class Sweep:
    name: str
    title: str
    x: str
    y: str
    lines: tuple

    def cells(self):
        return [cell for line in self.lines for _, cell in line.cells]


def by_payload(label, *peers, place='cross'):
    """The peers follow each other: one that carries small payloads, then one that carries large ones."""
    last = PAYLOADS.index(4096) + 1
    parts = (PAYLOADS,) if len(peers) == 1 else (PAYLOADS[:last], PAYLOADS[last:])
    return Line(label, tuple((size, Cell(peer, payload=size, place=place))
                             for peer, sizes in zip(peers, parts) for size in sizes))


def by_clients(peer):
    return Line(peer, tuple((n, Cell(peer, clients=n, place='free')) for n in CLIENTS), 'rate')


SWEEPS = (
    Sweep('payload', 'RPC by payload, client and server on two cores', 'bytes each way', 'microseconds', (
        by_payload('limit_slot', 'limit_slot'), by_payload('umach', 'umach', 'umach_pieces'),
        by_payload('iceoryx_poll', 'iceoryx_poll'), by_payload('limit_futex', 'limit_futex'),
        by_payload('unix_seqpacket', 'unix_seqpacket'), by_payload('pipe', 'pipe'),
        by_payload('umach_fiber', 'umach_fiber', place='same'))),
    Sweep('clients', 'RPC of 64 bytes, many clients and one server', 'client processes', '1000 RPCs a second',
          tuple(by_clients(peer) for peer in ('umach', 'unix_seqpacket', 'posix_mq', 'pipe', 'sysv_queue'))),
    Sweep('ports', 'RPC of 64 bytes on one core', 'ports in the space, or tasks', 'microseconds', (
        Line('ports', tuple((n, Cell('umach', place='same', ports=n)) for n in PORTS)),
        Line('tasks', tuple((n, Cell('umach', place='same', tasks=n)) for n in TASKS)))),
)


def chosen(name):
    """returns: the sweeps that a name means; all without one."""
    return [sweep for sweep in SWEEPS if not name or sweep.name == name]
