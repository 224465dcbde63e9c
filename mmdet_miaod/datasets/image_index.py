"""Index of the image pool: entry i is line i of the image lists joined, always; nothing is dropped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import image_files
from .image_lists import NameTable, check_name, read_image_list, refuse_duplicates
from .image_tags import checked_tags, default_tags, paired_prefixes

_CHUNK = 512  # images that a thread reads at a time


@dataclass(frozen=True)
class ImageList:
    """Folders of the images of one list.

    Attributes:
        source: list file (or what else named the images), for messages.
        tag: name of the list in file names, e.g. ``'07'``.
        image_folder: what image names start from; None where names are whole paths.
        annotation_folder: folder of the XML files; None without annotations.
    """

    source: str
    tag: str
    image_folder: str | None
    annotation_folder: str | None = None


class ImageIndex:
    """Names, files and sizes of a pool of images. Build it with a ``from_...`` method.

    Light enough for ten million images: paths are made on demand, and no image or annotation is opened before
    sizes are asked for.

    Attributes:
        names: sequence of N names as in the lists, e.g. ``'000005'`` or ``'sub/000005.png'``.
        list_ids: ``(N,)`` int32, which list each image came from.
        lists: folders of each list.
        tags: one name per list, all different, fit for file names, e.g. ``('07', '12')``.
    """

    def __init__(
        self, names: NameTable, list_ids: np.ndarray, lists: Sequence[ImageList], suffix_codes: np.ndarray
    ) -> None:
        if not len(names):
            raise ValueError(f'{lists[0].source}: no images; an index needs at least one')
        self.names = names
        self.list_ids = list_ids
        self.lists = tuple(lists)
        self.tags = checked_tags([image_list.tag for image_list in lists])
        self._suffix_codes = suffix_codes
        self._sizes: np.ndarray | None = None
        # Two entries with one file would put an image on both sides of a split.
        refuse_duplicates(self._walk_files, self._where)

    @classmethod
    def from_lists(
        cls,
        ann_files: str | Sequence[str],
        img_prefixes: str | Sequence[str],
        *,
        img_subdir: str = 'JPEGImages',
        ann_subdir: str = 'Annotations',
        tags: Sequence[str] | None = None,
    ) -> ImageIndex:
        """Index the images of VOC-style lists.

        Args:
            ann_files: list file(s), one image name per line (:func:`read_image_list`).
            img_prefixes: folder of each list's images and annotations, e.g. ``data/VOCdevkit/VOC2007``; or
                one folder for all lists.
            img_subdir: sub folder of the images; '' for none.
            ann_subdir: sub folder of the XML files; '' for none.
            tags: one name per list; default: '07' for a folder VOC2007, else the list's file name.

        Raises:
            FileNotFoundError: a list, folder or image is missing.
            ValueError: a list is malformed or empty, or an image file is listed twice.
        """
        sources, prefixes = paired_prefixes(ann_files, img_prefixes)
        tags = default_tags(sources, prefixes) if tags is None else tags
        if len(tags) != len(sources):
            raise ValueError(f'tags {tuple(tags)}: expected {len(sources)}, one per image list')
        lists = [
            ImageList(source, tag, os.path.join(prefix, img_subdir), os.path.join(prefix, ann_subdir))
            for source, tag, prefix in zip(sources, tags, prefixes, strict=True)
        ]
        tables = [read_image_list(source) for source in sources]
        codes = [
            image_files.resolve_suffixes(table, entry.image_folder, entry.source)
            for table, entry in zip(tables, lists, strict=True)
        ]
        list_ids = np.repeat(np.arange(len(tables), dtype=np.int32), [len(table) for table in tables])
        return cls(NameTable.concatenate(tables), list_ids, lists, np.concatenate(codes))

    @classmethod
    def from_names(
        cls, names: Iterable[str], img_folder: str, tag: str, ann_folder: str | None = None
    ) -> ImageIndex:
        """Index named images of one folder, e.g. the file names of a COCO annotation file.

        Args:
            names: image names below the folder, with or without suffix.
            img_folder: folder of the images.
            tag: name of this set of images.
            ann_folder: folder of the XML files; None without annotations.

        Raises:
            FileNotFoundError: the folder or an image is missing.
            ValueError: a name is refused (:func:`check_name`) or there twice.
        """
        checked = []
        for i, name in enumerate(names):
            check_name(name, f'{tag}, image {i}')
            checked.append(name)
        table = NameTable(checked)
        codes = image_files.resolve_suffixes(table, img_folder, tag)
        lists = [ImageList(tag, tag, img_folder, ann_folder)]
        return cls(table, np.zeros(len(table), np.int32), lists, codes)

    @classmethod
    def from_files(cls, paths: str | Path | Iterable[str | Path], tag: str = 'files') -> ImageIndex:
        """Index image files that have no annotations.

        Args:
            paths: image files and folders; of a folder all images below it, sorted. Their paths are their
                names.
            tag: name of this set of images.

        Raises:
            FileNotFoundError: a path is missing or a folder holds no image.
            ValueError: a file is there twice.
        """
        files: list[str] = []
        for path in [paths] if isinstance(paths, (str, Path)) else paths:
            found = image_files.find_images(str(path)) if os.path.isdir(path) else [str(path)]
            if not found or not os.path.isfile(found[0]):
                raise FileNotFoundError(f'{path}: {"no such image" if found else "no image in this folder"}')
            files += found
        if any('\n' in name for name in files):
            raise ValueError('a file name with a line break cannot be indexed; rename the file')
        whole_paths = [ImageList(source=tag, tag=tag, image_folder=None)]
        return cls(
            NameTable(files), np.zeros(len(files), np.int32), whole_paths, np.zeros(len(files), np.uint8)
        )

    def __len__(self) -> int:
        return len(self.names)

    def image_file(self, i: int) -> tuple[str, str]:
        """Folder and file name (below it) of image ``i``."""
        folder, name = self.lists[self.list_ids[i]].image_folder, self.names[i]
        if folder is None:  # from_files: the name is the whole path
            return os.path.split(name)
        return folder, name + image_files.SUFFIXES[self._suffix_codes[i]]

    def image_path(self, i: int) -> str:
        """Path of image ``i``."""
        return os.path.join(*self.image_file(i))

    def annotation_path(self, i: int) -> str:
        """Path that the XML annotation of image ``i`` has by its name; nothing is opened or looked for.

        Raises:
            ValueError: the index was built without annotations.
        """
        folder, name = self.lists[self.list_ids[i]].annotation_folder, self.names[i]
        if folder is None:
            raise ValueError(f'image {i} ({name}): this index was built without annotations')
        stem = os.path.splitext(name)[0] if self._suffix_codes[i] == 0 else name
        return os.path.join(folder, f'{stem}.xml')

    @property
    def sizes(self) -> np.ndarray:
        """``(N, 2)`` int32 width and height in pixels after EXIF orientation; read on first use."""
        if self._sizes is None:
            self.check_images('header')
        return self._sizes

    @property
    def aspect_flags(self) -> np.ndarray:
        """``(N,)`` uint8, 1 where width / height > 1: the groups of MMDetection's GroupSampler."""
        return (self.sizes[:, 0] > self.sizes[:, 1]).astype(np.uint8)

    def use_sizes(self, sizes: np.ndarray) -> None:
        """Take over the ``sizes`` that another process read of the same images.

        Args:
            sizes: ``(N, 2)`` int32 width and height in pixels.

        Raises:
            ValueError: they are of another number of images.
        """
        if sizes.shape != (len(self), 2):
            raise ValueError(f'the sizes of {len(sizes)} images do not fit an index of {len(self)} images')
        self._sizes = sizes

    def check_images(self, mode: str = 'decode', on_chunk: Callable[[], None] = lambda: None) -> None:
        """Read every image once, in threads, and keep the sizes.

        Args:
            mode: 'decode' reads all data of each file and so finds truncated ones; 'header' reads the
                headers.
            on_chunk: called after every few hundred images.

        Raises:
            FileNotFoundError: images are missing.
            ValueError: images cannot be read or are too large (the first files and the number of all are
                named), or the mode is unknown.
        """
        readers = {'decode': image_files.decode, 'header': image_files.read_size}
        if mode not in readers:
            raise ValueError(f'mode {mode!r}: expected one of {sorted(readers)}')
        found, failures = [], []
        for sizes, failed in self._map_chunks(lambda paths: image_files.probe(paths, readers[mode])):
            found.append(sizes)
            failures += failed
            on_chunk()
        image_files.raise_failures(failures, len(self))
        self._sizes = np.concatenate(found)

    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) over the tags and names of all lists, in order."""
        digest = hashlib.sha256()
        counts = np.bincount(self.list_ids, minlength=len(self.tags))
        heading = [f'{tag} {count}\n' for tag, count in zip(self.tags, counts, strict=True)]
        digest.update(''.join(heading).encode())
        digest.update(b'\n' + self.names.to_bytes())
        return digest.hexdigest()

    def _map_chunks(self, function: Callable) -> Iterator:
        ranges = [range(start, min(start + _CHUNK, len(self))) for start in range(0, len(self), _CHUNK)]
        with ThreadPoolExecutor(min(32, 2 * (os.cpu_count() or 1))) as threads:
            yield from threads.map(lambda indices: function([self.image_path(i) for i in indices]), ranges)

    def _walk_files(self) -> Iterator[str]:
        """Path of every image, its folder without symbolic links."""
        folders = [
            '' if entry.image_folder is None else os.path.realpath(entry.image_folder) + '/'
            for entry in self.lists
        ]
        for name, k, code in zip(self.names, self.list_ids, self._suffix_codes, strict=True):
            yield folders[k] + name + image_files.SUFFIXES[code]

    def _where(self, i: int) -> str:
        k = self.list_ids[i]
        return f'{self.lists[k].source}, line {i - int(np.searchsorted(self.list_ids, k)) + 1}'
