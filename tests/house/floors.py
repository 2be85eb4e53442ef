# SPDX-License-Identifier: BSL-1.0
"""A file includes its own floor and those below; libraries and system services stay where they are lent."""
import re
import sys

import tree

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
IDENTIFIER = re.compile(r'[A-Za-z_][A-Za-z_0-9]*')
WORD = re.compile(r'[A-Z]?[a-z]+|[A-Z]+(?![a-z])')

PUBLIC = re.compile(r'(mach|mach_init|mach_error|umach|umach_export)\.h$|mach/|servers/netname|umach/')
PRIVATE_FLOORS = ('runtime/', 'ports/', 'tasks/')
KERNEL_WORDS = {'port', 'ports', 'right', 'rights', 'task', 'tasks'}
SYSTEM_NAMES = {'sin_port', 'sin6_port'}

# Which quoted includes a folder may use; a tenant uses its own folder and the public headers.
BELOW = {
    'runtime': ('runtime/',),
    'ports': ('runtime/', 'ports/'),
    'tasks': ('runtime/', 'ports/', 'tasks/'),
}
TENANTS = ('servers', 'lpc', 'tools', 'examples', 'labs', 'bench')
# Tenants that use the transports too.
LINKERS = ('servers/netmsg', 'examples/exchanges')
# What only one place may include; the benchmark compares itself with what users of these libraries have.
LENT = (
    (re.compile(r'openssl/'), ('runtime/transport/',)),
    (re.compile(r'boost/interprocess/'), ('runtime/segment/', 'bench/')),
    (re.compile(r'boost/context/'), ('tasks/', 'bench/')),
    (re.compile(r'boost/'), ('runtime/segment/', 'tasks/', 'bench/', 'labs/')),
)
SOCKETS = re.compile(r'(sys/socket|sys/un|netdb|arpa/inet)\.h$|netinet/')
FUTEX_CALL = re.compile(r'\b(SYS|__NR)_futex\w*')
THREADS = re.compile(r'std::j?thread\b|\bpthread_create\b|\bclone3?\s*\(')


def included(text):
    """(line, quoted, name) of every include."""
    code = tree.bare(text, keep_strings=True)
    return [(code.count('\n', 0, m.start(1)) + 1, m.group(1) == '"', m.group(2)) for m in INCLUDE.finditer(code)]


def may_include(path, quoted, name):
    """The rule that an include breaks, or None."""
    folder = path.split('/')[0]
    for what, places in LENT:
        if what.match(name):
            return None if path.startswith(places) or folder == 'tests' else f'{name} is lent to {", ".join(places)}'
    if folder == 'include':
        return include_rule(path, quoted, name)
    if folder in BELOW:
        if quoted and not name.startswith(BELOW[folder]) and not PUBLIC.match(name):
            return f'{folder}/ may not include {name}'
        if SOCKETS.search(name) and folder == 'ports':
            return 'ports/ may not use sockets'
    private = name.startswith(PRIVATE_FLOORS)
    if folder in TENANTS and private and not (path.startswith(LINKERS) and name.startswith('runtime/transport')):
        return f'a tenant may not include {name}'
    return None


def include_rule(path, quoted, name):
    if quoted:
        return 'a public header includes with <>'
    if PUBLIC.match(name):
        return None if not name.startswith('umach/') or path.startswith('include/umach/') else 'C may not include C++'
    if path.endswith('.hpp'):
        return None if name.startswith('sys/') or '/' not in name else f'a public header may not include {name}'
    return None if name.endswith('.h') else 'a C header may not include C++'


def kernel_words(text):
    """(line, identifier) of identifiers that speak of ports, rights or tasks."""
    code = re.sub(r'^[ \t]*#.*$', '', tree.bare(text), flags=re.MULTILINE)
    return [(code.count('\n', 0, m.start()) + 1, m.group()) for m in IDENTIFIER.finditer(code)
            if m.group() not in SYSTEM_NAMES and KERNEL_WORDS & {w.lower() for w in WORD.findall(m.group())}]


def broken_in(path, text):
    lines = []
    for line, quoted, name in included(text):
        rule = may_include(path, quoted, name)
        if rule:
            lines.append(f'{path}:{line}: {rule}')
    if path.startswith('runtime/'):
        lines += [f'{path}:{line}: runtime/ knows no {name}' for line, name in kernel_words(text)]
    if path.startswith('ports/') and THREADS.search(tree.bare(text)):
        lines.append(f'{path}: ports/ may not create threads')
    if path.split('/')[0] not in ('tests', 'bench') and not path.startswith('runtime/wait.') and FUTEX_CALL.search(tree.bare(text)):
        lines.append(f'{path}: the futex call is lent to runtime/wait')
    return lines


def main(root):
    tree.report('floors', [line for path in tree.files(root) for line in broken_in(path, tree.read(root, path))])


if __name__ == '__main__':
    main(sys.argv[1])
