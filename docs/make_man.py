# SPDX-License-Identifier: BSL-1.0
"""Makes the pages of section 3 from the contracts in the public C headers: one page a call.

A contract is the comment above a declaration: a line "name: what it does.", then labels (takes, waits, returns, limits,
source), each left out when there is nothing to say. Whoever declares a call without a contract is told so here.

  make_man.py --list HEADER...                                        the pages' names
  make_man.py --to FOLDER --changelog CHANGELOG.md --calls CALLS.json HEADER...          the pages

CALLS.json is the table of calls (print_calls.cpp): a call that can also be sent to a kernel port says how on its page.
"""
import argparse
import json
import os
import re
import sys

CALL = re.compile(r'/\*\n \* (\w+): (.*?)\n \*/\nUMACH_EXPORT ([^;]*);', re.DOTALL)
DECLARED = re.compile(r'^UMACH_EXPORT [^;]*?(\w+)\(', re.MULTILINE)
DECLARATION = re.compile(r'(.*?)(\w+)\((.*)\)', re.DOTALL)
COMMA = re.compile(r',(?![^(]*\))')   # between arguments, not within those of a function that is one
LABEL = re.compile(r'^(takes|waits|returns|limits|source): ', re.MULTILINE)
CODE = re.compile(r'(?:[A-Z][A-Z0-9]*_[A-Z0-9_]+|TRUE|FALSE)\b')
RELEASE = re.compile(r'^## ([\d.]+) \((\d+)-(\d+)-(\d+)\)', re.MULTILINE)
SECTIONS = (('takes', 'TAKES'), ('waits', 'WAITS'), ('returns', 'RETURN VALUES'), ('limits', 'LIMITS'), ('source', 'SOURCE'))
MONTHS = ('January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November',
          'December')


class Call:
    def __init__(self, header, match):
        self.header, self.name, text = header, match.group(1), match.group(2)
        parts = LABEL.split(re.sub(r'^ \* ?', '', text, flags=re.MULTILINE))
        self.purpose = ' '.join(parts[0].split()).rstrip('.')
        self.labels = {label: ' '.join(said.split()) for label, said in zip(parts[1::2], parts[2::2])}
        result, declared, arguments = DECLARATION.match(' '.join(match.group(3).split())).groups()
        if declared != self.name:
            sys.exit(f'{header}: the contract of {self.name} stands above {declared}')
        self.result = star(result)
        self.arguments = [] if arguments in ('', 'void') else [star(one) for one in COMMA.split(arguments)]
        self.argument_names = {re.search(r'(\w+)(\[\]|\)\(.*)?$', one).group(1) for one in self.arguments}


def star(text):
    """A type or an argument, with the star where a manual has it."""
    return re.sub(r'(?<!\()(\*+) *', r' \1', text.strip()).strip()


def opening(text):
    """What a header says of all its calls."""
    lines = []
    for line in text.split('\n'):
        if line.startswith('// SPDX'):
            continue
        if not line.startswith('//'):
            break
        lines.append(line[2:].strip())
    text = '\n'.join(lines).replace('\nsource: ', '\n\nSource: ')
    return [' '.join(part.split()) for part in text.split('\n\n')]


def read(headers):
    calls, openings = [], {}
    for path in headers:
        with open(path, encoding='utf-8') as file:
            text = file.read()
        found = [Call(path, match) for match in CALL.finditer(text)]
        without = set(DECLARED.findall(text)) - {call.name for call in found}
        if without:
            sys.exit(f'{path}: without a contract: {", ".join(sorted(without))}')
        calls += found
        openings[path] = opening(text)
    return sorted(calls, key=lambda call: call.name), openings


def plain(text):
    text = text.replace('\\', '\\e').replace('"', '\\(dq')
    return '\\&' + text if text[:1] in ".'" else text


def sentence(text):
    first = re.match(r'[\w*]+(\(\))?', text).group()
    written = text if '_' in first or '(' in first else text[0].upper() + text[1:]
    return written + ('' if text.endswith('.') else '.')


class Writer:
    """Running text as lines of mdoc: a macro or a new sentence begins a line."""

    def __init__(self, call, known):
        self.call, self.known, self.lines, self.words = call, known, [], []

    def flush(self):
        if self.words:
            self.lines.append(plain(' '.join(self.words)))
        self.words = []

    def macro(self, core, before, behind):
        if core.endswith('()') and core[:-2] in self.known:
            name = core[:-2]
            said = f'Fn {name}' if name == self.call.name else f'Xr {name} 3'
        elif CODE.fullmatch(core):
            said = f'Dv {core}'
        elif core.lstrip('*') in self.call.argument_names and ('_' in core or '*' in core):   # others are English words
            said = f'Fa {core}'
        else:
            return False
        self.flush()
        macro, rest = said.split(' ', 1)
        self.lines.append(' '.join(['.' + macro, *before, rest, *behind]))
        return True

    def text(self, text):
        for word in text.split():
            before, core, behind = re.fullmatch(r'(\(*)(.*?)((?:(?<!\()\)|[.,;:])*)', word).groups()
            if core.endswith('(') and behind.startswith(')'):
                core, behind = core + ')', behind[1:]
            if not self.macro(core, before, behind):
                self.words.append(word)
            if word.endswith(('.', ':')):
                self.flush()
        self.flush()
        return self.lines


