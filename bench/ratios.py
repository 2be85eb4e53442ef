# SPDX-License-Identifier: BSL-1.0
"""The ratios that are to hold: ours against a peer or a limit that was measured in the same run."""
import statistics
from dataclasses import dataclass
from typing import Callable

from cells import Cell

MIB = 1 << 20


@dataclass(frozen=True)
class Side:
    """One figure of one cell."""
    cell: Cell
    key: str = 'p50_ns'

    def values(self, results):
        return results[self.cell].values(self.key)


@dataclass(frozen=True)
class Ratio:
    name: str
    group: str
    what: str
    bound: float | None             # None: it is shown, and nothing is wanted of it
    ours: Side | None
    peers: tuple = ()               # none: an absolute figure; several: the best of them, which has the most
    plus: tuple = ()                # sides whose medians are added to the best peer's
    at_least: bool = False
    valid: Callable = lambda results: None   # why the figure would say nothing, or None
    absent: str = ''                # why there is nothing to measure

    def sides(self):
        return ([self.ours] if self.ours else []) + [*self.peers, *self.plus]

    def cells(self):
        return [side.cell for side in self.sides()]

    def judged(self, results):
        """A row of the table: the figure (None: not measured), its span, the bound and whether it holds."""
        row = {'name': self.name, 'what': self.what, 'bound': self.bound, 'at_least': self.at_least,
               'figure': None, 'min': None, 'max': None, 'holds': None, 'why': self.absent}
        row['why'] = row['why'] or self.missing(results) or self.valid(results) or ''
        if row['why']:
            return row
        figure, spread = self.figure(results)
        return dict(row, figure=figure, min=min(spread), max=max(spread), holds=self.holds(figure))

    def holds(self, figure):
        if self.bound is None:
            return None
        return figure >= self.bound if self.at_least else figure <= self.bound

    def missing(self, results):
        lacking = [str(cell) for cell in self.cells() if cell not in results or not results[cell].samples]
        return f'not measured: {", ".join(lacking)}' if lacking else None

    def figure(self, results):
        """The ratio of the medians, and what it would be with each of our samples."""
        ours = self.ours.values(results)
        best = max((statistics.median(peer.values(results)) for peer in self.peers), default=1)
        best += sum(statistics.median(side.values(results)) for side in self.plus)
        return statistics.median(ours) / best, [value / best for value in ours]


def sleeps(cell):
    """A figure of blocking is one only where both sides have slept."""
    def valid(results):
        switches = statistics.median(results[cell].values('switches'))
        return None if switches > 1.8 else f'not measured: it spun ({switches:.1f} switches an RPC)'
    return valid


def rpc(peer, place='cross', **more):
    return Side(Cell(peer, 'rpc', place=place, **more))


def rate(peer, mode, **more):
    return Side(Cell(peer, mode, **more), 'rate')


def megabytes(peer):
    return rate(peer, 'stream', payload=MIB)


def over_a_link(kind, words, socket, bound):
    """Megabytes out of line: ours beside the transport alone, and beside a plain socket of that kind."""
    ours = megabytes(f'umach_moved_over_{kind}')
    yield Ratio(f'link_{kind}_1m_vs_bare', 'link', f'MiB a second over a link by {words} / the transport alone', bound,
                ours, (megabytes(f'transport_{kind}'),), at_least=True)
    if socket:
        yield Ratio(f'link_{kind}_1m_vs_socket', 'link', f'MiB a second over a link by {words} / the plain socket', None,
                    ours, (megabytes(socket),), at_least=True)


CYCLE = 'cycle_ns'
OURS_CROSS, OURS_SAME = rpc('umach'), rpc('umach', 'same')
OURS_FIBER = rpc('umach_fiber', 'same')
FAN_IN = Cell('umach', 'rpc', clients=64, place='free')
BLOCKING = rpc('umach_blocking')
IDLE = Cell('umach', 'idle')

