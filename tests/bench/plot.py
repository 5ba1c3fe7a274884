# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG, by hand: lines with markers over a linear or logarithmic x axis, a grid, a legend. No text is smaller than the page's."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 78, 24, 52, 56
COLOURS = ("#1b6ca8", "#c8553d", "#3c8d5a", "#7a5195", "#8a6d3b")
FONT = "font-family=\"system-ui, sans-serif\""


def nice_step(span, ticks=5):
    """1, 2 or 5 times a power of ten, so that about so many fit."""
    raw = span / ticks
    power = 10 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw - 1e-12)


def number(value):
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1000:g} k" if value >= 10_000 else f"{value:g}"


class Axis:
    """From values to pixels. @low, @high: pixels. A logarithmic one has ticks at the given values or at powers of ten."""

    def __init__(self, values, low, high, log=False, ticks=None, floor=None):
        self.log, self.low, self.high = log, low, high
        first, last = min(values), max(values)
        if log:
            self.first, self.last = math.log10(first), math.log10(last)
            if ticks is None and self.last - self.first > 1:
                self.first, self.last = math.floor(self.first), math.ceil(self.last)
            self.ticks = ticks or [10.0 ** e for e in range(math.ceil(self.first), math.floor(self.last) + 1)]
        else:
            first = first if floor is None else floor
            step = nice_step((last - first) or 1)
            if ticks is None:
                first, last = step * math.floor(first / step), step * math.ceil(last / step)
            self.first, self.last = first, last
            self.ticks = ticks or [first + i * step for i in range(round((last - first) / step) + 1)]

    def at(self, value):
        place = math.log10(value) if self.log else value
        span = (self.last - self.first) or 1
        return self.low + (place - self.first) / span * (self.high - self.low)


def text(x, y, words, anchor="middle", size=13, colour="#333", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}" {FONT}{more}>{escape(words)}</text>'


def grid(x, y):
    for tick in y.ticks:
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(tick):.1f}" y2="{y.at(tick):.1f}" stroke="#ddd"/>'
        yield text(LEFT - 8, y.at(tick) + 4.5, number(tick), "end")
    for tick in x.ticks:
        yield f'<line x1="{x.at(tick):.1f}" x2="{x.at(tick):.1f}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 5}" stroke="#888"/>'
        yield text(x.at(tick), HEIGHT - BOTTOM + 20, number(tick))
    yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}" stroke="#888"/>'


def line(points, x, y, colour):
    places = [(x.at(a), y.at(b)) for a, b in points]
    yield f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in places)}"/>'
    for a, b in places:
        yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>'


def level(value, name, y):
    """A horizontal line that something is compared with."""
    at = y.at(value)
    yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#555" stroke-dasharray="6 4"/>'
    yield text(WIDTH - RIGHT - 4, at - 6, name, "end", colour="#555")


def legend(names):
    at = LEFT
    for name, colour in zip(names, COLOURS):
        yield f'<line x1="{at}" x2="{at + 22}" y1="{TOP - 14}" y2="{TOP - 14}" stroke="{colour}" stroke-width="2"/>'
        yield text(at + 28, TOP - 9.5, name, "start")
        at += 50 + 7.5 * len(name)


def plot(title, x_name, y_name, series, log_x=False, log_y=False, x_ticks=None, levels=()):
    """@series: {name: [(x, y), ...]}; @levels: [(y, name)]. The SVG file's text."""
    xs = [a for points in series.values() for a, _ in points]
    ys = [b for points in series.values() for _, b in points] + [value for value, _ in levels]
    x = Axis(xs, LEFT + 14, WIDTH - RIGHT - 14, log_x, x_ticks)
    y = Axis(ys, HEIGHT - BOTTOM, TOP, log_y, floor=None if log_y else 0)
    body = [*grid(x, y)]
    for value, name in levels:
        body += level(value, name, y)
    for points, colour in zip(series.values(), COLOURS):
        body += line(points, x, y, colour)
    if len(series) > 1:
        body += legend(series)
    body += [text(LEFT, 22, title, "start", 16, "#111"), text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_name),
             text(18, (TOP + HEIGHT - BOTTOM) / 2, y_name, more=f' transform="rotate(-90 18 {(TOP + HEIGHT - BOTTOM) / 2})"')]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">\n'
            f'<title>{escape(title)}</title>\n<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n")
