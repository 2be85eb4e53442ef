# SPDX-License-Identifier: BSL-1.0
"""The project's own source files, and their text without comments and literals."""
import os
import re
import sys

SOURCE = ('.cpp', '.hpp', '.h', '.c')
SCRIPT = ('.py', '.sh', '.build')
FOLDERS = ('include', 'runtime', 'ports', 'tasks', 'servers', 'lpc', 'tools', 'examples', 'labs', 'bench', 'tests')

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/'
    r'|R"(?P<mark>[^(\s]{0,16})\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)


def files(root, endings=SOURCE, folders=FOLDERS):
    """Paths relative to root, in order."""
    found = []
    for folder in folders:
        for where, below, names in os.walk(os.path.join(root, folder)):
            below[:] = sorted(name for name in below if name != '__pycache__')
            found += [os.path.relpath(os.path.join(where, name), root) for name in names if name.endswith(endings)]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding='utf-8') as file:
        return file.read()


def bare(text, keep_strings=False):
    """The code alone: comments and literals blanked, every line where it was."""
    def blank(match):
        token = match.group()
        if keep_strings and not token.startswith('/'):
            return token
        return ' ' + '\n' * token.count('\n')
    return TOKEN.sub(blank, text)


def report(rule, broken):
    """Ends the script: 0 when nothing is broken."""
    for line in broken:
        print(line)
    print(f'{rule}: {len(broken)} broken' if broken else f'{rule}: kept')
    sys.exit(1 if broken else 0)
