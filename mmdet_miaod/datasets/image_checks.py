"""Checks of many image files, in threads or processes: sizes, damage, and what is odd about them."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from . import image_files
from .image_files import summarise

_CHUNK = 512  # images that are read at a time
_MANY = 4 * _CHUNK  # from which on processes are worth their start


@dataclass(frozen=True, eq=False)
class ImageReport:
    """Sizes, keys and oddities of all images of an index.

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
    chunks = _Chunks(paths, count, readers[mode], exif)
    for number, found in enumerate(_in_parallel(chunks, processes=count > _MANY)):
        part = chunks.part(number)
        sizes[part.start : part.stop], keys[part.start : part.stop] = found.sizes, found.keys
        turned += found.turned
        odd += found.odd
        failures += found.failures
        on_chunk()
    image_files.raise_failures(failures, count)
    return ImageReport(sizes, keys, tuple(turned), tuple(odd))


@dataclass(frozen=True, eq=False)
class _Chunk(ImageReport):
    """Report of some images, and those that could not be read."""

    failures: image_files.Failures


@dataclass(frozen=True)
class _Chunks(Dataset):
    """Chunks of images, which are read when they are asked for; arguments as of :func:`inspect_images`."""

    paths: Callable[[range], Sequence[str]]
    count: int
    read: Callable[[str], image_files.ImageFacts]
    exif: str

    def __len__(self) -> int:
        return -(-self.count // _CHUNK)

    def part(self, number: int) -> range:
        """Images of a chunk."""
        return range(self.count)[number * _CHUNK : (number + 1) * _CHUNK]

    def __getitem__(self, number: int) -> _Chunk:
        paths = self.paths(self.part(number))
        found, failures = image_files.probe(paths, self.read)
        known = [(path, facts) for path, facts in zip(paths, found, strict=True) if facts is not None]
        return _Chunk(
            np.array([(0, 0) if facts is None else facts.size(self.exif) for facts in found], np.int32),
            np.array([0 if facts is None else facts.key for facts in found], np.uint64),
            tuple((path, facts.orientation) for path, facts in known if facts.orientation != 1),
            tuple((path, facts.remark) for path, facts in known if facts.remark),
            [(path, _plain(error)) for path, error in failures],
        )


def _plain(error: Exception) -> Exception:
    """Return an error that says the same and that a process can send; not all of Pillow's can be sent."""
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError()
    return ValueError(str(error) or type(error).__name__)


def _as_it_is(chunk: _Chunk) -> _Chunk:
    return chunk


def _in_parallel(chunks: _Chunks, processes: bool) -> Iterator[_Chunk]:
    """Read chunks, in order. Threads take six times as long for headers: Python itself has most to do."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    if processes and not multiprocessing.current_process().daemon:  # which may have no children
        generator = torch.Generator()  # else the loader draws a number from the global one
        yield from DataLoader(
            chunks, batch_size=None, num_workers=min(32, cores), collate_fn=_as_it_is, generator=generator
        )
    else:
        with ThreadPoolExecutor(min(32, 2 * cores)) as threads:
            yield from threads.map(chunks.__getitem__, range(len(chunks)))
