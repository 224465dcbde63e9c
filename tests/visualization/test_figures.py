"""Figures within a page, and what makes their lines and axes readable."""

from __future__ import annotations

from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmdet_miaod.visualization.figures import (
    COLORS,
    HATCHES,
    LINE_STYLES,
    MARKERS,
    Plot,
    label_logarithmic,
    render,
    style_numbers,
    svg_uri,
)


def drawn(text: str) -> str:
    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.plot([0, 1 / 3], [0, 1 / 7], color=COLORS[0])
        axes.set_title(text)

    return render(Plot('p', 't', 'd', (), (), draw))[0]


HOSTILE = 'a "quoted\' <b> & 100% #1 0.123456 名前\u202e'


def test_a_drawing_is_one_uri_without_quotes_and_keeps_its_text() -> None:
    uri = svg_uri(drawn(HOSTILE))
    assert uri.startswith('data:image/svg+xml,') and uri.isascii()
    drawing = unquote(uri.partition('</style>')[2])
    assert '="' not in drawing and '<g id' not in drawing and 'rotate(-0 ' not in drawing
    assert not set('"&#\n') & set(uri)
    tree = ElementTree.fromstring(unquote(uri.partition(',')[2]))
    texts = [element.text for element in tree.iter('{http://www.w3.org/2000/svg}text')]
    assert HOSTILE in texts


def test_colors_change_on_a_dark_page_and_coordinates_are_rounded() -> None:
    svg = drawn('title')
    text = unquote(svg_uri(svg))
    assert '@media (prefers-color-scheme: dark)' in text
    assert '[style*="stroke: #0072b2"],[stroke="#0072b2"]{stroke:#56a9e8!important}' in text
    assert len(text) < len(svg) + 4000 and '.3333' not in text


def test_a_known_name_has_its_number_in_every_plot() -> None:
    known = ('label', 'minimize')
    assert style_numbers(['z', 'minimize', 'a'], known) == dict(label=0, minimize=1, a=2, z=3)
    assert style_numbers(['minimize'], known)['minimize'] == 1


def test_there_are_as_many_markers_line_styles_and_hatches_as_colors_and_none_twice() -> None:
    for looks in (COLORS, MARKERS, LINE_STYLES, HATCHES):
        assert len(set(looks)) == len(looks) == len(COLORS)


@pytest.mark.parametrize(('low', 'high'), [(0.7, 8), (0.09, 0.95), (0.02, 3), (1e-5, 5)])
def test_a_logarithmic_axis_has_several_ticks(low, high) -> None:
    axes = Figure().add_subplot()
    axes.plot([0, 1], [low, high])
    axes.set_yscale('log')
    label_logarithmic(axes.yaxis, low, high)
    limits = axes.get_ylim()
    ticks = [tick for tick in axes.get_yticks() if limits[0] <= tick <= limits[1]]
    assert 3 <= len(ticks) <= 8
    labels = [axes.yaxis.get_major_formatter()(tick).replace('−', '-') for tick in ticks]
    assert all(np.isclose(float(label), tick) for label, tick in zip(labels, ticks, strict=True))
