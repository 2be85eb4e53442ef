# SPDX-License-Identifier: BSL-1.0
"""What the documents say can be found: links lead somewhere, a noun's page is short, and the README's program is the
example's, and prints what the README says."""
import os
import re
import subprocess
import sys

import tree

LINK = re.compile(r'\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)')
BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
PATH = re.compile(r'`((?:\./)?(?:[a-z_0-9]+/)+[a-z_0-9]+\.(?:[ch]pp|[ch]|md|py))`')
# Words that stand for other things in other houses.
NOT_OURS = re.compile(r'\b(broker|arena|manager|utils)s?\b', re.IGNORECASE)
TOP = ('README.md', 'CONTRIBUTING.md', 'CHANGELOG.md')
# Pages of a noun, against those that tell a longer story.
LONGER = {'failure.md', 'glossary.md', 'life_of_a_message.md', 'how_to_change_it.md', 'performance.md'}
PAGE_LINES = 80
COLUMNS = 110


def documents(root):
    return [path for path in TOP if os.path.exists(os.path.join(root, path))] + tree.files(root, ('.md',), ('docs', 'examples'))


def broken_links(root, path, text):
    folder = os.path.dirname(path)
    for target in LINK.findall(text):
        if not target.startswith(('http:', 'https:')) and not os.path.exists(os.path.join(root, folder, target)):
            yield f'{path}: leads to {target}, which is not there'
    for target in PATH.findall(text):
        if not any(os.path.exists(os.path.join(root, place, target)) for place in ('', folder, 'include')):
            yield f'{path}: names {target}, which is not there'


def broken_text(path, text):
    lines = text.split('\n')
    for number, line in enumerate(lines, 1):
        if NOT_OURS.search(line):
            yield f'{path}:{number}: a word that is none of ours: {line.strip()}'
        if len(line) > COLUMNS and not line.startswith('|'):
            yield f'{path}:{number}: {len(line)} columns'
    noun = path.startswith('docs/') and path.count('/') == 1 and os.path.basename(path) not in LONGER
    if noun and len(lines) > PAGE_LINES + 1:
        yield f'{path}: a page of {len(lines) - 1} lines'


def blocks(text, language):
    return [body for kind, body in BLOCK.findall(text) if kind == language]


def broken_program(root, hello):
    readme = tree.read(root, 'README.md')
    program, output = blocks(readme, 'cpp'), blocks(readme, 'text')
    if not program or not output:
        return ['README.md: shows no program, or no output']
    broken = []
    if program[0].strip() not in tree.read(root, 'examples/hello/hello.cpp'):
        broken.append('README.md: its first program is not that of examples/hello')
    printed = subprocess.run([hello], capture_output=True, text=True, timeout=60, check=True).stdout
    if printed != output[0]:
        broken.append(f'README.md: hello prints {printed!r}, not {output[0]!r}')
    return broken


def main(root, hello):
    broken = []
    for path in documents(root):
        text = tree.read(root, path)
        broken += [*broken_links(root, path, text), *broken_text(path, text)]
    tree.report('documents', broken + broken_program(root, hello))


if __name__ == '__main__':
    main(*sys.argv[1:])
