# SPDX-License-Identifier: BSL-1.0
"""The tables for people, and the document for machines."""
import statistics
from dataclasses import asdict

from cells import Cell

KEYS = ('rate', 'p50_ns', 'p99_ns', 'max_ns', 'cpu_ns', 'cpu_share', 'switches', 'least_share', 'lost',
        'create_ns', 'destroy_ns', 'cycle_ns', 'user_bytes', 'kernel_bytes')


def short(value):
    """Three significant digits."""
    if value is None:
        return '-'
    return f'{value:,.0f}' if abs(value) >= 100 else f'{value:.3g}'


def span(values, scale=1.0):
    """'median [min-max]', scaled."""
    if not values:
        return '-'
    low, high = short(min(values) / scale), short(max(values) / scale)
    return short(statistics.median(values) / scale) + (f' [{low}-{high}]' if low != high else '')


def table(title, header, rows):
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    print(f'\n## {title}\n')
    for row in [header, ['-' * width for width in widths], *rows]:
        print('| ' + ' | '.join(str(value).ljust(width) for value, width in zip(row, widths)) + ' |')


def print_sweep(sweep, results):
    rows = {line.label: dict(line.points(results)) for line in sweep.lines}
    xs = sorted({x for points in rows.values() for x in points})
    table(f'{sweep.title}: {sweep.y}', [sweep.x, *(f'{x:,}' for x in xs)],
          [[label, *(short(points.get(x)) for x in xs)] for label, points in rows.items() if points])


class PeerTable:
    """Everything that was built, side by side: a row a peer, a column a cell."""

    def __init__(self, peers):
        order = {'polling': 0, 'adaptive': 1, 'blocking': 2}
        self.peers = sorted(peers, key=lambda p: (p['space'] != 'processes', order[p['wait']], p['name']))

    @staticmethod
    def columns(peer):
        """(heading, cell or None, what is shown of it)"""
        name, home = peer['name'], 'same' if peer['space'] == 'fibers' else 'cross'
        apart, streams = peer['space'] != 'fibers', peer['streams'] and peer['max_payload'] >= 64
        return [
            ('two cores us', Cell(name, place=home), lambda t: span(t.values('p50_ns'), 1e3)),
            ('p99', Cell(name, place=home), lambda t: span(t.values('p99_ns'), 1e3)),
            ('cpu', Cell(name, place=home), lambda t: span(t.values('cpu_ns'), 1e3)),
            ('one core us', Cell(name, place='same') if apart else None,
             lambda t: span(t.values('p50_ns'), 1e3)),
            ('stream 1000/s', Cell(name, 'stream', place=home) if streams else None,
             lambda t: span(t.values('rate'), 1e3)),
            ('64 clients 1000/s', Cell(name, clients=64, place='free') if peer['clients'] >= 64 else None,
             lambda t: span(t.values('rate'), 1e3)),
            ('make; end; both us', Cell(name, 'idle') if peer['idle'] else None,
             lambda t: '; '.join(span(t.values(key), 1e3) for key in ('create_ns', 'destroy_ns', 'cycle_ns'))
             ),
            ('bytes user, kernel', Cell(name, 'idle') if peer['idle'] else None,
             lambda t: f"{span(t.values('user_bytes'))}, {span(t.values('kernel_bytes'))}"),
        ]

    def cells(self):
        return [cell for peer in self.peers for _, cell, _ in self.columns(peer) if cell]

    def print(self, results):
        def shown(cell, show):
            return show(results[cell]) if cell in results and results[cell].samples else '-'
        table('RPC of 64 B (fibers: one OS thread), one-way streams of depth 8, fan-in, ports',
              ['peer', 'waits', *(heading for heading, _, _ in self.columns(self.peers[0]))],
              [[peer['name'], peer['wait'], *(shown(cell, show) for _, cell, show in self.columns(peer))]
               for peer in self.peers])


def verdict(row):
    return {True: 'holds', False: 'does not hold', None: row['why']}[row['holds']]


def wanted(row):
    if row['bound'] is None:
        return '-'
    return ('at least ' if row['at_least'] else 'at most ') + short(row['bound'])


def print_ratios(rows):
    table('Ratios', ['ratio', 'what', 'figure', 'bound', ''],
          [[row['name'], row['what'],
            '-' if row['figure'] is None else span([row['min'], row['figure'], row['max']]),
            wanted(row), verdict(row)]
           for row in rows])


def print_figures(ratios, results):
    """What the ratios are made of."""
    units = {'ns': ('us', 1e3), 'rate': ('a second', 1)}
    rows = []
    for side in dict.fromkeys(side for ratio in ratios for side in ratio.sides()):
        unit, scale = units.get(side.key.rsplit('_', 1)[-1], (side.key, 1))
        values = side.values(results) if side.cell in results else []
        rows.append([side.cell, span(values, scale), unit])
    table('Figures', ['cell', 'figure', ''], rows)


def print_pieces(pieces):
    table('What the pieces cost', ['piece', 'ns'], [[name, span(values)] for name, values in pieces.items()])


def print_quality(results, quality):
    print(f'\n{quality["samples"]} samples in {quality["seconds"]:.0f} s; {quality["retaken"]} taken again, '
          f'{quality["noisy"]} disturbed by other programs. Each figure: median [min-max] of the samples.')
    if quality['noisy'] > quality['samples'] / 2:
        print('Most of them were disturbed: run it again when the machine is quiet.')
    failed = [f'{cell} ({taken.failures})' for cell, taken in results.items() if taken.failures]
    if quality['missing']:
        print('Not installed or not running, and left out: ' + ', '.join(quality['missing']))
    if failed:
        print('Samples that failed: ' + '; '.join(failed))


def document(rows, results, quality, pieces):
    cells = []
    for cell, taken in results.items():
        line = dict(asdict(cell), samples=len(taken.samples), clean=len(taken.samples) - taken.noisy())
        for key in KEYS:
            values = taken.values(key)
            if values:
                line[key] = {'median': statistics.median(values), 'min': min(values), 'max': max(values)}
        cells.append(line)
    return {'ratios': {row['name']: row['figure'] for row in rows}, 'table': rows, 'quality': quality,
            'cells': cells, 'pieces': {name: statistics.median(values) for name, values in pieces.items()}}
