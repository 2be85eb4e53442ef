# SPDX-License-Identifier: BSL-1.0
"""The shared library exports exactly the functions that the public C headers declare."""
import re
import subprocess
import sys

import tree

DECLARED = re.compile(r'\bUMACH_EXPORT\b(?!\s*__)[^;{(]*?\b(\w+)\s*\(')


def declared(text):
    code = re.sub(r'^[ \t]*#.*$', '', tree.bare(text), flags=re.MULTILINE)
    return set(DECLARED.findall(code))


def exported(library, nm):
    output = subprocess.run([nm, '-D', '--defined-only', library], capture_output=True, text=True, check=True).stdout
    # The version node itself is an absolute symbol; it is no function.
    rows = [line.split()[-2:] for line in output.splitlines()]
    return {name.split('@')[0] for kind, name in rows if kind != 'A'}


def main(root, library, nm):
    promised = set().union(*(declared(tree.read(root, path)) for path in tree.files(root, '.h', ('include',))))
    given = exported(library, nm)
    tree.report('exports', [f'declared and not exported: {name}' for name in sorted(promised - given)] +
                [f'exported and not declared: {name}' for name in sorted(given - promised)])


if __name__ == '__main__':
    main(*sys.argv[1:])
