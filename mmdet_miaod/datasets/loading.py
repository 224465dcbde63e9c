"""Loading of images: records that pipelines start from, and errors that name the file."""

from collections.abc import Callable, Sequence
from typing import Any

from mmdet.datasets.pipelines import Compose

from .image_files import refuse_bomb, refuse_cut, refuse_unreadable
from .image_index import ImageIndex

_LOADER = 'LoadImageFromFile'


def loading_pipeline(transforms: Sequence[dict], exif: str) -> Compose:
    """Build a pipeline whose images are loaded as an index says.

    Args:
        transforms: configs of transforms.
        exif: ``'apply'``: images are turned by their EXIF orientation, as OpenCV does; ``'ignore'``: they are
            loaded as their pixels lie.

    Raises:
        ValueError: ``'ignore'`` for a pipeline that loads images with another transform.
    """
    if exif == 'ignore' and transforms:
        if transforms[0].get('type') != _LOADER:
            raise ValueError(f"exif='ignore' needs a pipeline that begins with {_LOADER}")
        loader = dict(transforms[0], color_type='color_ignore_orientation')
        transforms = [loader, *transforms[1:]]
    return Compose(transforms)


def load_sample(pipeline: Callable[[dict], dict | None], record: dict, path: str) -> dict | None:
    """Run a record through a pipeline.

    Args:
        pipeline: from :func:`loading_pipeline`.
        record: from :func:`image_record`.
        path: the image file.

    Raises:
        ValueError: the file cannot be read (any more).
        Exception: whatever a transform raises on an image that can be read.
    """
    try:
        return pipeline(record)
    except Exception:
        refuse_unreadable(path)
        raise


def image_record(index: ImageIndex, i: int) -> dict[str, Any]:
    """Record, without labels, that mmdet's pipelines start from (``CustomDataset.pre_pipeline``).

    Raises:
        IndexError: no such image.
        OSError, ValueError: the file cannot be read, was cut off, or is larger decoded than an image may be;
            it may have changed since the index was checked, and OpenCV would decode six times as much.
    """
    if not 0 <= i < len(index):
        raise IndexError(f'image {i} of {len(index)}')
    path = index.image_path(i)
    refuse_bomb(path)
    refuse_cut(path)
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
