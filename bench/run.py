# SPDX-License-Identifier: BSL-1.0
"""Measures our ports beside their peers and the limits of the machine, and says which ratios hold."""
import argparse
import json
import os
import signal
import sys

sys.dont_write_bytecode = True

import charts   # noqa: E402
import ratios   # noqa: E402
import report   # noqa: E402
import sweeps   # noqa: E402
from cells import Machine, measure   # noqa: E402
from daemons import Daemons   # noqa: E402


def parsed():
    names = {ratio.group for ratio in ratios.RATIOS} | {sweep.name for sweep in sweeps.SWEEPS}
    names = sorted(names | {'peers', 'pieces'})
    parser = argparse.ArgumentParser(prog='umach bench', description=__doc__)
    parser.add_argument('build', help=argparse.SUPPRESS)
    parser.add_argument('name', nargs='?', help=f'a ratio, or a group: {", ".join(names)}')
    parser.add_argument('--quick', action='store_true', help='ratios alone, fewer samples: under two minutes')
    parser.add_argument('--json', metavar='FILE', help='write all figures there')
    parser.add_argument('--plot', metavar='DIR', help='draw charts there')
    return parser.parse_args()


class Plan:
    """What was asked for."""

    def __init__(self, options, peers):
        self.ratios = ratios.chosen(options.name)
        wide = not options.quick or options.plot or not self.ratios
        self.sweeps = sweeps.chosen(options.name) if wide else []
        self.table = report.PeerTable(peers.values()) if wide and options.name in (None, 'peers') else None
        self.pieces = wide and options.name in (None, 'pieces')
        if not (self.ratios or self.sweeps or self.table or self.pieces):
            sys.exit(f'umach bench: nothing is called {options.name}; --help names what there is')
        asked = [*self.ratios, *self.sweeps, *([self.table] if self.table else [])]
        cells = [cell for each in asked for cell in each.cells()]
        able = (cell for cell in cells if cell.peer in peers and
                cell.payload <= peers[cell.peer]['max_payload'])
        self.cells = list(dict.fromkeys(able))
        self.rounds, self.seconds, self.budget = (3, 0.06, 60) if options.quick else (5, 0.1, 300)


def draw(folder, drawn, results):
    os.makedirs(folder, exist_ok=True)
    for sweep in drawn:
        picture = charts.chart(sweep, results)
        if picture:
            with open(os.path.join(folder, sweep.name + '.svg'), 'w', encoding='utf-8') as file:
                file.write(picture)


def show(plan, results, quality, pieces, options):
    rows = [ratio.judged(results) for ratio in plan.ratios]
    if plan.table:
        plan.table.print(results)
    for sweep in plan.sweeps:
        report.print_sweep(sweep, results)
    if pieces:
        report.print_pieces(pieces)
    if rows:
        report.print_figures(plan.ratios, results)
        report.print_ratios(rows)
    report.print_quality(results, quality)
    if options.plot:
        draw(options.plot, plan.sweeps, results)
    if options.json:
        with open(options.json, 'w', encoding='utf-8') as file:
            json.dump(report.document(rows, results, quality, pieces), file, indent=1)
            file.write('\n')


def end_quietly(*_):
    sys.exit(130)


def main():
    options = parsed()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end_quietly)
    folder = os.path.join(options.build, 'bench')
    with open(os.path.join(folder, 'programs.json'), encoding='utf-8') as file:
        programs = json.load(file)
    with Daemons(['iox-roudi', 'nats-server']) as daemons, Machine(folder, daemons) as machine:
        machine.find_peers(programs['built'])
        plan = Plan(options, machine.peers)
        results, quality = measure(machine, plan.cells, plan.rounds, plan.seconds, plan.budget)
        pieces = machine.pieces(plan.rounds) if plan.pieces else {}
    quality['missing'] = programs['missing'] + daemons.missing
    show(plan, results, quality, pieces, options)


if __name__ == '__main__':
    main()
