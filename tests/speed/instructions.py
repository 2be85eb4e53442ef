# SPDX-License-Identifier: BSL-1.0
"""Counts the instructions of the hot paths and fails when one has grown by more than 3 % over its record.

  instructions.py HOT_PATHS FIGURES             compares
  instructions.py HOT_PATHS FIGURES --record    writes what it counted into FIGURES

Unlike time, instructions are the same on a busy machine. They depend on the compiler and its options: the
figures are those of g++ 12 on x86-64 in a release build, and nothing else is compared with them.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

GROWTH = 0.03
SKIPPED = 77
# What is counted: a path of hot_paths, and the call whose instructions count (None: all of them).
PATHS = {
    'send': ('messages', 'msg_send'),
    'receive': ('messages', 'msg_receive'),
    'send a right': ('right', 'msg_send'),
    'receive a right': ('right', 'msg_receive'),
    'rpc between fibers': ('fibers', None),
    'port_allocate and port_deallocate': ('ports', None),
}
FEW, MANY = 200, 1200
COLLECTED = re.compile(r'Collected : (\d+)')


def collected(program, path, call, count):
    """The instructions of one run."""
    with tempfile.TemporaryDirectory() as folder:
        command = ['valgrind', '--tool=callgrind', f'--callgrind-out-file={folder}/out']
        command += [f'--toggle-collect={call}'] if call else []
        command += [program, path, str(count)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = COLLECTED.search(run.stderr)
    if run.returncode != 0 or not found:
        sys.exit(f'{path} did not run:\n{run.stderr}')
    return int(found.group(1))


def instructions(program, path, call):
    """Those of one more turn, whatever the start of the program does."""
    return round((collected(program, path, call, MANY) - collected(program, path, call, FEW)) / (MANY - FEW))


def recorded(figures):
    with open(figures, encoding='utf-8') as file:
        lines = [line.rsplit(None, 1) for line in file if line.strip() and not line.startswith('#')]
    return {name: int(number) for name, number in lines}


def record(figures, counted):
    with open(figures, encoding='utf-8') as file:
        head = [line for line in file if line.startswith('#')]
    with open(figures, 'w', encoding='utf-8') as file:
        file.writelines(head + [f'{name:34} {number}\n' for name, number in counted.items()])


def verdict(name, now, before):
    if before is None:
        return f'{name}: {now}, no figure is recorded', True
    change = now / before - 1
    text = f'{name}: {now} instructions, {before} recorded, {change:+.1%}'
    if change > GROWTH:
        return text + ' GROWN', True
    return text + (': less, worth recording' if change < -GROWTH else ''), False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('figures')
    parser.add_argument('--record', action='store_true')
    options = parser.parse_args()
    unlike = os.environ.get('UNLIKE_RECORDED')
    if unlike:
        print(f'skipped: the figures are of g++ 12 in a release build on x86-64, this is {unlike}')
        sys.exit(SKIPPED)
    if not shutil.which('valgrind'):
        print('skipped: valgrind is not installed')
        sys.exit(SKIPPED)
    counted = {name: instructions(options.program, *what) for name, what in PATHS.items()}
    if options.record:
        record(options.figures, counted)
        return
    before = recorded(options.figures)
    lines = [verdict(name, now, before.get(name)) for name, now in counted.items()]
    print('\n'.join(text for text, _ in lines))
    sys.exit(1 if any(grown for _, grown in lines) else 0)


if __name__ == '__main__':
    main()
