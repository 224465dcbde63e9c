"""The image pool as a data set: images without annotations."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Any

from mmdet.datasets import DATASETS
from mmdet.datasets.pipelines import Compose
from torch.utils.data import Dataset

from .image_files import refuse_bomb
from .image_index import ImageIndex
from .seeding import open_draw

_UNLABELED_KEYS = {'img', 'img_metas'}


@DATASETS.register_module()
class ImagePoolDataset(Dataset):
    """All images of the pool, by pool index. No annotation file is opened, ever.

    Args:
        ann_file: Image list(s), one name a line.
        img_prefix: Folder of each list's images.
        pipeline: Transforms for training on unlabeled images; must collect ``img`` and ``img_metas`` only.
        score_pipeline: Transforms for scoring (:meth:`scoring_view`).
        img_subdir: Sub folder of the images.
        ann_subdir: Sub folder of the XML files (for the index only).
        tags: Name of each list (:class:`ImageIndex`).
        index: An index built before, in place of the lists.
        data_root: What relative lists and folders start from.
    """

    def __init__(
        self,
        ann_file: str | Sequence[str] | None = None,
        img_prefix: str | Sequence[str] | None = None,
        pipeline: Sequence[dict] = (),
        score_pipeline: Sequence[dict] | None = None,
        img_subdir: str = 'JPEGImages',
        ann_subdir: str = 'Annotations',
        tags: Sequence[str] | None = None,
        index: ImageIndex | None = None,
        data_root: str | None = None,
    ):
        self.index = index or build_index(ann_file, img_prefix, img_subdir, ann_subdir, tags, data_root)
        self.pipeline = Compose(pipeline)
        self.score_pipeline = score_pipeline

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, draw: Any) -> dict:
        """Load one image.

        Args:
            draw: :class:`~mmdet_miaod.datasets.samplers.Draw`, or a pool index.

        Returns:
            What the pipeline makes of it: ``img`` and ``img_metas``.

        Raises:
            ValueError: The pipeline asks for or returns anything else, such as boxes.
        """
        i, seeded = open_draw(draw)
        advice = 'the pipeline of the pool must collect img only: no LoadAnnotations, no gt_bboxes'
        try:
            with seeded:
                sample = self.pipeline(image_record(self.index, i))
        except KeyError as error:
            raise ValueError(f'an unlabeled image has no {error}; {advice}') from error
        if sample is None or set(sample) != _UNLABELED_KEYS:
            found = 'nothing' if sample is None else sorted(sample)
            raise ValueError(f'an unlabeled sample must be img and img_metas, but is {found}; {advice}')
        return sample

    def scoring_view(self) -> ImagePoolDataset:
        """The same images (the same index) through the scoring pipeline.

        Raises:
            ValueError: The data set was built without ``score_pipeline``.
        """
        if self.score_pipeline is None:
            raise ValueError(
                'the pool has no score_pipeline: set data.pool.score_pipeline (usually test_pipeline)'
            )
        view = copy.copy(self)
        view.pipeline = Compose(self.score_pipeline)
        return view


def build_index(
    ann_file: str | Sequence[str] | None,
    img_prefix: str | Sequence[str] | None,
    img_subdir: str,
    ann_subdir: str,
    tags: Sequence[str] | None,
    data_root: str | None,
) -> ImageIndex:
    """Index of a data set's lists, relative paths below ``data_root``.

    Raises:
        ValueError: No list or no folder is given.
    """
    if not ann_file or img_prefix is None:
        raise ValueError('a data set needs ann_file and img_prefix, or an index')
    return ImageIndex.from_lists(
        _below(data_root, ann_file), _below(data_root, img_prefix), img_subdir, ann_subdir, tags
    )


def image_record(index: ImageIndex, i: int) -> dict:
    """What mmdet's pipelines start from (``CustomDataset.pre_pipeline``), without annotations.

    Raises:
        OSError, ValueError: The file cannot be read, or is larger decoded than an image may be; it may have
            changed since the index was checked, and OpenCV would decode six times as much.
    """
    if not 0 <= i < len(index):
        raise IndexError(f'image {i} of {len(index)}')
    refuse_bomb(index.image_path(i))
    folder, filename = index.image_file(i)
    return {
        # A relative file name: mmdet's tools join img_metas['ori_filename'] to output folders.
        'img_info': {'id': index.names[i], 'filename': filename},
        'img_prefix': folder,
        'seg_prefix': None,
        'proposal_file': None,
        'bbox_fields': [],
        'mask_fields': [],
        'seg_fields': [],
    }


def _below(root: str | None, paths: str | Sequence[str]) -> str | list[str]:
    if isinstance(paths, (list, tuple)):
        return [os.path.join(root or '', path) for path in paths]
    return os.path.join(root or '', paths)
