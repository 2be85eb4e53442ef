# SPDX-License-Identifier: BSL-1.0
"""Every exported call has a manual page with its contract, the tool's page names every command, and mandoc (where it is
installed) finds nothing wrong with any page."""
import os
import re
import shutil
import subprocess
import sys

import exports
import tree

SECTIONS = ('NAME', 'SYNOPSIS', 'DESCRIPTION', 'SOURCE', 'SEE ALSO')
COMMAND = re.compile(r'add_subcommand\(\s*"(\w+)"')


def declared(root):
    return set().union(*(exports.declared(tree.read(root, path)) for path in tree.files(root, '.h', ('include',))))


def missing_in(page, name):
    """Sections that a call's page lacks."""
    return [f'{name}.3: no section {title}' for title in SECTIONS if f'\n.Sh {title}\n' not in page]


def broken_pages(calls, folder):
    broken = []
    for name in sorted(calls):
        path = os.path.join(folder, f'{name}.3')
        if not os.path.exists(path):
            broken.append(f'{name}: exported, and has no page')
            continue
        with open(path, encoding='utf-8') as page:
            broken += missing_in(page.read(), name)
    made = {entry[:-2] for entry in os.listdir(folder) if entry.endswith('.3')}
    return broken + [f'{name}.3: a page of no call' for name in sorted(made - calls)]


def unnamed_commands(page, sources):
    commands = {name for text in sources for name in COMMAND.findall(text)}
    return [f'umach.1: says nothing of the command {name}' for name in sorted(commands)
            if not re.search(rf'^\.(It|Ss|Nm|Cm).*\b{name}\b', page, re.MULTILINE)]


def lint(paths):
    """mandoc's complaints, but for those of style (it looks for its neighbours among the installed pages)."""
    if shutil.which('mandoc') is None:
        return []
    run = subprocess.run(['mandoc', '-Tlint', '-W', 'warning', *paths], capture_output=True, text=True)
    return run.stdout.splitlines()


def main(root, folder):
    by_hand = [os.path.join(root, 'docs/man', name) for name in ('umach.1', 'umach.7')]
    made = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith('.3'))
    sources = [tree.read(root, path) for path in tree.files(root, ('.cpp', '.hpp'), ('tools',))]
    tree.report('pages', broken_pages(declared(root), folder) + unnamed_commands(tree.read(root, 'docs/man/umach.1'), sources) +
                lint(made + by_hand))


if __name__ == '__main__':
    main(*sys.argv[1:])
