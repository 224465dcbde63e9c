"""Fonts that have the letters of a text: DejaVu Sans, which comes with matplotlib, else an installed one."""

import functools
import logging
import os
import re
import unicodedata

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import ImageFont

_ODD_STYLES = re.compile('bold|italic|oblique|light|thin|black|medium|serif|mono', re.IGNORECASE)


@functools.cache
def caption_font(size: int, text: str = '') -> ImageFont.FreeTypeFont:
    """Return a font of a height in pixels that has the letters of a text."""
    return ImageFont.truetype(_font_file(_letters(text)), size)


def lend_letters(figure: Figure) -> bool:
    """Let the texts of a figure take letters that their font lacks from an installed one.

    Returns:
        Whether any text needed that; labels of ticks are there once the figure was drawn.
    """
    changed = False
    for text in figure.findobj(Text):
        file = _font_file(_letters(text.get_text()))
        if file == _usual():
            continue
        family = font_manager.get_font(file).family_name
        if family not in font_manager.fontManager.get_font_names():
            font_manager.fontManager.addfont(file)
        if family not in text.get_fontfamily():
            text.set_fontfamily([*text.get_fontfamily(), family])
            changed = True
    return changed


def _letters(text: str) -> frozenset[str]:
    """Characters of a text that are drawn."""
    return frozenset(letter for letter in text if unicodedata.category(letter)[0] not in 'CZ')


@functools.cache
def _usual() -> str:
    return font_manager.findfont('DejaVu Sans')


@functools.cache
def _font_file(letters: frozenset[str]) -> str:
    """File of the font that has all letters, or most; DejaVu where no other one has more."""
    lacking, best = _lacking(_usual(), letters), _usual()
    if lacking:
        for file in _installed():
            still = _lacking(file, letters)
            if len(still) < len(lacking):
                lacking, best = still, file
            if not lacking:
                break
        else:
            _hint()
    return best


def _lacking(file: str, letters: frozenset[str]) -> frozenset[str]:
    try:
        font = font_manager.get_font(file)
    except (OSError, RuntimeError):  # a damaged file, or a format that FreeType does not read
        return letters
    return frozenset(letter for letter in letters if not font.get_char_index(ord(letter)))


@functools.cache
def _installed() -> list[str]:
    """Font files of this machine, upright ones of normal weight first; matplotlib's own list may be old."""

    def order(file: str) -> tuple[bool, str]:
        return _ODD_STYLES.search(os.path.basename(file)) is not None, file

    # Pillow draws no colored bitmaps.
    return sorted((file for file in font_manager.findSystemFonts() if 'ColorEmoji' not in file), key=order)


@functools.cache
def _hint() -> None:
    logging.getLogger('mmdet').warning(
        'No installed font has all letters of the names in pictures and plots, shown as empty boxes. '
        'For Chinese, Japanese and Korean: apt-get install fonts-noto-cjk (Debian, Ubuntu), dnf install '
        'google-noto-sans-cjk-fonts (Fedora)'
    )
