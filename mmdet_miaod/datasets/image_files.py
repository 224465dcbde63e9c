"""Image files on disk: suffix of a listed image, size from its header, whether it decodes."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

_COMMON = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
# Suffix codes of ImageIndex: 0 is "the name has its suffix already"; the order is the order of preference.
SUFFIXES = ('', *_COMMON, *(suffix.upper() for suffix in _COMMON))

# Pillow opens only these: its other plugins are slow, or start other programs (EPS).
_FORMATS = ('JPEG', 'PNG', 'BMP', 'WEBP')

# The bound at which Pillow itself speaks of a decompression bomb (178 megapixels, 0.5 GB decoded).
MAX_PIXELS = 178_956_970

Failures = list[tuple[str, Exception]]  # (path, what went wrong)

_ORIENTATION_TAG = 0x0112
_SHOWN_FILES = 10


def has_image_suffix(name: str) -> bool:
    """Whether the name ends in one of the suffixes that are looked for, in upper or lower case."""
    return name.lower().endswith(_COMMON)


def resolve_suffixes(names: Iterable[str], folder: str, source: str) -> np.ndarray:
    """Find each named image in its folder by listing every folder once.

    Args:
        names: N image names below ``folder``, with or without suffix.
        folder: image folder.
        source: what lists the names, for messages.

    Returns:
        ``(N,)`` uint8 index into ``SUFFIXES``; ``folder/name + SUFFIXES[code]`` is a file.

    Raises:
        FileNotFoundError: the folder or images are missing; the first files and the number of all are named.
        ValueError: an image is in a format that is not read.
        ValueError: an image is a symbolic link, or in a linked folder, that leads out of ``folder``.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f'{folder}: no such image folder; set data_root, img_prefix or img_subdir to where the images are'
        )
    root = os.path.realpath(folder)
    listings: dict[str, Mapping[str, bool]] = {}
    codes, missing, missing_count = bytearray(), [], 0
    for name in names:
        parent, _, base = name.rpartition('/')
        if parent not in listings:
            listings[parent] = _list_files(os.path.join(folder, parent))
            _refuse_way_out(os.path.join(root, parent), root, source)
        code = _suffix_code(base, listings[parent])
        if code is None:
            if base in listings[parent]:
                path = os.path.join(folder, name)
                raise ValueError(f'{source}: {path} is there, but only {", ".join(_FORMATS)} files are read')
            missing_count += 1
            if len(missing) < _SHOWN_FILES:
                missing.append(name if has_image_suffix(name) else f'{name}.jpg')
        elif listings[parent][base + SUFFIXES[code]]:
            _refuse_way_out(os.path.join(root, name + SUFFIXES[code]), root, source)
        codes.append(code or 0)
    if missing_count:
        raise FileNotFoundError(
            f'{missing_count} of {len(codes)} images of {source} are not in {folder}: '
            f'{summarise(missing, missing_count)}; put them there, or set data_root, img_prefix or img_subdir'
        )
    return np.frombuffer(bytes(codes), np.uint8)


