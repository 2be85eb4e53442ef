# SPDX-License-Identifier: BSL-1.0
"""A line chart as a small SVG file: both axes logarithmic, each line labelled at its end."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 560, 40, 344
COLOURS = ('#777777', '#c22f2f', '#2f6fb5', '#3b8f4a', '#8a5cb0', '#c2851d', '#1f9a9a', '#555577')
OURS = '#c22f2f'


class Axis:
    """A logarithmic axis from one place of the picture to another."""

    def __init__(self, low, high, begin, end):
        self.low, self.high, self.begin, self.end = low, high, begin, end

    def at(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.begin + share * (self.end - self.begin), 1)


def rounded(values):
    """(low, high, marks): the values lie between 1, 2 or 5 times powers of ten, at least a factor of ten
    apart, so that what hardly grows looks so."""
    steps = [m * 10.0 ** n for n in range(-6, 13) for m in (1, 2, 5)]
    high = min(step for step in steps if step >= max(values))
    low = max(step for step in steps if step <= min(min(values), high / 10))
    marks = [step for step in steps if low <= step <= high]
    tens = [step for step in marks if math.log10(step) == round(math.log10(step))]
    return low, high, tens if len(tens) >= 4 else marks


def number(value):
    if value >= 1024 and value % 1024 == 0:
        return f'{value / 1024:g} Ki' if value < 1 << 20 else f'{value / (1 << 20):g} Mi'
    for unit, size in (('M', 1e6), ('k', 1e3)):
        if value >= size:
            return f'{value / size:g}{unit}'
    return f'{value:g}'


def text(x, y, words, anchor='start', more=''):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def grid(x_axis, xs, y_axis, ys):
    parts = []
    for value in ys:
        y = y_axis.at(value)
        parts += [f'<path d="M{LEFT} {y}H{RIGHT}" class="g"/>', text(LEFT - 6, y + 4, number(value), 'end')]
    for value in xs:
        x = x_axis.at(value)
        parts += [f'<path d="M{x} {TOP}V{BOTTOM}" class="g"/>', text(x, BOTTOM + 18, number(value), 'middle')]
    return parts


def spread(heights, least=15):
    """The heights of labels, moved apart where they would cover each other; in the same order."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    moved = list(heights)
    for before, i in zip(order, order[1:]):
        moved[i] = max(moved[i], moved[before] + least)
    return moved


def curve(points, x_axis, y_axis, colour, ours):
    places = [(x_axis.at(x), y_axis.at(y)) for x, y in points]
    path = 'M' + 'L'.join(f'{x} {y}' for x, y in places)
    dots = ''.join(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places)
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{3 if ours else 1.5}"/>{dots}'


def colours(labels):
    others = iter(colour for colour in COLOURS if colour != OURS)
    return [OURS if label == 'umach' else next(others) for label in labels]


def chart(sweep, results):
    """returns: the picture, or None when nothing was measured."""
    lines = [(line.label, line.points(results)) for line in sweep.lines]
    lines = [(label, points) for label, points in lines if points]
    if not lines:
        return None
    xs = sorted({x for _, points in lines for x, _ in points})
    low, high, ys = rounded([y for _, points in lines for _, y in points])
    x_axis = Axis(xs[0], xs[-1], LEFT, RIGHT)
    y_axis = Axis(low, high, BOTTOM, TOP)
    ends = spread([y_axis.at(points[-1][1]) + 4 for _, points in lines])
    parts = grid(x_axis, xs, y_axis, ys)
    for (label, points), colour, end in zip(lines, colours([label for label, _ in lines]), ends):
        ours = label == 'umach'
        look = f'fill="{colour}"' + (' font-weight="bold"' if ours else '')
        parts += [curve(points, x_axis, y_axis, colour, ours), text(RIGHT + 12, end, label, more=look)]
    parts += [text(LEFT, 24, f'{sweep.title} ({sweep.y})', more='font-weight="bold"'),
              text((LEFT + RIGHT) / 2, HEIGHT - 14, sweep.x, 'middle')]
    style = '<style>text{font:12px sans-serif}.g{stroke:#ddd}</style>'
    body = '\n'.join(parts)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n'
            f'{style}<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n')
