"""Contact sheets of many images of a split."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from .box_drawing import save_picture
from .fonts import caption_font
from .run_images import RunImages
from .run_reader import RunRecord

_SIDE, _GAP, _CAPTION, _TITLE, _LINE = 200, 10, 36, 44, 16


@dataclass(frozen=True)
class SheetEntry:
    """An image of a sheet, by its pool index, and the caption under it."""

    index: int
    caption: str


def split_sheets(record: RunRecord, images: RunImages, cycle: int) -> dict[str, list[SheetEntry]]:
    """List the images of the sheets of a cycle.

    Returns:
        ``'labeled'`` in the order of the pool, ``'selected'`` most uncertain first, ``'least_uncertain'``
        least uncertain first (as many as were selected, 40 at least); empty where nothing is known.

    Raises:
        ValueError: when the run has no such cycle.
    """
    if cycle not in record.labeled:
        raise ValueError(f'{record.directory}: there is no cycle {cycle}; it has {record.cycles}')
    selected = record.selected(cycle)
    scores = record.scores.get(cycle, np.zeros(0))
    valid = np.flatnonzero(np.isfinite(scores))
    least = valid[np.argsort(scores[valid], kind='stable')][: max(len(selected), 40)]
    groups = dict(labeled=record.labeled[cycle], selected=selected, least_uncertain=least)

    def entry(index: int) -> SheetEntry:
        score = record.score_of(cycle, index)
        name = images.name(index)
        return SheetEntry(index, name if score is None else f'{name}\nscore {score:.4g}')

    return {name: [entry(int(i)) for i in indices] for name, indices in groups.items()}


def write_sheets(
    directory: str | Path,
    name: str,
    *,
    title: str,
    entries: Sequence[SheetEntry],
    thumbnail: Callable[[int], Image.Image],
    legend: str = '',
    columns: int = 6,
    per_sheet: int = 60,
) -> list[Path]:
    """Write the sheets of a group of images, as many as it takes.

    Args:
        directory: folder of the sheets.
        name: stem of the files; a number is added where there are several.
        title: heading of each sheet.
        entries: the images.
        thumbnail: gives a picture by pool index; an image that it cannot read gets an empty field.
        legend: text below the title.
        columns: images per row.
        per_sheet: images per sheet.

    Returns:
        Paths of the sheets.
    """
    pages = [entries[start : start + per_sheet] for start in range(0, len(entries), per_sheet)]
    written = []
    for number, page in enumerate(pages, 1):
        many = len(pages) > 1
        path = Path(directory) / (f'{name}_{number:03d}.jpg' if many else f'{name}.jpg')
        heading = f'{title} (sheet {number} of {len(pages)})' if many else title
        save_picture(draw_sheet(heading, page, thumbnail, legend=legend, columns=columns), path)
        written.append(path)
    return written


def draw_sheet(
    title: str,
    entries: Sequence[SheetEntry],
    thumbnail: Callable[[int], Image.Image],
    *,
    legend: str = '',
    columns: int = 6,
) -> Image.Image:
    """Draw one sheet; see :func:`write_sheets` for the arguments."""
    columns = max(1, min(columns, len(entries)))
    rows = -(-len(entries) // columns)
    cell, line = _SIDE + _GAP, _SIDE + _CAPTION + _GAP
    width = max(columns * cell + _GAP, 420)
    legend_lines = textwrap.wrap(legend, width // 8)
    top = _TITLE + _LINE * len(legend_lines)
    sheet = Image.new('RGB', (width, top + rows * line + _GAP), 'white')
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 12), title, fill='black', font=caption_font(18, title))
    for number, text in enumerate(legend_lines):
        draw.text((_GAP, 36 + _LINE * number), text, fill='black', font=caption_font(12, text))
    for place, entry in enumerate(entries):
        x, y = _GAP + place % columns * cell, top + place // columns * line
        _draw_entry(sheet, entry, thumbnail, (x, y))
    return sheet


def _draw_entry(
    sheet: Image.Image,
    entry: SheetEntry,
    thumbnail: Callable[[int], Image.Image],
    place: tuple[int, int],
) -> None:
    """Draw an image and its caption, with the upper left corner at a place."""
    draw = ImageDraw.Draw(sheet)
    x, y = place
    try:
        picture = ImageOps.contain(thumbnail(entry.index), (_SIDE, _SIDE))  # small ones are enlarged
        sheet.paste(picture, (x + (_SIDE - picture.width) // 2, y + (_SIDE - picture.height) // 2))
    except (OSError, ValueError):
        draw.text((x + 20, y + _SIDE // 2), 'cannot be read', fill='black', font=caption_font(14))
    draw.rectangle((x, y, x + _SIDE - 1, y + _SIDE - 1), outline='#999999')
    for number, text in enumerate(entry.caption.split('\n')[:2]):
        line = y + _SIDE + 2 + _LINE * number
        font = caption_font(12, text)
        draw.text((x, line), _fitted(draw, text, font), fill='black', font=font)


def _fitted(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont) -> str:
    """Cut a name to what fits under its picture; its end says more than its beginning."""
    if draw.textlength(text, font=font) <= _SIDE:
        return text
    while text and draw.textlength(f'…{text}', font=font) > _SIDE:
        text = text[1:]
    return f'…{text}'
