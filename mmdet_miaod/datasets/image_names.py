"""Image files by name: which suffix a listed image has, which images a folder holds."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .image_files import FORMATS, summarise

_COMMON = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
# Suffix codes of ImageIndex: 0 is "the name has its suffix already"; the order is the order of preference.
SUFFIXES = (
    '',
    *_COMMON,
    *(suffix.upper() for suffix in _COMMON),
    *(f'.{suffix[1:].title()}' for suffix in _COMMON),
)
_SHOWN_FILES = 10
# Jupyter's, macOS's and other tools' own copies of images.
_FOREIGN_FOLDERS = ('.', '__MACOSX')


def has_image_suffix(name: str) -> bool:
    """Whether the name ends in one of the suffixes that are looked for, in upper or lower case."""
    return name.lower().endswith(_COMMON)


def find_images(folder: str) -> list[str]:
    """Paths of all image files below a folder, sorted; hidden folders and ``__MACOSX`` are left out."""
    return [path for path in _find_files(folder) if has_image_suffix(path)]


def find_other_files(folder: str) -> list[str]:
    """Paths of all other files below a folder, sorted; hidden ones and ``__MACOSX`` are left out."""
    return [
        path
        for path in _find_files(folder)
        if not (has_image_suffix(path) or os.path.basename(path).startswith('.'))
    ]


def _find_files(folder: str) -> list[str]:
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(_FOREIGN_FOLDERS))
        found += [os.path.join(parent, name) for name in files]
    return sorted(found)


def resolve_suffixes(names: Iterable[str], folder: str, source: str, links: str = 'inside') -> np.ndarray:
    """Find each named image in its folder by listing every folder once.

    Args:
        names: N image names below ``folder``, with or without suffix.
        folder: image folder.
        source: what lists the names, for messages.
        links: ``'inside'``: no symbolic link may lead out of ``folder``; ``'anywhere'``: they may, those of
            DVC and git-annex do.

    Returns:
        ``(N,)`` uint8 index into ``SUFFIXES``; ``folder/name + SUFFIXES[code]`` is a file.

    Raises:
        FileNotFoundError: the folder or images are missing; the first files and the number of all are named.
        ValueError: an image is in a format that is not read, or is a symbolic link, or in a linked folder,
            that leads out of ``folder``; or ``links`` is something else.
    """
    place = _ImageFolder(folder, os.path.realpath(folder), source, links)
    codes, missing, missing_count = bytearray(), [], 0
    for name in names:
        code = place.suffix_code(name)
        if code is None:
            missing_count += 1
            if len(missing) < _SHOWN_FILES:
                missing.append(_missing(name, folder, place.files(name.rpartition('/')[0])))
        codes.append(code or 0)
    if missing_count:
        raise FileNotFoundError(
            f'{missing_count} of {len(codes)} images of {source} are not in {folder}: '
            f'{summarise(missing, missing_count)}; put them there, or set data_root, img_prefix or img_subdir'
        )
    return np.frombuffer(bytes(codes), np.uint8)


@dataclass(frozen=True)
class _ImageFolder:
    """An image folder, in which each folder is listed once.

    Attributes:
        path: the folder.
        root: the same without symbolic links.
        source: what lists the names, for messages.
        links: see :func:`resolve_suffixes`.
    """

    path: str
    root: str
    source: str
    links: str
    _listings: dict[str, Mapping[str, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not os.path.isdir(self.path):
            raise FileNotFoundError(
                f'{self.path}: no such image folder; set data_root, img_prefix or img_subdir to where the '
                'images are'
            )
        if self.links not in ('inside', 'anywhere'):
            raise ValueError(f"links is {self.links!r}; expected 'inside' or 'anywhere'")

    def files(self, parent: str) -> Mapping[str, bool]:
        """Whether it is a symbolic link, by name of each file of a folder below."""
        if parent not in self._listings:
            self._listings[parent] = _list_files(os.path.join(self.path, parent))
            if self.links == 'inside':
                _refuse_way_out(os.path.join(self.root, parent), self.root, self.source)
        return self._listings[parent]

    def suffix_code(self, name: str) -> int | None:
        """Index of an image's suffix, None where it is not there."""
        parent, _, base = name.rpartition('/')
        files = self.files(parent)
        code = _suffix_code(base, files)
        if code is None:
            if base in files:
                path = os.path.join(self.path, name)
                known = ', '.join(FORMATS)
                raise ValueError(f'{self.source}: {path} is there, but only {known} files are read')
        elif self.links == 'inside' and files[base + SUFFIXES[code]]:
            _refuse_way_out(os.path.join(self.root, name + SUFFIXES[code]), self.root, self.source)
        return code


def _missing(name: str, folder: str, files: Iterable[str]) -> str:
    """Describe an image that is not there, with the file that was probably meant."""
    base = name.rpartition('/')[2]
    shown = name if has_image_suffix(name) else f'{name}.jpg'
    for suffix in SUFFIXES:
        if os.path.islink(path := os.path.join(folder, name + suffix)):
            return f'{name}{suffix} (a link to {os.readlink(path)}, which is not there: fetch the content)'
    unquoted = base.strip('"\'')
    if unquoted != base:
        return f'{shown} (the list has quotes around the name: take them off)'
    stem = os.path.splitext(base)[0] if has_image_suffix(base) else base
    alike = sorted(file for file in files if os.path.splitext(file)[0] == stem)
    if not alike:
        return shown
    if has_image_suffix(alike[0]):
        return f'{shown} (there is {alike[0]}: write that name, or the name without suffix, into the list)'
    return f'{shown} (there is {alike[0]}, but only {", ".join(FORMATS)} files are read: convert it)'


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
            "folder or the data root instead, copy it, or set links='anywhere' in data.pool and data.test"
        )


def _suffix_code(base: str, files: Mapping[str, bool]) -> int | None:
    if has_image_suffix(base) and base in files:
        return 0
    for code, suffix in enumerate(SUFFIXES[1:], 1):
        if base + suffix in files:
            return code
    return None
