# SPDX-License-Identifier: BSL-1.0
"""Measures our ports beside their peers and the limits of the machine, and says which ratios hold."""
import argparse
import json
import os
import signal
import sys

sys.dont_write_bytecode = True

import ratios   # noqa: E402
import report   # noqa: E402
from cells import Machine, measure   # noqa: E402
from daemons import Daemons   # noqa: E402


def parsed():
    groups = sorted({ratio.group for ratio in ratios.RATIOS})
    parser = argparse.ArgumentParser(prog='umach bench', description=__doc__)
    parser.add_argument('build', help=argparse.SUPPRESS)
    parser.add_argument('name', nargs='?', help=f'a ratio, or a group of them: {", ".join(groups)}')
    parser.add_argument('--quick', action='store_true', help='fewer samples: under two minutes')
    parser.add_argument('--json', metavar='FILE', help='write all figures there')
    return parser.parse_args()


def programs(folder):
    with open(os.path.join(folder, 'programs.json'), encoding='utf-8') as file:
        return json.load(file)


def end_quietly(*_):
    sys.exit(130)


def main():
    options = parsed()
    wanted = ratios.chosen(options.name)
    if not wanted:
        sys.exit(f'umach bench: no ratio and no group is called {options.name}')
    signal.signal(signal.SIGTERM, end_quietly)
    signal.signal(signal.SIGINT, end_quietly)
    folder = os.path.join(options.build, 'bench')
    found = programs(folder)
    daemons = Daemons(['iox-roudi', 'nats-server'])
    machine = Machine(folder, daemons)
    try:
        machine.find_peers(found['built'])
        cells = list(dict.fromkeys(c for ratio in wanted for c in ratio.cells() if c.peer in machine.peers))
        rounds, seconds, budget = (3, 0.06, 60) if options.quick else (7, 0.1, 240)
        results, quality = measure(machine, cells, rounds, seconds, budget)
    finally:
        machine.stop()
        daemons.stop()
    rows = [ratio.judged(results) for ratio in wanted]
    report.print_ratios(rows)
    report.print_quality(results, quality, found['missing'] + daemons.missing)
    if options.json:
        with open(options.json, 'w', encoding='utf-8') as file:
            json.dump(report.document(rows, results, quality), file, indent=1)
            file.write('\n')


if __name__ == '__main__':
    main()