def codes(text):
    """'CODE what; CODE, CODE what' as pairs; text before the first code has none."""
    pairs = []
    for part in text.split('; '):
        code = re.match(f'{CODE.pattern}(, {CODE.pattern})*', part)
        if code:
            pairs.append([code.group(), part[code.end():].lstrip()])
        elif pairs:
            pairs[-1][1] += '; ' + part
        else:
            pairs.append(['', part])
    return pairs


def returned(call, known):
    lines, listed = [], False
    for code, what in codes(call.labels['returns']):
        if code:
            lines += ([] if listed else ['.Bl -tag -width Ds']) + [f'.It Dv {code.replace(",", " ,")}']
            listed = True
        lines += Writer(call, known).text(what)
    return lines + (['.El'] if listed else [])


def include_of(header):
    if '/servers/' in header:
        return 'servers/netname.h'
    own = os.path.basename(header)
    return own if own.startswith('umach') else 'mach.h'


def see_also(call, calls):
    text = call.purpose + ' '.join(call.labels.values())
    near = {other.name for other in calls if other.header == call.header or f'{other.name}()' in text}
    pages = [f'{name} 3' for name in sorted(near - {call.name})] + ['umach 7']
    return [f'.Xr {page} ,' for page in pages[:-1]] + [f'.Xr {pages[-1]}']


def items(title, listed):
    lines = [title, '.Bl -tag -width Ds -compact']
    for item in listed:
        number = ', any number' if item['array'] else ''
        lines += [f'.It Fa {item["name"]}', f'.Dv {item["type"]} ,', f'{item["bits"]} bits{number}']
    return lines + ['.El']


def message(row):
    """The call as a message to a kernel port."""
    if row is None:
        return []
    whose = {'task': "a task's", 'thread': "a thread's", 'host': "the host's", 'memory': "a memory object's"}[row['target']]
    lines = ['.Sh MESSAGE', f'A message with the id {row["id"]} to {whose} kernel port does the same.',
             f'Its reply has the id {row["reply"]}.']
    lines += items('Items of the request:', row['in']) if row['in'] else ['The request has no items.']
    code = {'name': 'RetCode', 'type': 'MSG_TYPE_INTEGER_32', 'bits': 32, 'array': False}
    return lines + ['.Pp'] + items('Items of the reply, the first alone on failure:', [code] + row['out'])


def page(call, calls, context, release, row):
    known = {other.name for other in calls}
    version, date = release
    lines = ['.\\" SPDX-License-Identifier: BSL-1.0', f'.\\" Made from {os.path.basename(call.header)}.',
             f'.Dd {date}', f'.Dt {call.name.upper()} 3', f'.Os umach {version}', '.Sh NAME', f'.Nm {call.name}',
             f'.Nd {plain(re.split(r"[.;] ", call.purpose)[0])}', '.Sh SYNOPSIS', f'.In {include_of(call.header)}', f'.Ft {call.result}',
             f'.Fo {call.name}', *(f'.Fa "{one}"' for one in call.arguments or ['void']), '.Fc', '.Sh DESCRIPTION']
    lines += Writer(call, known).text(sentence(call.purpose))
    for label, title in SECTIONS:
        if label in call.labels:
            text = Writer(call, known).text
            said = returned(call, known) if label == 'returns' else text(sentence(call.labels[label]))
            lines += [f'.Sh {title}', *said]
    lines += message(row)
    lines += [f'.Sh "ALL CALLS OF <{call.header.split("include/")[-1]}>"']
    for number, paragraph in enumerate(context):
        lines += (['.Pp'] if number else []) + Writer(call, known).text(paragraph)
    return '\n'.join(lines + ['.Sh SEE ALSO', *see_also(call, calls), ''])


def release_of(changelog):
    with open(changelog, encoding='utf-8') as file:
        version, year, month, day = RELEASE.search(file.read()).groups()
    return version, f'{MONTHS[int(month) - 1]} {int(day)}, {year}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--to')
    parser.add_argument('--changelog')
    parser.add_argument('--calls')
    parser.add_argument('headers', nargs='+')
    arguments = parser.parse_args()
    calls, openings = read(arguments.headers)
    if arguments.list:
        print('\n'.join(f'{call.name}.3' for call in calls))
        return
    release = release_of(arguments.changelog)
    with open(arguments.calls, encoding='utf-8') as file:
        table = {row['name']: row for row in json.load(file)}
    without = set(table) - {call.name for call in calls}
    if without:
        sys.exit(f'in the table of calls, and declared nowhere: {", ".join(sorted(without))}')
    for call in calls:
        with open(os.path.join(arguments.to, f'{call.name}.3'), 'w', encoding='utf-8') as file:
            file.write(page(call, calls, openings[call.header], release, table.get(call.name)))


if __name__ == '__main__':
    main()
