"""Checks of many image files, in threads: sizes, damage, and what is odd about them."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from . import image_files
from .image_files import ImageFacts, summarise

_CHUNK = 512  # images that a thread reads at a time


@dataclass(frozen=True, eq=False)
class ImageReport:
    """What reading all images of an index found.

    Attributes:
        sizes: ``(N, 2)`` int32 width and height in pixels as a model sees the images.
        keys: ``(N,)`` uint64 by which the files are known, see
            :class:`~mmdet_miaod.datasets.image_files.ImageFacts`.
        turned: path and orientation of images whose EXIF orientation is not 1.
        odd: path and what is odd about the pixels.
    """

    sizes: np.ndarray
    keys: np.ndarray
    turned: tuple[tuple[str, int], ...]
    odd: tuple[tuple[str, str], ...]

    def warnings(self, exif: str) -> list[str]:
        """Describe the images to look at, one text per kind.

        Args:
            exif: how the images are loaded (:class:`~mmdet_miaod.datasets.image_index.ImageIndex`).
        """
        texts = []
        if self.turned:
            listed = [f'{path} ({orientation})' for path, orientation in self.turned]
            texts.append(
                f'{len(self.turned)} of {len(self.sizes)} images {describe_turned(exif)}: '
                f'{summarise(listed, len(listed))}'
            )
        if self.odd:
            listed = [f'{path} ({remark})' for path, remark in self.odd]
            texts.append(
                f'{len(self.odd)} of {len(self.sizes)} images are nearly black: '
                f'{summarise(listed, len(listed))}; save them with 8 bits per value'
            )
        return texts


def describe_turned(exif: str) -> str:
    """Say what happens to images with an EXIF orientation other than 1, and where their boxes have to lie."""
    if exif == 'apply':
        done = (
            "are turned as they are loaded (exif='apply'), so boxes must be drawn on the turned picture; for "
            "boxes of the unturned one set exif='ignore' (docs/reference/data.md)"
        )
    else:
        done = (
            "are loaded as their pixels lie (exif='ignore'), so boxes must be drawn on the unturned picture; "
            "for boxes of the turned one set exif='apply'"
        )
    return f'have an EXIF orientation other than 1 and {done}'


def inspect_images(
    paths: Callable[[range], Sequence[str]], count: int, *, mode: str, exif: str, on_chunk: Callable[[], None]
) -> ImageReport:
    """Read every image once.

    Args:
        paths: makes the paths of a range of images.
        count: number of images.
        mode: ``'decode'`` reads all data of each file and so finds truncated ones; ``'header'`` reads the
            headers.
        exif: ``'apply'`` or ``'ignore'`` the EXIF orientation.
        on_chunk: called after every few hundred images.

    Raises:
        FileNotFoundError: images are missing.
        ValueError: images cannot be read or are too large (the first files and the number of all are
            named), or the mode is unknown.
    """
    readers = {'decode': image_files.decode, 'header': image_files.read_header}
    if mode not in readers:
        raise ValueError(f'mode {mode!r}: expected one of {sorted(readers)}')
    sizes, keys = np.zeros((count, 2), np.int32), np.zeros(count, np.uint64)
    turned, odd, failures = [], [], []

    def read(part: range) -> tuple[range, Sequence[str], list[ImageFacts | None], image_files.Failures]:
        chosen = paths(part)
        return part, chosen, *image_files.probe(chosen, readers[mode])

    for part, chosen, found, failed in _map_chunks(read, count):
        failures += failed
        for i, path, facts in zip(part, chosen, found, strict=True):
            if facts is None:
                continue
            sizes[i], keys[i] = facts.size(exif), facts.key
            if facts.orientation != 1:
                turned.append((path, facts.orientation))
            if facts.remark:
                odd.append((path, facts.remark))
        on_chunk()
    image_files.raise_failures(failures, count)
    return ImageReport(sizes, keys, tuple(turned), tuple(odd))


def _map_chunks(function: Callable, count: int) -> Iterator:
    parts = [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    with ThreadPoolExecutor(min(32, 2 * (os.cpu_count() or 1))) as threads:
        yield from threads.map(function, parts)
