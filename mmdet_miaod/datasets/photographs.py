"""Photographs in folders, without lists or annotation files: a pool of them, and labels that people give."""

import copy
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from mmdet.datasets import DATASETS

from .boxes import BoxAnnotation
from .image_files import summarise
from .image_index import ImageIndex
from .image_names import find_images
from .pool import ImagePoolDataset
from .voc import VOCDetectionDataset

TAG = 'photographs'


def photograph_root(folders: str | Sequence[str], data_root: str | None = None) -> str:
    """Return the folder that names of photographs start from: that of all folders which have them.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: no folder is given.
    """
    folders = [folders] if isinstance(folders, str) else list(folders)
    if not folders:
        raise ValueError('no folder of photographs is given; set data.pool.folders')
    paths = [os.path.join(data_root or '', folder) for folder in folders]
    for path in paths:
        if not os.path.isdir(path):
            raise FileNotFoundError(
                f'{path}: no such folder of photographs; set data.pool.folders or data_root'
            )
    return os.path.commonpath([os.path.abspath(path) for path in paths])


def find_photographs(
    folders: str | Sequence[str], known: Sequence[str] = (), data_root: str | None = None
) -> list[str]:
    """Find all images below some folders; hidden files and folders do not count.

    Args:
        folders: where the photographs are.
        known: names that were found before, and keep their places.
        data_root: what relative folders start from.

    Returns:
        Names below :func:`photograph_root`, with ``/`` between folders: known ones, then new ones, sorted.

    Raises:
        FileNotFoundError: a folder is missing, or there is no image at all.
        ValueError: a file name is not UTF-8.
    """
    root = photograph_root(folders, data_root)
    places = [folders] if isinstance(folders, str) else folders
    paths = {path for place in places for path in find_images(os.path.join(data_root or '', place))}
    names = {os.path.relpath(os.path.abspath(path), root).replace(os.sep, '/') for path in paths}
    odd = sorted(ascii(name) for name in names if not _is_text(name))
    if odd:
        raise ValueError(
            f'{root}: {len(odd)} file names are not UTF-8, rename them: {summarise(odd, len(odd))}'
        )
    new = sorted(name for name in names.difference(known) if '/.' not in f'/{name}')
    if not new and not known:
        raise FileNotFoundError(f'{", ".join(places)}: no image in these folders')
    return [*known, *new]


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def same_size_groups(paths: Iterable[str]) -> list[list[int]]:
    """Return positions of files of one size, of two or more: only these can have the same content."""
    groups = defaultdict(list)
    for position, path in enumerate(paths):
        groups[os.path.getsize(path)].append(position)
    return [group for group in groups.values() if len(group) > 1]


@DATASETS.register_module()
class PhotographPool(ImagePoolDataset):
    """All images below some folders, by pool index; see :func:`find_photographs` for their order.

    Args:
        folders: folders of photographs; those below count as well.
        pipeline: see :class:`ImagePoolDataset`.
        score_pipeline: see :class:`ImagePoolDataset`.
        index: an index that a run recorded, in place of what is in the folders now.
        data_root: what relative folders start from.
        links: see :meth:`ImageIndex.from_lists`; not used where ``index`` is given.
    """

    def __init__(
        self,
        folders: str | Sequence[str],
        pipeline: Sequence[dict] = (),
        *,
        score_pipeline: Sequence[dict] | None = None,
        index: ImageIndex | None = None,
        data_root: str | None = None,
        links: str = 'inside',
    ) -> None:
        if index is None:
            names = find_photographs(folders, data_root=data_root)
            index = ImageIndex.from_names(names, photograph_root(folders, data_root), TAG, links=links)
        super().__init__(pipeline=pipeline, score_pipeline=score_pipeline, index=index)


@DATASETS.register_module()
class PersonLabeledDataset(VOCDetectionDataset):
    """Photographs whose labels a person gives, batch by batch (:meth:`give`); evaluated as VOC.

    Args:
        classes: class names, or a file with one name per line.
        pipeline: transforms.
        index: names and files of the images; it comes from the run.
        test_mode: load images without boxes.
        use_legacy_coordinate: see :class:`VOCDetectionDataset`.
    """

    def __init__(
        self,
        classes: str | Sequence[str],
        pipeline: Sequence[dict] = (),
        *,
        index: ImageIndex | None = None,
        test_mode: bool = False,
        use_legacy_coordinate: bool = False,
    ) -> None:
        if index is None:
            raise ValueError('labels that people give are in their run: ask for its images by the run')
        self._given: dict[int, BoxAnnotation] = {}
        super().__init__(
            pipeline=pipeline, classes=classes, index=index, use_legacy_coordinate=use_legacy_coordinate
        )
        self.test_mode = test_mode

    def give(self, objects: Mapping[int, Sequence[tuple[Sequence[float], str, bool]]]) -> None:
        """Take a person's labels.

        Args:
            objects: by pool index of each reviewed image its boxes, may be none: corners (x1, y1, x2, y2),
                class name and whether it is ignored.
        """
        for i, boxes in objects.items():
            labeled = [(corners, self._labels[name], ignored) for corners, name, ignored in boxes]
            self._given[i] = BoxAnnotation.from_objects(labeled, {}, ())

    def example(self, i: int) -> 'PersonLabeledDataset':
        """Copy of the data set in which image ``i`` has a box, to try a pipeline before there are labels."""
        width, height = self.index.sizes[i].tolist()
        dataset = copy.copy(self)
        dataset._given = {}
        dataset.give({i: [((0, 0, width, height), self.CLASSES[0], False)]})
        dataset._annotations = {i: dataset.read_annotation(i)}
        return dataset

    def annotation_source(self, i: int) -> str:
        """Name of the photograph, for messages."""
        return f'labels of {self.index.names[i]}'

    def read_annotation(self, i: int) -> BoxAnnotation:
        """Return what was given.

        Raises:
            ValueError: nobody labeled the image.
        """
        if i not in self._given:
            raise ValueError(f'{self.index.names[i]}: nobody labeled this image; its batch is to be imported')
        return self._given[i]
