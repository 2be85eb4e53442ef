# SPDX-License-Identifier: BSL-1.0
"""Every source says its licence, and none says that it is unfinished."""
import os
import re
import sys

import tree

LICENCE = 'SPDX-License-Identifier: BSL-1.0'
# Written apart, so that this file does not break its own rule.
UNFINISHED = re.compile('|'.join((r'\bTO' r'DO\b', r'\bFIX' r'ME\b', r'\bXX' r'X\b', r'\bHA' r'CK\b', r'\bfor no' r'w\b',
                                  r'not imple' r'mented')), re.IGNORECASE)
# What only a test may not do: wait for time to pass instead of for the thing itself.
SLEEP = re.compile(r'sleep_for|sleep_until|\busleep\s*\(|\bnanosleep\s*\(|(?<![\w.])sleep\s*\(')
CANNOT_FAIL = re.compile(r'EXPECT_TRUE\(true\)|\bSUCCEED\(\)|\bDISABLED_')
TOP_FILES = ('meson.build', 'umach', '.ci/run')
MACH_OWN = re.compile(r'MACH_IPC_\w+')


def broken_in(path, text):
    broken = []
    if LICENCE not in '\n'.join(text.split('\n')[:3]):
        broken.append(f'{path}: the first lines do not say {LICENCE}')
    for number, line in enumerate(text.split('\n'), 1):
        if UNFINISHED.search(MACH_OWN.sub('', line)):
            broken.append(f'{path}:{number}: says that it is unfinished: {line.strip()}')
    if path.startswith('tests/') and path.endswith(tree.SOURCE):
        code = tree.bare(text)
        for rule, what in ((SLEEP, 'a test that sleeps'), (CANNOT_FAIL, 'a test that cannot fail')):
            broken += [f'{path}:{code.count(chr(10), 0, m.start()) + 1}: {what}' for m in rule.finditer(code)]
    return broken


def main(root):
    paths = tree.files(root, tree.SOURCE + tree.SCRIPT) + [p for p in TOP_FILES if os.path.exists(os.path.join(root, p))]
    tree.report('words', [line for path in paths for line in broken_in(path, tree.read(root, path))])


if __name__ == '__main__':
    main(sys.argv[1])
