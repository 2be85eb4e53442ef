# SPDX-License-Identifier: BSL-1.0
"""Runs the tests of a build folder, shows what failed in full, and ends with the plain line that counts cases.

A gtest case counts one, a script counts one. A program that dies in a case has failed that case; one that fails with
every case passed (a leak found at its end, say) counts as one failure more.
"""
import argparse
import collections
import json
import os
import re
import signal
import subprocess
import sys

MARK = re.compile(r'^\[ *(RUN|OK|FAILED|SKIPPED) *\] ([\w/.]+)(?:,| \(|$)')


def cases(output):
    """What became of each gtest case: its name to 'OK', 'FAILED', 'SKIPPED', or 'RUN' if it never ended."""
    found = {}
    for line in output.splitlines():
        mark = MARK.match(line)
        if mark and '.' in mark.group(2):
            found[mark.group(2)] = mark.group(1)
    return found


def count(entry):
    """(passed, failed, skipped) of one program."""
    became = collections.Counter(cases(entry.get('stdout') or '').values())
    failed = became['FAILED'] + became['RUN']
    good = entry['result'] in ('OK', 'SKIP', 'EXPECTEDFAIL')
    if not became:
        return (int(entry['result'] == 'OK'), int(not good), int(entry['result'] == 'SKIP'))
    return (became['OK'], failed if good or failed else 1, became['SKIPPED'])


def failed_text(output):
    """The output without the cases that passed."""
    kept, case = [], None
    for line in output.splitlines():
        mark = MARK.match(line)
        if mark and mark.group(1) == 'RUN':
            kept, case = kept + (case or []), [line]
        elif case is not None:
            case.append(line)
            if mark and mark.group(1) != 'RUN':
                kept, case = kept + (case if mark.group(1) == 'FAILED' else []), None
        elif not mark:
            kept.append(line)
    return '\n'.join(kept + (case or []))


def show(entry):
    print(f'\n--- {entry["name"]}: {entry["result"]}, exit {entry.get("returncode")}')
    print(failed_text(entry.get('stdout') or ''))
    if entry.get('stderr'):
        print('--- its standard error')
        print(entry['stderr'])


def selection(build, name):
    """What to tell meson so that it runs what is called name: a suite, a test, or gtest cases."""
    listed = json.loads(subprocess.run(['meson', 'introspect', '--tests', build], capture_output=True, text=True,
                                       check=True).stdout)
    suites = {suite.split(':')[-1] for test in listed for suite in test['suite']}
    if name in suites:
        return ['--suite', name]
    if name in {test['name'] for test in listed}:
        return [name]
    patterns = {test['name']: matching_cases(test['cmd'][0], name) for test in listed}
    holders = [test for test, found in patterns.items() if found]
    if not holders:
        sys.exit(f'No suite, test or case is called {name}. Suites: {", ".join(sorted(suites))}.')
    return holders + ['--test-args=--gtest_filter=' + ':'.join(found for found in patterns.values() if found)]


def matching_cases(program, name):
    """A gtest filter for the program's cases that are called name, '' for none. A name without wildcards is looked for
    anywhere in theirs, whatever its capitals and underscores, so that a file's name finds its cases."""
    if not os.path.basename(program).endswith('_tests'):
        return ''
    wild = re.search(r'[*?:]', name)
    listing = subprocess.run([program, '--gtest_list_tests', f'--gtest_filter={name if wild else "*"}'],
                             capture_output=True, text=True).stdout
    found, group = [], ''
    for line in listing.splitlines():
        if line.startswith('  '):
            found.append(group + line.split('#')[0].strip())
        else:
            group = line.split('#')[0].strip()
    plain = name.lower().replace('_', '').removesuffix('test')
    return ':'.join(case for case in found if wild or plain in case.lower().replace('_', ''))


def run(build, chosen, multiplier, limit):
    """Runs the tests, at most limit seconds; what still runs then, or when this is told to end, is ended and has failed."""
    command = ['meson', 'test', '-C', build, '--no-rebuild', '--timeout-multiplier', str(multiplier)] + chosen
    tests = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: tests.send_signal(signal.SIGTERM))
    try:
        tests.wait(limit)
    except subprocess.TimeoutExpired:
        print(f'The tests are not done after {limit} seconds and are ended.')
        tests.send_signal(signal.SIGTERM)
        tests.wait()
    return tests.returncode


def entries(build):
    log = os.path.join(build, 'meson-logs', 'testlog.json')
    if not os.path.exists(log):
        return []
    with open(log, encoding='utf-8') as lines:
        return [json.loads(line) for line in lines]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build')
    parser.add_argument('name', nargs='?', help='a suite, a test, or (part of) the name of gtest cases')
    parser.add_argument('--timeout-multiplier', type=float, default=1)
    parser.add_argument('--limit', type=float, help='seconds')
    parser.add_argument('--full', action='store_true', help='every case in full, however long it takes')
    arguments = parser.parse_args()
    if arguments.full:
        os.environ['UMACH_FULL'] = '1'
        arguments.timeout_multiplier = 0
    chosen = selection(arguments.build, arguments.name) if arguments.name else []
    log = os.path.join(arguments.build, 'meson-logs', 'testlog.json')
    if os.path.exists(log):
        os.remove(log)
    code = run(arguments.build, chosen, arguments.timeout_multiplier, arguments.limit)
    ran = entries(arguments.build)
    passed, failed, skipped = (sum(column) for column in zip((0, 0, 0), *(count(entry) for entry in ran)))
    for entry in ran:
        if count(entry)[1]:
            show(entry)
    if code and not failed:
        print(f'meson test ended with code {code}.')
        failed = 1
    print(f'\n{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
