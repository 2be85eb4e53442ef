# SPDX-License-Identifier: BSL-1.0
"""Lines of code, floor by floor, as the README states them: without blank lines and without comments.

  lines.py ROOT            checks that the README is right to a tenth, floor by floor
  lines.py ROOT --write    writes today's numbers into the README
"""
import os
import re
import sys

import tree

README = 'README.md'
# What the README calls a floor, and the folders and endings that it counts.
FLOORS = (
    ('include: C', ('include',), ('.h',)),
    ('include: C++', ('include',), ('.hpp',)),
    ('runtime', ('runtime',), tree.SOURCE),
    ('ports', ('ports',), tree.SOURCE),
    ('tasks', ('tasks',), tree.SOURCE),
    ('servers', ('servers',), tree.SOURCE),
    ('tools', ('tools',), tree.SOURCE),
    ('examples', ('examples',), tree.SOURCE),
    ('tests', ('tests',), tree.SOURCE + ('.py',)),
)
ROW = re.compile(r'^\| `?([^|`]+)`? \|(.*)\| *([\d,]+) \|$', re.MULTILINE)


def code_lines(path, text):
    if path.endswith('.py'):
        text = re.sub(r'^\s*#.*$', '', text, flags=re.MULTILINE)
    else:
        text = tree.bare(text, keep_strings=True)
    return sum(1 for line in text.split('\n') if line.strip())


def counted(root):
    return {floor: sum(code_lines(path, tree.read(root, path)) for path in tree.files(root, endings, folders))
            for floor, folders, endings in FLOORS}


def stated(readme):
    floors = {floor for floor, _, _ in FLOORS}
    return {name.strip(): int(number.replace(',', '')) for name, _, number in ROW.findall(readme) if name.strip() in floors}


def broken_in(readme, lines):
    said = stated(readme)
    broken = [f'{README}: says nothing of {floor}' for floor in lines if floor not in said]
    return broken + [f'{README}: {floor} has {lines[floor]} lines of code, not {number}' for floor, number in said.items()
                     if abs(number - lines[floor]) > max(lines[floor] / 10, 5)]


def rewritten(readme, lines):
    def row(match):
        floor = match.group(1).strip()
        return match.group() if floor not in lines else match.group()[:match.start(3) - match.start()] + f'{lines[floor]:,} |'
    return ROW.sub(row, readme)


def main(root, write=False):
    readme, lines = tree.read(root, README), counted(root)
    if not write:
        tree.report('lines', broken_in(readme, lines))
    with open(os.path.join(root, README), 'w', encoding='utf-8') as file:
        file.write(rewritten(readme, lines))


if __name__ == '__main__':
    main(sys.argv[1], '--write' in sys.argv[2:])
