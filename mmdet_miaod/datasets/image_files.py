"""Image files: size and orientation by their headers, and whether training can load them."""

import hashlib
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..regular_files import check_regular

# Pillow opens only these: its other plugins are slow, or start other programs (EPS).
FORMATS = ('JPEG', 'PNG', 'BMP', 'WEBP')

# The bound at which Pillow itself speaks of a decompression bomb (178 megapixels, 0.5 GB decoded).
MAX_PIXELS = 178_956_970

Failures = list[tuple[str, Exception]]  # (path, what went wrong)

_ORIENTATION_TAG = 0x0112
_PNG_BIT_DEPTH = 24  # place in the file
# Largest 8-bit value of 16-bit files that use 14 bits or fewer, such as cameras' of 10, 12 or 14 bits.
_DARK = 64
_SHOWN_FILES = 10
# Of the files that are not read completely: pictures of one size in bytes differ there.
_END_BYTES = 4096


@dataclass(frozen=True)
class ImageFacts:
    """An image file's header.

    Attributes:
        width: pixels, as they lie in the file.
        height: pixels, as they lie in the file.
        orientation: EXIF orientation, 1 to 8; 1 where there is none.
        remark: what is odd about the pixels, in words; '' where nothing is.
        key: number, not 0, of the file's content, or of its size and ends where not all of it was read.
    """

    width: int
    height: int
    orientation: int = 1
    remark: str = ''
    key: int = 0

    def size(self, exif: str = 'apply') -> tuple[int, int]:
        """Width and height of the image as a model sees it.

        Args:
            exif: ``'apply'``: turned by its orientation; ``'ignore'``: as the pixels lie.
        """
        turned = exif == 'apply' and self.orientation in (5, 6, 7, 8)
        return (self.height, self.width) if turned else (self.width, self.height)


def read_header(path: str) -> ImageFacts:
    """Read an image file's header.

    Raises:
        OSError: not readable, or not an image. ValueError: more than ``MAX_PIXELS`` pixels.
    """
    with open_image(path) as image:
        return ImageFacts(*image.size, _orientation(image, path), key=_ends_key(path))


def refuse_bomb(path: str) -> None:
    """Refuse a file that decodes to more than ``MAX_PIXELS`` pixels, by its header.

    Raises:
        OSError: not readable, or not an image. ValueError: too large; the file is named.
    """
    try:
        open_image(path).close()
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None


def refuse_unreadable(path: str) -> None:
    """Refuse a file that cannot be decoded.

    Raises:
        ValueError: naming the file.
    """
    try:
        decode(path)
    except Exception as error:  # Pillow's plugins raise almost anything on damaged files
        raise ValueError(
            f'{path}: cannot be read ({_describe(error)}); put the file back as it was'
        ) from error


def refuse_cut(path: str) -> None:
    """Refuse a JPEG file that ends early: OpenCV would fill the rest of the picture with gray.

    Raises:
        ValueError: naming the file.
    """
    with Path(path).open('rb') as file:
        if file.read(2) != b'\xff\xd8':
            return
        file.seek(-2, os.SEEK_END)
        end = file.read()
    if end != b'\xff\xd9':  # bytes may stand behind the picture's end
        refuse_unreadable(path)


def decode(path: str) -> ImageFacts:
    """Read all of an image's data: finds truncated files, and files that training cannot load.

    Pillow tells truncated JPEG files from whole ones; OpenCV, which loads images for training, reads no PNG
    without its end and no image beyond its own bounds. JPEG files are decoded at 1/8 of their size: every
    coefficient is read, but little is computed.

    Raises:
        Exception: not readable; Pillow's plugins raise almost anything on damaged files.
    """
    with open_image(path) as image:
        facts, form = ImageFacts(*image.size, _orientation(image, path)), image.format
        image.draft('RGB', (1, 1))
        image.load()
    data = np.fromfile(path, np.uint8)
    facts = replace(facts, key=_content_key(data))
    flag = cv2.IMREAD_REDUCED_COLOR_8 if form == 'JPEG' else cv2.IMREAD_COLOR
    try:
        pixels = cv2.imdecode(data, flag)
    except cv2.error as error:
        raise ValueError(f'OpenCV, which loads images for training, refuses it ({error.err})') from None
    if pixels is None:
        raise ValueError(
            'OpenCV, which loads images for training, cannot read it: cut off at its end, or too large'
        )
    if form == 'PNG' and data[_PNG_BIT_DEPTH] == 16 and pixels.max() < _DARK:
        remark = f'16 bits per value, but the brightest is {pixels.max()} of 255 once read as 8 bits'
        return replace(facts, remark=remark)
    return facts


def probe(
    paths: Iterable[str], read: Callable[[str], ImageFacts]
) -> tuple[list[ImageFacts | None], Failures]:
    """Apply ``read`` (:func:`read_header` or :func:`decode`) to each file.

    Returns:
        What was read of each file, None where reading failed, and the failures.
    """
    found, failures = [], []
    for path in paths:
        try:
            found.append(read(path))
        # Pillow's plugins raise almost anything on damaged files (OSError, SyntaxError, struct.error, ...).
        except Exception as error:
            found.append(None)
            failures.append((path, error))
    return found, failures


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
    raise ValueError(
        f'{message}; replace these files or take them off the image lists (not off those of a run that has '
        'begun, which keeps to its images)'
    )


def summarise(items: list[str], count: int) -> str:
    """The first items, and how many more there are."""
    shown = ', '.join(items[:_SHOWN_FILES])
    return shown if count <= _SHOWN_FILES else f'{shown} and {count - _SHOWN_FILES} more'


def open_image(path: str | Path) -> Image.Image:
    """Open an image file, reading its header; the only place where Pillow is given a file.

    Raises:
        OSError: not readable, or not an image. ValueError: more than ``MAX_PIXELS`` pixels.
    """
    check_regular(path)  # opening a pipe or a device would wait for ever
    try:
        image = Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise ValueError(f'too large: {error}') from None
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        image.close()
        raise ValueError(f'{width} x {height} pixels; an image may have 1 to {MAX_PIXELS}')
    return image


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
        orientation = int(exif.get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged EXIF data is no reason to refuse an image that decodes
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _content_key(data: np.ndarray | bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), 'little') or 1


def _ends_key(path: str) -> int:
    descriptor = os.open(path, os.O_RDONLY)  # a third of the time of a file object
    try:
        size = os.fstat(descriptor).st_size
        begin = os.pread(descriptor, _END_BYTES, 0)
        end = os.pread(descriptor, _END_BYTES, max(0, size - _END_BYTES))
    finally:
        os.close(descriptor)
    return _content_key(begin + end + size.to_bytes(8, 'little'))


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
