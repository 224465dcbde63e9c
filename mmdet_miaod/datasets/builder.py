"""Data sets and their indices from configs."""

import inspect
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from mmcv.utils import build_from_cfg
from mmdet.datasets import DATASETS
from torch.utils.data import Dataset

from .. import distributed
from ..config_errors import config_errors
from .image_index import ImageIndex
from .loaders import check_shared_memory
from .seeding import Draw


def build_dataset(config: Mapping[str, Any], **defaults: Any) -> Dataset:
    """Build one data set, however many image lists it has.

    MMDetection's own ``build_dataset`` makes several data sets of a config whose ``ann_file`` is a list, and
    so has no index over all images.

    Args:
        config: ``type`` (a registered name) and keyword arguments; those that are None count as not given.
        defaults: keyword arguments that the config may override.
    """
    arguments = {name: value for name, value in config.items() if value is not None}
    with config_errors(f'data set {config["type"]}'):
        return build_from_cfg(arguments, DATASETS, defaults)


def build_index(
    ann_file: str | Sequence[str] | None = None,
    img_prefix: str | Sequence[str] | None = None,
    *,
    img_subdir: str = 'JPEGImages',
    ann_subdir: str = 'Annotations',
    tags: Sequence[str] | None = None,
    data_root: str | None = None,
    exif: str = 'apply',
    links: str = 'inside',
) -> ImageIndex:
    """Index of a data set's image lists.

    Args:
        ann_file: image list(s), one name per line.
        img_prefix: folder of each list's images and annotations.
        img_subdir: sub folder of the images.
        ann_subdir: sub folder of the XML files.
        tags: name of each list; None: see :meth:`ImageIndex.from_lists`.
        data_root: what relative lists and folders start from.
        exif: see :class:`ImageIndex`.
        links: see :meth:`ImageIndex.from_lists`.

    Raises:
        ValueError: no list or no folder is given.
    """
    if not ann_file or img_prefix is None:
        raise ValueError('a data set needs ann_file and img_prefix, or an index')
    return ImageIndex.from_lists(
        _below(data_root, ann_file),
        _below(data_root, img_prefix),
        img_subdir=img_subdir,
        ann_subdir=ann_subdir,
        tags=tags,
        exif=exif,
        links=links,
    )


def _below(root: str | None, paths: str | Sequence[str]) -> str | list[str]:
    if isinstance(paths, (list, tuple)):
        return [os.path.join(root or '', path) for path in paths]
    return os.path.join(root or '', paths)


def check_classes(labeled: Dataset, test: Dataset | None, number: int) -> None:
    """Check the classes of the labeled images against the test set's and the model's.

    Raises:
        ValueError: they differ, or are not as many as the model's ``number``.
    """
    if len(labeled.CLASSES) != number:
        hint = getattr(labeled, 'class_hint', '')
        raise ValueError(
            f'the data has {len(labeled.CLASSES)} classes {tuple(labeled.CLASSES)}, but '
            f'model.bbox_head.num_classes is {number}: make them equal{f" ({hint})" if hint else ""}'
        )
    if test is not None and tuple(labeled.CLASSES) != tuple(test.CLASSES):
        raise ValueError(
            f'data.train has the classes {tuple(labeled.CLASSES)}, data.test {tuple(test.CLASSES)}: set '
            'classes to one list, in one order, for both'
        )


def check_evaluation(dataset: Dataset, arguments: Mapping[str, Any]) -> None:
    """Check keyword arguments of a data set's ``evaluate``.

    Raises:
        ValueError: it does not take them.
    """
    check = getattr(dataset, 'check_evaluation', None)
    try:
        if check is None:
            inspect.signature(dataset.evaluate).bind([], **arguments)
        else:
            check(**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'evaluation = {arguments}: {type(dataset).__name__} refuses it ({error})'
        ) from error


def check_sample(key: str, dataset: Dataset, draw: Draw | int) -> int:
    """Load an image as a run will; returns the bytes of its pixels.

    Args:
        key: config key of the pipeline, for messages.
        dataset: with the pipeline.
        draw: what is loaded.

    Raises:
        ValueError: it cannot be loaded, or the pipeline makes several versions of it.
    """
    try:
        sample = dataset[draw] or {}
    except Exception as error:  # a transform may be anybody's
        raise ValueError(f'{key}: an image cannot be loaded ({type(error).__name__}: {error})') from error
    if isinstance(sample.get('img'), list) and len(sample['img']) != 1:
        number = len(sample['img'])
        raise ValueError(f'{key} makes {number} versions of an image: set flip=False and one img_scale')
    image = sample.get('img')
    return getattr(getattr(image, 'data', image), 'nbytes', 0)


def check_loaders(pool: Dataset, batch_size: int, workers: int, prefetch: int) -> str:
    """Check that what the training loaders load of a pool fits into memory.

    Args and errors: see :func:`~mmdet_miaod.datasets.loaders.check_shared_memory`.
    """
    image_bytes = check_sample('data.pool.pipeline', pool, Draw(0, 0)) if workers else 0
    return check_shared_memory(image_bytes, batch_size, workers, prefetch)


def check_images(index: ImageIndex, mode: str, heartbeat: Callable[[], None] = lambda: None) -> None:
    """Read every image, and log which are turned by EXIF or odd; see :meth:`ImageIndex.check_images`."""
    for text in index.check_images(mode, heartbeat).warnings(index.exif):
        logging.getLogger('mmdet').warning('%s: %s', ', '.join(index.tags), text)


def check_images_once(index: ImageIndex, mode: str) -> None:
    """Read every image once per run, in the main process; the others wait for the sizes.

    Args:
        index: of a pool or test set, the same in every process.
        mode: ``'decode'`` or ``'header'``, see :meth:`ImageIndex.check_images`.

    Raises:
        FileNotFoundError, ValueError: as :meth:`ImageIndex.check_images`, in the main process; a
            :class:`~mmdet_miaod.distributed.PeerError` that quotes it in the others.
    """

    def check(heartbeat: Callable[[], None]) -> np.ndarray:
        check_images(index, mode, heartbeat)
        return index.sizes

    index.use_sizes(distributed.on_main_for_long(check))
