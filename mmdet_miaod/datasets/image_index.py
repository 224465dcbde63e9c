"""Index of the image pool: entry i is line i of the image lists joined, always; nothing is dropped."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from . import image_files, image_names
from .image_checks import ImageReport, inspect_images
from .image_lists import ImageList, NameTable, check_name, read_image_list, refuse_duplicates
from .image_tags import checked_tags, default_tags, paired_prefixes


class ImageIndex:
    """Names, files and sizes of a pool of images. Build it with a ``from_...`` method.

    Light enough for ten million images: paths are made on demand, and no image or annotation is opened before
    sizes are asked for.

    Attributes:
        names: sequence of N names as in the lists, e.g. ``'000005'`` or ``'sub/000005.png'``.
        list_ids: ``(N,)`` int32, which list each image came from.
        lists: folders of each list.
        tags: one name per list, all different, fit for file names, e.g. ``('07', '12')``.
        exif: ``'apply'``: images are loaded turned by their EXIF orientation; ``'ignore'``: as they lie.
        keys: ``(N,)`` uint64 by which the files are known, once :meth:`check_images` has read them here; else
            zeros.
    """

    def __init__(
        self,
        names: NameTable,
        list_ids: np.ndarray,
        lists: Sequence[ImageList],
        suffix_codes: np.ndarray,
        exif: str = 'apply',
    ) -> None:
        if exif not in ('apply', 'ignore'):
            raise ValueError(f"exif is {exif!r}; expected 'apply' or 'ignore'")
        if not len(names):
            raise ValueError(f'{lists[0].source}: no images; an index needs at least one')
        self.names = names
        self.list_ids = list_ids
        self.lists = tuple(lists)
        self.exif = exif
        self.tags = checked_tags([image_list.tag for image_list in lists])
        self._suffix_codes = suffix_codes
        self.keys = np.zeros(len(names), np.uint64)
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
        exif: str = 'apply',
        links: str = 'inside',
    ) -> 'ImageIndex':
        """Index the images of VOC-style lists.

        Args:
            ann_files: list file(s), one image name per line (:func:`read_image_list`).
            img_prefixes: folder of each list's images and annotations, e.g. ``data/VOCdevkit/VOC2007``; or
                one folder for all lists.
            img_subdir, ann_subdir: sub folders of the images and of the XML files; '' for none.
            tags: one name per list; default: '07' for a folder VOC2007, else the list's file name.
            exif, links: see the class, and :func:`~mmdet_miaod.datasets.image_names.resolve_suffixes`.

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
            image_names.resolve_suffixes(table, entry.image_folder, entry.source, links)
            for table, entry in zip(tables, lists, strict=True)
        ]
        list_ids = np.repeat(np.arange(len(tables), dtype=np.int32), [len(table) for table in tables])
        return cls(NameTable.concatenate(tables), list_ids, lists, np.concatenate(codes), exif)

    @classmethod
    def from_names(
        cls,
        names: Iterable[str],
        img_folder: str,
        tag: str,
        ann_folder: str | None = None,
        *,
        source: str | None = None,
        exif: str = 'apply',
        links: str = 'inside',
    ) -> 'ImageIndex':
        """Index named images of one folder, e.g. the file names of a COCO annotation file.

        Args:
            names: image names below the folder, with or without suffix.
            img_folder: folder of the images.
            tag: name of this set of images.
            ann_folder: folder of the XML files; None without annotations.
            source: what names the images, for messages; default: the tag.
            exif: see the class.
            links: see :meth:`from_lists`.

        Raises:
            FileNotFoundError: the folder or an image is missing.
            ValueError: a name is refused (:func:`check_name`) or there twice.
        """
        checked = []
        for i, name in enumerate(names):
            check_name(name, f'{source or tag}, image {i}')
            checked.append(name)
        table = NameTable(checked)
        codes = image_names.resolve_suffixes(table, img_folder, source or tag, links)
        lists = [ImageList(source or tag, tag, img_folder, ann_folder)]
        return cls(table, np.zeros(len(table), np.int32), lists, codes, exif)

    @classmethod
    def from_files(
        cls, paths: str | Path | Iterable[str | Path], tag: str = 'files', exif: str = 'apply'
    ) -> 'ImageIndex':
        """Index image files that have no annotations.

        Args:
            paths: image files and folders; of a folder all images below it, sorted. Their paths are their
                names.
            tag: name of this set of images.
            exif: see the class.

        Raises:
            FileNotFoundError: a path is missing or a folder holds no image.
            ValueError: a file is there twice.
        """
        files: list[str] = []
        for path in [paths] if isinstance(paths, (str, Path)) else paths:
            found = image_names.find_images(str(path)) if os.path.isdir(path) else [str(path)]
            if not found or not os.path.isfile(found[0]):
                raise FileNotFoundError(f'{path}: {"no such image" if found else "no image in this folder"}')
            files += found
        if any('\n' in name for name in files):
            raise ValueError('a file name with a line break cannot be indexed; rename the file')
        zeros, whole_paths = np.zeros(len(files), np.int32), ImageList(tag, tag, image_folder=None)
        return cls(NameTable(files), zeros, [whole_paths], zeros.astype(np.uint8), exif)

    def __len__(self) -> int:
        return len(self.names)

    def image_file(self, i: int) -> tuple[str, str]:
        """Folder and file name (below it) of image ``i``."""
        folder, name = self.lists[self.list_ids[i]].image_folder, self.names[i]
        if folder is None:  # from_files: the name is the whole path
            return os.path.split(name)
        return folder, name + image_names.SUFFIXES[self._suffix_codes[i]]

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
        """``(N, 2)`` int32 width and height in pixels as a model sees the images; read on first use."""
        if self._sizes is None:
            self.check_images('header')
        return self._sizes

    def size_of(self, i: int) -> tuple[int, int] | None:
        """Width and height of image ``i`` as ``sizes`` has them; None where the file cannot be read."""
        if self._sizes is not None:
            return tuple(self._sizes[i].tolist())
        ((facts,), _) = image_files.probe([self.image_path(i)], image_files.read_header)
        return None if facts is None else facts.size(self.exif)

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

    def check_images(self, mode: str = 'decode', on_chunk: Callable[[], None] = lambda: None) -> ImageReport:
        """Read every image once, in threads or processes, and keep the sizes.

        Args and errors: as :func:`~mmdet_miaod.datasets.image_checks.inspect_images`.
        """
        report = inspect_images(
            self._paths,
            len(self),
            mode=mode,
            exif=self.exif,
            on_chunk=on_chunk,
        )
        self._sizes, self.keys = report.sizes, report.keys
        return report

    def _paths(self, part: range) -> list[str]:
        return [self.image_path(i) for i in part]

    def fingerprint(self, size: int | None = None) -> str:
        """SHA-256 (hexadecimal) over the tags and names of all lists, in order.

        Args:
            size: of the first ``size`` images alone, as if nothing followed them.
        """
        size = len(self) if size is None else size
        counts = np.bincount(self.list_ids[:size], minlength=len(self.tags))
        heading = [f'{tag} {count}\n' for tag, count in zip(self.tags, counts, strict=True) if count]
        digest = hashlib.sha256(''.join([*heading, '\n']).encode())
        digest.update(self.names.to_bytes(size))
        return digest.hexdigest()

    def _walk_files(self) -> Iterator[str]:
        """Path of every image, its folder without symbolic links."""
        folders = [
            '' if entry.image_folder is None else os.path.realpath(entry.image_folder) + '/'
            for entry in self.lists
        ]
        for name, k, code in zip(self.names, self.list_ids, self._suffix_codes, strict=True):
            yield folders[k] + name + image_names.SUFFIXES[code]

    def _where(self, i: int) -> str:
        k = self.list_ids[i]
        return f'{self.lists[k].source}, line {i - int(np.searchsorted(self.list_ids, k)) + 1}'
