"""Images, labels and loaders. Importing this package registers its data sets with MMDetection."""

from .builder import build_dataset
from .image_index import ImageIndex
from .pool import ImagePoolDataset
from .voc import VOCDetectionDataset

__all__ = ['ImageIndex', 'ImagePoolDataset', 'VOCDetectionDataset', 'build_dataset']
