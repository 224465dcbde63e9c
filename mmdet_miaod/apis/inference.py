"""Asking a trained model: boxes and uncertainty of any images, without annotations.

Example:
    >>> from mmdet_miaod.apis import inference_detector, init_detector, score_images
    >>> model = init_detector(CONFIG, CHECKPOINT)
    >>> prediction = inference_detector(model, IMAGE)
    >>> prediction.boxes.shape[1], 0 <= prediction.uncertainty <= 1
    (4, True)
    >>> predictions, problems = score_images(model, IMAGE_FOLDER)
    >>> [p.uncertainty for p in predictions] == sorted((p.uncertainty for p in predictions), reverse=True)
    True
"""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv import Config
from torch import nn

from ..config.files import load_config
from ..datasets.image_index import ImageIndex
from ..datasets.image_sources import find_readable, list_images
from ..datasets.pool import ImagePoolDataset
from ..engine.detector import load_detector
from ..engine.inference import ScoringSettings, image_batches
from ..engine.parallel import check_device
from .settings import RunSettings


@dataclass(frozen=True)
class Prediction:
    """A model's prediction for an image.

    Attributes:
        path: the image file.
        uncertainty: MI-AOD's, how far the two classifiers disagree, whatever query the config names.
        boxes: ``(n, 4)`` float32 x1, y1, x2, y2 in pixels of the image, best first.
        scores: ``(n,)`` float32 confidences.
        labels: ``(n,)`` int64 indices of classes.
        classes: class names.
    """

    path: str
    uncertainty: float
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        found = zip(self.boxes.tolist(), self.scores.tolist(), self.labels.tolist(), strict=True)
        boxes = [
            {'class': self.classes[label], 'score': round(score, 5), 'box': [round(x, 2) for x in box]}
            for box, score, label in found
        ]
        return {'image': self.path, 'uncertainty': self.uncertainty, 'boxes': boxes}


def init_detector(
    config: str | Path | Config,
    checkpoint: str | Path,
    device: str = 'cpu',
    options: dict[str, Any] | None = None,
) -> nn.Module:
    """Build the detector of a config with the weights of a checkpoint, ready to be asked.

    Args:
        config: a config file, such as the one in the run directory, or a loaded config. Its data need not
            be there.
        checkpoint: a cycle's ``model.pth``, or a released one.
        device: ``'cpu'`` or ``'cuda:N'``.
        options: config overrides by dotted key.

    Returns:
        The model in evaluation mode, with ``CLASSES``, ``cfg`` and ``uncertainty_k``.

    Raises:
        FileNotFoundError: when a file is missing.
        ValueError, KeyError: when the config or the checkpoint is not right, or they do not fit each other.
    """
    config = deepcopy(config) if isinstance(config, Config) else load_config(config, options)
    settings = RunSettings.from_config(config)
    model = load_detector(settings.model, checkpoint)
    number, configured = settings.model.num_classes, settings.data.labeled.get('classes')
    if len(model.CLASSES) != number:
        listed = isinstance(configured, (list, tuple)) and len(configured) == number
        model.CLASSES = tuple(configured) if listed else tuple(f'class {i}' for i in range(number))
    model.cfg = config
    model.uncertainty_k = settings.uncertainty_k
    return model.to(check_device(device)).eval()


def inference_detector(model: nn.Module, image: str | Path) -> Prediction:
    """Boxes and uncertainty of one image.

    Args:
        model: from :func:`init_detector`.
        image: an image file.

    Raises:
        FileNotFoundError, ValueError: when the file is missing or no readable image.
    """
    index = ImageIndex.from_files([image], exif=exif_of(model))
    index.check_images('decode')
    return next(predict_batches(model, index))[0]


def score_images(
    model: nn.Module,
    images: str | Path | Iterable[str | Path],
    batch_size: int = 2,
    workers: int = 0,
    on_progress: Callable[[int], None] = lambda count: None,
) -> tuple[list[Prediction], list[tuple[str, str]]]:
    """Rank images by how uncertain a model is about them.

    Args:
        model: from :func:`init_detector`.
        images: a folder, a text file with one path per line, an image, or several of these.
        batch_size: largest number of images in a batch; all of one size, as padding counts.
        workers: loader processes.
        on_progress: called with the number of images after each batch.

    Returns:
        Predictions, most uncertain first; and (file, what is wrong) of images that were skipped.

    Raises:
        FileNotFoundError: when a folder or list is missing, or there is no image in it.
    """
    files, problems = find_readable(list_images(images))
    predictions: list[Prediction] = []
    if files:
        index = ImageIndex.from_files(files, exif=exif_of(model))
        for batch in predict_batches(model, index, batch_size, workers):
            predictions += batch
            on_progress(len(batch))
    return ranked(predictions), problems


def exif_of(model: nn.Module) -> str:
    """How the model's config loads images with an EXIF orientation: ``data.pool.exif``."""
    return model.cfg.data.pool.get('exif', 'apply')


def ranked(predictions: Iterable[Prediction]) -> list[Prediction]:
    """Most uncertain first; ties by path."""
    return sorted(predictions, key=lambda p: (-p.uncertainty, p.path))


@torch.inference_mode()
def predict_batches(
    model: nn.Module, index: ImageIndex, batch_size: int = 1, workers: int = 0
) -> Iterator[list[Prediction]]:
    """Run a model over images; yields the predictions of each batch, images of one size after another."""
    settings = ScoringSettings(batch_size, workers, device=next(model.parameters()).device)
    view = ImagePoolDataset(index=index, pipeline=model.cfg.data.pool.score_pipeline)
    model.eval()
    for indices, batch in image_batches(view, np.arange(len(index)), settings):
        features = model.extract_feat(batch['img'])
        scores = model.bbox_head.uncertainty(features, model.uncertainty_k).tolist()
        found = model.bbox_head.predict(features, batch['img_metas'], rescale=True)
        paths = [index.image_path(int(i)) for i in indices]
        for path, score in zip(paths, scores, strict=True):
            if not np.isfinite(score):
                raise ValueError(f'the score of {path} is not finite: the model diverged')
        arrays = [(boxes.cpu().numpy(), labels.cpu().numpy()) for boxes, labels in found]
        yield [
            Prediction(path, score, boxes[:, :4], boxes[:, 4], labels, model.CLASSES)
            for path, score, (boxes, labels) in zip(paths, scores, arrays, strict=True)
        ]
