"""Fonts that have the letters of names."""

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure
from PIL import Image

from mmdet_miaod.visualization import fonts
from mmdet_miaod.visualization.box_drawing import draw_boxes
from mmdet_miaod.visualization.figures import Plot, render
from mmdet_miaod.visualization.fonts import caption_font, lend_letters

# DejaVu Sans lacks these two; both come with matplotlib.
NAME, MONO = '⌒⌓', font_manager.findfont('DejaVu Sans Mono')


@pytest.fixture
def installed(monkeypatch):
    """Says which font files the machine has; what was found before is forgotten."""

    def install(*files):
        for cached in (caption_font, fonts._font_file, fonts._installed, fonts._hint):
            cached.cache_clear()
        monkeypatch.setattr(font_manager, 'findSystemFonts', lambda: list(files))

    yield install
    monkeypatch.undo()
    install()
    monkeypatch.undo()


def test_an_installed_font_that_has_the_letters_is_taken(installed, tmp_path, caplog):
    damaged = tmp_path / 'a.ttf'
    damaged.write_bytes(b'no font')
    installed(str(damaged), MONO)
    assert caption_font(12, f'{NAME} 0.98').getname()[0] == 'DejaVu Sans Mono'
    assert caption_font(12, 'cat 0.98').getname()[0] == 'DejaVu Sans'
    assert caplog.messages == []


def test_without_such_a_font_one_hint_says_what_to_install(installed, caplog):
    installed()
    for name in (NAME, '红细胞', '血小板'):
        assert caption_font(12, name).getname()[0] == 'DejaVu Sans'
    (hint,) = caplog.messages
    assert 'apt-get install fonts-noto-cjk' in hint


def test_upright_fonts_of_normal_weight_come_first(installed):
    installed(
        '/a/NotoSerifCJK-Regular.ttc', '/b/X-Bold.ttf', '/c/NotoColorEmoji.ttf', '/d/NotoSansCJK-Regular.ttc'
    )
    names = ['/d/NotoSansCJK-Regular.ttc', '/a/NotoSerifCJK-Regular.ttc', '/b/X-Bold.ttf']
    assert fonts._installed() == names


def test_captions_in_pictures_show_the_letters(installed):
    def drawn(*files):
        installed(*files)
        image = Image.new('RGB', (80, 60))
        draw_boxes(image, np.array([[4, 30, 70, 58]]), [NAME], ['red'])
        return image

    assert drawn(MONO) != drawn()
    assert drawn() == drawn()


def titled(figure: Figure) -> None:
    axes = figure.add_subplot()
    axes.set_title('cats')
    axes.bar([NAME, 'dog'], [1, 2])


def test_plots_lend_letters_to_the_texts_that_lack_them(installed):
    plot = Plot('a', 'a', 'a', [], [], titled)
    installed()
    svg, empty_boxes = render(plot, png=True)
    assert 'DejaVu Sans Mono' not in svg
    installed(MONO)
    svg, png = render(plot, png=True)
    (line,) = [line for line in svg.splitlines() if NAME in line and '<text' in line]
    assert "'DejaVu Sans', 'DejaVu Sans Mono'" in line
    assert svg.count('DejaVu Sans Mono') == 1
    assert png != empty_boxes


def test_a_figure_is_changed_once(installed):
    installed(MONO)
    figure = Figure()
    figure.suptitle(NAME)
    assert lend_letters(figure)
    assert not lend_letters(figure)
