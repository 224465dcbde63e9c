"""Figures as files: SVG in light and dark colors, PNG, and their numbers as CSV."""

import csv
import io
import re
import string
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ..run.files import write_file, write_text
from .fonts import lend_letters

INK, GRID, PAPER = '#222222', '#d5d5d5', '#ffffff'
HISTOGRAM = '#a3cde4'  # its lightness is far from that of COLORS
# Okabe and Ito's colors and more; told apart without color by line styles, markers and hatches as well.
COLORS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b8860b', '#6a3d9a', '#5a5a5a', '#7a4a2b')
LINE_STYLES = ('-', '--', '-.', ':', (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1)))
MARKERS = ('o', 's', '^', 'D', 'v', 'X', 'P', '*')
# Of lines alone: a pattern of dots is a hundred times as long in SVG.
HATCHES = ('', '///', '\\\\\\', 'xx', '||', '--', '++', '/')
_DARK = {
    INK: '#e4e4e4',
    GRID: '#41464d',
    PAPER: '#1b1f24',
    HISTOGRAM: '#2b6488',
    '#0072b2': '#56a9e8',
    '#d55e00': '#ff8a3d',
    '#009e73': '#2fc79a',
    '#b8860b': '#e0b340',
    '#6a3d9a': '#b79cf0',
    '#5a5a5a': '#a8a8a8',
    '#7a4a2b': '#cf9f78',
}
_COORDINATES = re.compile(r' (?:d|x|y|transform|points)="[^"]*"')
_DECIMALS = re.compile(r'(\.\d\d)\d+')
# Turns by nothing, and names of groups that nothing refers to.
_NO_EFFECT = re.compile(r' transform="rotate\(-?0 [^"]*\)"|(?<=<g) id="[^"]*"')
_TAG, _OTHER_QUOTES = re.compile('<[^>]*>'), str.maketrans('"\'', '\'"')
# Class and run names are text: no mathematics between dollar signs. Text stays text in SVG.
_STYLE = {
    'text.parse_math': False,
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mmdet_miaod',
    'font.family': 'DejaVu Sans',
    'font.size': 10,
    'hatch.linewidth': 1.0,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'axes.axisbelow': True,
    'grid.color': GRID,
    'hatch.color': PAPER,
    **dict.fromkeys(('figure.facecolor', 'axes.facecolor', 'savefig.facecolor'), PAPER),
    **dict.fromkeys(('text.color', 'axes.edgecolor', 'axes.labelcolor', 'xtick.color', 'ytick.color'), INK),
    'legend.framealpha': 0.0,
    'legend.fontsize': 9,
}


@dataclass(frozen=True)
class Plot:
    """A figure that can be drawn, and the numbers that it shows.

    Attributes:
        name: stem of its files.
        title: its heading.
        description: a sentence on its content, for those who do not see it.
        columns: names of the columns of its numbers.
        rows: its numbers.
        draw: draws it into an empty figure.
        size: width and height in inches.
    """

    name: str
    title: str
    description: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    draw: Callable[[Figure], None]
    size: tuple[float, float] = (4.6, 3.4)


