"""Images, lists, loaders, and labels that are unlocked image by image; imports no other room."""

import mmcv  # noqa: F401 (first, so that the whole package registers, see mmdet_miaod/__init__.py)

from .builder import build_dataset
from .coco import CocoDetectionDataset, CocoPoolDataset
from .image_index import ImageIndex
from .photographs import PersonLabeledDataset, PhotographPool
from .pool import ImagePoolDataset
from .transforms import BoxFreeRandomCrop
from .voc import VOCDetectionDataset

__all__ = [
    'BoxFreeRandomCrop',
    'CocoDetectionDataset',
    'CocoPoolDataset',
    'ImageIndex',
    'ImagePoolDataset',
    'PersonLabeledDataset',
    'PhotographPool',
    'VOCDetectionDataset',
    'build_dataset',
]
