# SPDX-License-Identifier: BSL-1.0
"""Every public header compiles alone: those of C as C11 and as C++20, those of C++ as C++20, without a warning."""
import argparse
import os
import subprocess

import tree

WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion', '-Werror', '-fsyntax-only']


def complaint(compiler, standard, language, include, header):
    """What the compiler says of a file that includes the header alone, twice; empty when it is content."""
    # The declaration keeps a header that only defines macros from being an empty unit, which ISO C forbids.
    text = f'#include <{header}>\n#include <{header}>\nextern int stands_alone;\n'
    command = compiler + [standard] + WARNINGS + ['-I', include, '-x', language, '-']
    run = subprocess.run(command, input=text, capture_output=True, text=True)
    return f'{header} ({standard}):\n{run.stderr}' if run.returncode else ''


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('root')
    parser.add_argument('--c', nargs='+', required=True)
    parser.add_argument('--cpp', nargs='+', required=True)
    arguments = parser.parse_args()
    include = os.path.join(arguments.root, 'include')
    broken = []
    for path in tree.files(arguments.root, folders=('include',)):
        header = os.path.relpath(path, 'include')
        if header.endswith('.h'):
            broken.append(complaint(arguments.c, '-std=c11', 'c', include, header))
        broken.append(complaint(arguments.cpp, '-std=c++20', 'c++', include, header))
    tree.report('headers', [text for text in broken if text])


if __name__ == '__main__':
    main()
