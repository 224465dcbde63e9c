"""The image pool as a data set: images without annotations."""

import copy
from collections.abc import Sequence

from mmdet.datasets import DATASETS
from torch.utils.data import Dataset

from .builder import build_index
from .image_index import ImageIndex
from .loading import image_record, load_sample, loading_pipeline
from .seeding import Draw, open_draw

_UNLABELED_KEYS = {'img', 'img_metas'}


@DATASETS.register_module()
class ImagePoolDataset(Dataset):
    """All images of the pool, by pool index. No annotation file is opened, ever.

    Args:
        ann_file: image list(s), one name per line.
        img_prefix: folder of each list's images.
        pipeline: transforms for training on unlabeled images; must collect ``img`` and ``img_metas`` only.
        score_pipeline: transforms for scoring (:meth:`scoring_view`).
        img_subdir: sub folder of the images.
        ann_subdir: sub folder of the XML files (for the index only).
        tags: name of each list (:class:`ImageIndex`).
        index: an index built before, in place of the lists.
        data_root: what relative lists and folders start from.
        exif: see :class:`ImageIndex`; not used where ``index`` is given.
        links: see :meth:`ImageIndex.from_lists`; not used where ``index`` is given.
    """

    def __init__(
        self,
        ann_file: str | Sequence[str] | None = None,
        img_prefix: str | Sequence[str] | None = None,
        pipeline: Sequence[dict] = (),
        *,
        score_pipeline: Sequence[dict] | None = None,
        img_subdir: str = 'JPEGImages',
        ann_subdir: str = 'Annotations',
        tags: Sequence[str] | None = None,
        index: ImageIndex | None = None,
        data_root: str | None = None,
        exif: str = 'apply',
        links: str = 'inside',
    ) -> None:
        folders = dict(img_subdir=img_subdir, ann_subdir=ann_subdir, data_root=data_root)
        self.index = index or build_index(ann_file, img_prefix, tags=tags, exif=exif, links=links, **folders)
        self.pipeline = loading_pipeline(pipeline, self.index.exif)
        self.score_pipeline = score_pipeline

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, draw: Draw | int) -> dict:
        """Sample of an image, augmented by the draw's seed; a pool index alone is loaded unseeded.

        Returns:
            ``img`` and ``img_metas``, as the pipeline makes them.

        Raises:
            ValueError: the pipeline asks for or returns anything else, such as boxes.
        """
        i, seeded = open_draw(draw)
        advice = 'the pipeline of the pool must collect img only: no LoadAnnotations, no gt_bboxes'
        try:
            with seeded:
                sample = load_sample(self.pipeline, image_record(self.index, i), self.index.image_path(i))
        except KeyError as error:
            raise ValueError(f'an unlabeled image has no {error}; {advice}') from error
        if sample is None or set(sample) != _UNLABELED_KEYS:
            found = 'nothing' if sample is None else sorted(sample)
            raise ValueError(f'an unlabeled sample must be img and img_metas, but is {found}; {advice}')
        return sample

    def scoring_view(self) -> 'ImagePoolDataset':
        """The same images (the same index) through the scoring pipeline.

        Raises:
            ValueError: the data set was built without ``score_pipeline``.
        """
        if self.score_pipeline is None:
            raise ValueError(
                'the pool has no score_pipeline: set data.pool.score_pipeline (usually test_pipeline)'
            )
        view = copy.copy(self)
        view.pipeline = loading_pipeline(self.score_pipeline, self.index.exif)
        return view
