"""Augmentations of images whose boxes are not known. Importing this registers them with MMDetection."""

from collections.abc import Sequence

import numpy as np
from mmdet.datasets import PIPELINES


@PIPELINES.register_module()
class BoxFreeRandomCrop:
    """The random crop of SSD without its look at boxes.

    SSD's crop (Liu et al., ECCV 2016, arXiv:1512.02325, section 2.2; MMDetection's ``MinIoURandomCrop``)
    keeps the whole image or a part of it with sides of ``min_crop_size`` to 1, aspect ratio 1/2 to 2,
    and accepts the part by the boxes in it. Here the first part of an accepted aspect ratio is taken.

    Args:
        min_crop_size: shortest side of the part, as a fraction of the image's side.
        keep_probability: how often the image stays whole; default: as in SSD's crop with five overlaps.
        aspect_range: accepted height / width of the part.
        tries: parts that are drawn before the image stays whole.

    Raises:
        ValueError: a value is out of range.
    """

    def __init__(
        self,
        min_crop_size: float = 0.3,
        keep_probability: float = 1 / 7,
        aspect_range: Sequence[float] = (0.5, 2.0),
        tries: int = 50,
    ) -> None:
        if not 0 < min_crop_size <= 1 or not 0 <= keep_probability <= 1:
            raise ValueError(
                f'min_crop_size is {min_crop_size}, expected in (0, 1]; '
                f'keep_probability is {keep_probability}, expected in [0, 1]'
            )
        self.min_crop_size = min_crop_size
        self.keep_probability = keep_probability
        self.aspect_range = tuple(aspect_range)
        self.tries = tries

    def __call__(self, results: dict) -> dict:
        """Crop ``results['img']``, ``(H, W, 3)`` uint8 or float32, and set its ``img_shape``.

        Raises:
            ValueError: there are boxes, which would not be cropped.
        """
        if results.get('bbox_fields'):
            raise ValueError(
                f'BoxFreeRandomCrop found boxes {results["bbox_fields"]}: use MinIoURandomCrop with labels'
            )
        left, top, width, height = self._draw(*results['img'].shape[1::-1])
        results['img'] = np.ascontiguousarray(results['img'][top : top + height, left : left + width])
        results['img_shape'] = results['img'].shape
        return results

    def _draw(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, width and height of the part to keep, in pixels."""
        if np.random.uniform() >= self.keep_probability:
            for _ in range(self.tries):
                part_width = max(1, int(np.random.uniform(self.min_crop_size, 1) * width))
                part_height = max(1, int(np.random.uniform(self.min_crop_size, 1) * height))
                if self.aspect_range[0] <= part_height / part_width <= self.aspect_range[1]:
                    left = np.random.randint(width - part_width + 1)
                    top = np.random.randint(height - part_height + 1)
                    return left, top, part_width, part_height
        return 0, 0, width, height

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(min_crop_size={self.min_crop_size}, '
            f'keep_probability={self.keep_probability:.3g}, aspect_range={self.aspect_range})'
        )