def styled(number: int) -> dict[str, Any]:
    """Return color, line style and marker of the n-th line of a plot."""
    return dict(
        color=COLORS[number % len(COLORS)],
        linestyle=LINE_STYLES[(number + number // len(COLORS)) % len(LINE_STYLES)],
        marker=MARKERS[(number + 2 * (number // len(COLORS))) % len(MARKERS)],
        markersize=4,
        linewidth=1.6,
    )


def filled(number: int) -> dict[str, Any]:
    """Return color and hatch of the n-th kind of bar of a plot."""
    return dict(
        color=COLORS[number % len(COLORS)],
        hatch=HATCHES[(number + number // len(COLORS)) % len(HATCHES)],
        edgecolor=PAPER,
    )


def style_numbers(names: Iterable[str], known: Sequence[str]) -> dict[str, int]:
    """Number names for :func:`styled` and :func:`filled`, so that a known one looks the same in every plot.

    Args:
        names: what a plot shows.
        known: names with a number of their own, their position; others follow in alphabetical order.
    """
    others = sorted(set(names) - set(known))
    return {name: number for number, name in enumerate([*known, *others])}


def label_logarithmic(axis: Axis, low: float, high: float) -> None:
    """Label an axis that is logarithmic from ``low`` to ``high``: several ticks, numbers like 0.01."""
    steps = (1, 2, 5) if high < 200 * low else (1, 3) if high < 2000 * low else (1,)
    axis.set_major_locator(LogLocator(10, subs=steps, numticks=30 if len(steps) > 1 else 6))
    axis.set_major_formatter(StrMethodFormatter('{x:.3g}'))
    axis.set_minor_formatter(NullFormatter())


def render(plot: Plot, png: bool = False) -> tuple[str, bytes | None]:
    """Draw a plot.

    Returns:
        The SVG, and the PNG when asked for.
    """
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # A glyph that no installed font has is the browser's to find in the SVG, and a box in the PNG.
        warnings.filterwarnings('ignore', message='Glyph')
        figure = Figure(figsize=plot.size, layout='constrained')
        plot.draw(figure)
        text = io.StringIO()
        figure.savefig(text, format='svg', metadata={'Date': None})
        if lend_letters(figure):
            text = io.StringIO()
            figure.savefig(text, format='svg', metadata={'Date': None})
        content = None
        if png:
            figure.set_layout_engine('none')  # which is found again otherwise, in a quarter of the time
            file = io.BytesIO()
            figure.savefig(file, format='png', dpi=160)
            content = file.getvalue()
    return text.getvalue(), content


def svg_uri(svg: str) -> str:
    """Return a drawing as a data URI for an attribute in double quotes, dark where the page is dark.

    Coordinates are rounded to hundredths of a point.
    """
    rules = ''.join(
        f'[style*="{name}: {light}"],[{name}="{light}"]{{{name}:{dark}!important}}'
        for light, dark in _DARK.items()
        for name in ('fill', 'stroke')
    )
    head, end, rest = svg[svg.index('<svg') :].partition('>')
    rest = _COORDINATES.sub(lambda found: _DECIMALS.sub(r'\1', found[0]), _NO_EFFECT.sub('', rest))
    text = f'{head}{end}<style>@media (prefers-color-scheme: dark){{{rules}}}</style>{rest}'
    # Quotes within tags change places: matplotlib's double ones, thousands, take three letters each in a URI.
    text = _TAG.sub(lambda tag: tag[0].translate(_OTHER_QUOTES), text)
    # The rest of ASCII stands for itself both in an attribute and in a URI.
    kept = ''.join(set(string.punctuation) - set('%#"&')) + ' '
    return f'data:image/svg+xml,{quote(" ".join(text.split()).encode("utf-8", "replace"), safe=kept)}'


def draw_stacked(
    figure: Figure, bars: Sequence[str], parts: Mapping[str, Sequence[float]], numbers: Mapping[str, int]
) -> Axes:
    """Draw horizontal bars, the first one on top, each of parts side by side.

    Args:
        figure: an empty figure.
        bars: name of each bar.
        parts: by its name, the width of a part in each bar.
        numbers: of the parts, for :func:`filled`.
    """
    axes, places, left = figure.add_subplot(), np.arange(len(bars)), np.zeros(len(bars))
    for name, widths in parts.items():
        axes.barh(places, widths, left=left, label=name, height=0.7, **filled(numbers[name]))
        left += widths
    axes.set_yticks(places, bars)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.grid(visible=False, axis='y')
    return axes


def csv_text(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV with a head line; None becomes an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def write_plot(plot: Plot, svg: str, png: bytes | None, directory: Path) -> None:
    """Write the files of a plot, each whole or not at all."""
    write_text(directory / f'{plot.name}.svg', svg)
    write_text(directory / f'{plot.name}.csv', csv_text(plot.columns, plot.rows))
    if png is not None:
        write_file(directory / f'{plot.name}.png', lambda file: file.write(png))


def shortened(name: str, length: int = 18) -> str:
    """Cut a name to a number of letters."""
    return name if len(name) <= length else f'{name[: length - 1]}…'