RATIOS = (
    Ratio('rpc_one_core_vs_futex', 'rpc', 'RPC of 64 B on one core / futex limit', 0.95,
          OURS_SAME, (rpc('limit_futex', 'same'),)),
    Ratio('rpc_one_core_vs_pipe', 'rpc', 'RPC of 64 B on one core / pipe', 0.85,
          OURS_SAME, (rpc('pipe', 'same'),)),
    Ratio('rpc_blocking_vs_futex', 'rpc', 'RPC of 64 B on two cores, no spinning / futex limit', 1.25,
          BLOCKING, (rpc('limit_futex'),), valid=sleeps(BLOCKING.cell)),
    Ratio('rpc_two_cores_vs_slot', 'rpc', 'RPC of 64 B on two cores / polled slot', 2.9,
          OURS_CROSS, (rpc('limit_slot'),)),
    Ratio('rpc_two_cores_vs_iceoryx_poll', 'rpc', 'RPC of 64 B on two cores / iceoryx, polling', 0.38,
          OURS_CROSS, (rpc('iceoryx_poll'),)),
    Ratio('rpc_idle_cpu', 'rpc', 'share of a core that 8 clients and a server take while they wait', 0.01,
          Side(Cell('umach', 'wait', clients=9, place='free'), 'cpu_share')),
    Ratio('rpc_fiber_vs_switch', 'fiber', 'RPC of 64 B between fibers / two switches and copies', 7.0,
          OURS_FIBER, (rpc('fiber_switch', 'same'),)),
    Ratio('rpc_fiber_vs_boost_fiber', 'fiber', 'RPC of 64 B between fibers / Boost.Fiber channels', 0.5,
          OURS_FIBER, (rpc('boost_fiber', 'same'),)),
    Ratio('rpc_ool_1m_vs_iceoryx_loan', 'copy', 'RPC of 1 MiB out of line / iceoryx, loaned sample', 1.0,
          rpc('umach_moved', payload=MIB), (rpc('iceoryx_loan', payload=MIB),)),
    Ratio('stream_one_core_vs_pipe', 'stream', 'messages of 64 B one way on one core / pipe', 1.2,
          rate('umach', 'stream', place='same'), (rate('pipe', 'stream', place='same'),), at_least=True),
    Ratio('stream_two_cores_vs_best', 'stream', 'messages of 64 B one way on two cores / Unix SEQPACKET', 1.3,
          rate('umach', 'stream'), (rate('unix_seqpacket', 'stream'),), at_least=True),
    Ratio('fan_in_64_vs_best', 'fan_in', 'RPCs of 64 clients / the best of SEQPACKET and POSIX queue', 2.4,
          Side(FAN_IN, 'rate'), tuple(rate(peer, 'rpc', clients=64, place='free')
                                         for peer in ('unix_seqpacket', 'posix_mq')), at_least=True),
    Ratio('fan_in_64_fairness', 'fan_in', 'RPCs of the client that got least / mean of 64 clients', 0.5,
          Side(FAN_IN, 'least_share'), at_least=True),
    Ratio('link_unix_vs_bare', 'link', 'RPC of 64 B over a link by Unix socket / the socket and two RPCs', 1.6,
          rpc('umach_over_unix'), (rpc('unix_seqpacket'),), (BLOCKING, BLOCKING)),
    Ratio('link_tcp_vs_bare', 'link', 'RPC of 64 B over a link by TCP / TCP and two RPCs', 1.6,
          rpc('umach_over_tcp'), (rpc('tcp_loopback'),), (BLOCKING, BLOCKING)),
    *over_a_link('unix', 'Unix socket', 'unix_seqpacket', 0.8),
    *over_a_link('tcp', 'TCP', 'tcp_loopback', 0.8),
    *over_a_link('tls', 'TLS', None, None),
    Ratio('link_tls_vs_tcp', 'link', 'RPC of 64 B over a link by TLS / by TCP', None,
          rpc('umach_over_tls'), (rpc('umach_over_tcp'),)),
    Ratio('link_tls_1m_vs_tcp', 'link', 'MiB a second over a link by TLS / by TCP', None,
          megabytes('umach_moved_over_tls'), (megabytes('umach_moved_over_tcp'),), at_least=True),
    Ratio('right_in_message', 'rpc', 'RPC that carries a send right each way / without', 1.5,
          rpc('umach_right'), (OURS_CROSS,)),
    Ratio('copy_1m_vs_iceoryx', 'copy', 'RPC of 1 MiB, copied out of line / iceoryx, copying', 0.75,
          rpc('umach_copied', payload=MIB), (rpc('iceoryx_poll', payload=MIB),)),
    Ratio('copy_1m_vs_chunks', 'copy', 'RPC of 1 MiB of heap memory, copied once / limit of copying in chunks', 1.15,
          rpc('umach_taken', payload=MIB), (rpc('limit_chunks', payload=MIB),)),
    Ratio('move_1m_vs_64k', 'copy', 'RPC of 1 MiB that moves / of 64 KiB', 1.2,
          rpc('umach_moved', payload=MIB), (rpc('umach_moved', payload=MIB // 16),)),
    Ratio('move_64m_vs_64k', 'copy', 'RPC of 64 MiB that moves / of 64 KiB', 1.2,
          rpc('umach_moved', payload=64 * MIB), (rpc('umach_moved', payload=MIB // 16),)),
    Ratio('port_cycle_vs_sysv', 'ports', 'making and ending a port / a System V queue', 0.25,
          Side(IDLE, CYCLE), (Side(Cell('sysv_queue', 'idle'), CYCLE),)),
    Ratio('port_idle_bytes', 'ports', 'bytes of a port that nobody uses, with its rights', 256,
          Side(IDLE, 'user_bytes')),
    Ratio('ports_1m_vs_1k', 'ports', 'RPC on one core with 1,000,000 ports in the space / with 1,000', 1.3,
          rpc('umach', 'same', ports=1000000), (rpc('umach', 'same', ports=1000),)),
    Ratio('tasks_1k_vs_2', 'ports', 'RPC on one core with 1,000 tasks / with 2', 1.2,
          rpc('umach', 'same', tasks=997), (OURS_SAME,)),
)


def chosen(name):
    """returns: the ratios that a name or a group means; all without one; none when there is no such name."""
    return [ratio for ratio in RATIOS if not name or name in (ratio.name, ratio.group)]
