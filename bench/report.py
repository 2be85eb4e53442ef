# SPDX-License-Identifier: BSL-1.0
"""The tables for people, and the document for machines."""
import statistics
from dataclasses import asdict

KEYS = ('rate', 'p50_ns', 'p99_ns', 'max_ns', 'cpu_ns', 'cpu_share', 'switches', 'least_share', 'lost', 'create_ns',
        'destroy_ns', 'user_bytes', 'kernel_bytes')


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


def verdict(row):
    return {True: 'holds', False: 'does not hold', None: row['why']}[row['holds']]


def print_ratios(rows):
    table('Ratios', ['ratio', 'what', 'figure', 'bound', ''],
          [[row['name'], row['what'],
            '-' if row['figure'] is None else span([row['min'], row['figure'], row['max']]),
            ('at least ' if row['at_least'] else 'at most ') + short(row['bound']), verdict(row)] for row in rows])


def print_quality(results, quality, missing):
    print(f'\n{quality["samples"]} samples in {quality["seconds"]:.0f} s; {quality["retaken"]} taken again, '
          f'{quality["noisy"]} disturbed by other programs. Each figure: median [min-max] of the samples.')
    failed = [f'{cell} ({taken.failures})' for cell, taken in results.items() if taken.failures]
    if missing:
        print('Not installed or not running, and left out: ' + ', '.join(missing))
    if failed:
        print('Samples that failed: ' + '; '.join(failed))


def document(rows, results, quality):
    cells = []
    for cell, taken in results.items():
        line = dict(asdict(cell), samples=len(taken.samples), clean=len(taken.samples) - taken.noisy())
        for key in KEYS:
            values = taken.values(key)
            if values:
                line[key] = {'median': statistics.median(values), 'min': min(values), 'max': max(values)}
        cells.append(line)
    return {'ratios': {row['name']: row['figure'] for row in rows}, 'table': rows, 'quality': quality, 'cells': cells}
