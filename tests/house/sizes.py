# SPDX-License-Identifier: BSL-1.0
"""Function bodies of at most 60 lines, files of at most 400."""
import re
import sys

import tree

BODY_LINES = 60
FILE_LINES = 400

BRACE = re.compile(r'[{};]')
TYPE = re.compile(r'^(template\s*<.*>\s*)?(typedef\s+)?(class|struct|union|enum)\b', re.DOTALL)
FUNCTION_END = re.compile(r'\)\s*((const|noexcept(\(.*?\))?|override|final|mutable|&&?|->.*|UMACH_\w+\(.*\))\s*)*$', re.DOTALL)
SCOPE = re.compile(r'^(inline\s+)?namespace\b|^extern\s*$')


def opens_scope(header):
    """Whether a brace after this text holds declarations (a namespace, a type) and no statements."""
    return bool(SCOPE.match(header) or (TYPE.match(header) and not FUNCTION_END.search(header)))


def bodies(text):
    """(first line, lines) of every block that is no namespace and no type: function bodies and initialisers."""
    code = re.sub(r'^[ \t]*#(?:.*\\\n)*.*$', lambda m: '\n' * m.group().count('\n'), tree.bare(text), flags=re.MULTILINE)
    found, inside, start, header_from = [], 0, 0, 0
    for match in BRACE.finditer(code):
        mark, at = match.group(), match.start()
        if inside:
            inside += {'{': 1, '}': -1, ';': 0}[mark]
            if inside == 0:
                lines = code.count('\n', start, at) + 1
                found.append((code.count('\n', 0, start) + 1, lines))
        elif mark == '{':
            header = header_text(code[header_from:at])
            if not opens_scope(header):
                inside, start = 1, at
        header_from = at + 1
    return found


def header_text(text):
    return re.sub(r'^\s*(public|private|protected)\s*:', '', text.strip()).strip()


def is_table(text, line):
    """Whether the block that opens in this line is data: its line ends an initialiser's head."""
    return re.search(r'=\s*\{|\]\s*\{|\benum\b', text.split('\n')[line - 1]) is not None


def broken_in(path, text):
    lines = text.count('\n')
    broken = [f'{path}: {lines} lines'] if lines > FILE_LINES else []
    return broken + [f'{path}:{line}: a body of {length} lines' for line, length in bodies(text)
                     if length > BODY_LINES and not is_table(text, line)]


def main(root):
    tree.report('sizes', [line for path in tree.files(root) for line in broken_in(path, tree.read(root, path))])


if __name__ == '__main__':
    main(sys.argv[1])