def find_images(folder: str) -> list[str]:
    """Paths of all image files below a folder (sub folders included), sorted."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders.sort()
        found += [os.path.join(parent, name) for name in files if has_image_suffix(name)]
    return sorted(found)


def read_size(path: str) -> tuple[int, int]:
    """Width and height in pixels of an image as the loading pipeline will see it, from the file's header.

    MMDetection's ``LoadImageFromFile`` decodes with OpenCV, which turns an image by its EXIF orientation; so
    the sizes of images that lie on their side are swapped here as well.

    Raises:
        OSError: not readable, or not an image. ValueError: more than ``MAX_PIXELS`` pixels.
    """
    with _open_image(path) as image:
        return _oriented_size(image, path)


def refuse_bomb(path: str) -> None:
    """Refuse a file that decodes to more than ``MAX_PIXELS`` pixels, by its header.

    Raises:
        OSError: not readable, or not an image. ValueError: too large; the file is named.
    """
    try:
        _open_image(path).close()
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None


def decode(path: str) -> tuple[int, int]:
    """Width and height as :func:`read_size`, but reads all of the image's data: finds truncated files.

    JPEG files are decoded at 1/8 of their size: every coefficient is read, but little is computed.

    Raises:
        Exception: not readable; Pillow's plugins raise almost anything on damaged files.
    """
    with _open_image(path) as image:
        size = _oriented_size(image, path)
        image.draft('RGB', (1, 1))
        image.load()
    return size


def probe(paths: Iterable[str], read: Callable[[str], tuple[int, int]]) -> tuple[np.ndarray, Failures]:
    """Apply ``read`` (:func:`read_size` or :func:`decode`) to each file.

    Returns:
        ``(N, 2)`` int32 width and height in pixels, zeros where reading failed, and the failures.
    """
    sizes, failures = [], []
    for path in paths:
        try:
            sizes.append(read(path))
        # Pillow's plugins raise almost anything on damaged files (OSError, SyntaxError, struct.error, ...).
        except Exception as error:
            sizes.append((0, 0))
            failures.append((path, error))
    return np.array(sizes, np.int32).reshape(-1, 2), failures


def raise_failures(failures: Failures, total: int) -> None:
    """Raise one error for all failures among ``total`` images; without any, do nothing.

    Raises:
        FileNotFoundError: every failure is a missing file. ValueError: another failure is among them.
    """
    if not failures:
        return
    listed = [f'{path} ({_describe(error)})' for path, error in failures[:_SHOWN_FILES]]
    message = f'{len(failures)} of {total} images cannot be read: {summarise(listed, len(failures))}'
    if all(isinstance(error, FileNotFoundError) for _, error in failures):
        raise FileNotFoundError(f'{message}; they have gone since the lists were read: put them back')
    raise ValueError(f'{message}; replace these files or take them off the image lists')


def summarise(items: list[str], count: int) -> str:
    """The first items, and how many more there are."""
    shown = ', '.join(items[:_SHOWN_FILES])
    return shown if count <= _SHOWN_FILES else f'{shown} and {count - _SHOWN_FILES} more'


def _list_files(folder: str) -> Mapping[str, bool]:
    """Whether it is a symbolic link, by name of each file of a folder."""
    if not os.path.isdir(folder):
        return {}
    with os.scandir(folder) as entries:
        return {entry.name: entry.is_symlink() for entry in entries if entry.is_file()}


def _refuse_way_out(path: str, root: str, source: str) -> None:
    """Refuse a path that leaves ``root`` by symbolic links; ``root`` itself may be one."""
    target = os.path.realpath(path)
    if target != root and os.path.commonpath([target, root]) != root:
        raise ValueError(
            f'{source}: {path} is a symbolic link out of its image folder, to {target}: link the whole image '
            'folder or the data root instead, or copy the file'
        )


def _suffix_code(base: str, files: Mapping[str, bool]) -> int | None:
    if has_image_suffix(base) and base in files:
        return 0
    for code, suffix in enumerate(SUFFIXES[1:], 1):
        if base + suffix in files:
            return code
    return None


def _open_image(path: str) -> Image.Image:
    if not os.path.isfile(path):  # opening a pipe or a device would wait for ever
        raise FileNotFoundError(f'{path}: no such file')
    try:
        image = Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise ValueError(f'too large: {error}') from None
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        image.close()
        raise ValueError(f'{width} x {height} pixels; an image may have 1 to {MAX_PIXELS}')
    return image


def _oriented_size(image: Image.Image, path: str) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if _orientation(image, path) in (5, 6, 7, 8) else (width, height)


def _orientation(image: Image.Image, path: str) -> int:
    """EXIF orientation; 1 where there is none. Not by ``getexif``, which also reads XMP (OpenCV does not)."""
    data = image.info.get('exif')
    if data is None and image.format == 'PNG':
        data = _png_exif(path)
    if not data:
        return 1
    exif = Image.Exif()
    try:
        exif.load(data)
        return int(exif.get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged EXIF data is no reason to refuse an image that decodes
        return 1


def _png_exif(path: str) -> bytes | None:
    """The eXIf chunk of a PNG file: it may follow the image data, which Pillow would decode to get there."""
    with Path(path).open('rb') as file:
        file.seek(8)
        while len(header := file.read(8)) == 8:
            length, kind = struct.unpack('>I4s', header)
            if kind == b'eXIf':
                return file.read(min(length, 1 << 20))
            file.seek(length + 4, os.SEEK_CUR)
    return None


def _describe(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return 'no such file'
    return str(error) or type(error).__name__
