"""The evaluated detector as ONNX: classifier 1 and boxes, up to the suppression of overlapping ones.

The suppression stays outside: the number of its boxes depends on the image, which PyTorch 2.11's exporter
does not follow (``GuardOnDataDependentSymNode``).
"""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ..datasets.image_index import ImageIndex
from ..datasets.pool import ImagePoolDataset
from ..engine.inference import ScoringSettings, image_batches
from ..models.dense_heads.detections import Candidates, class_wise_nms, keep_best_anchors
from ..models.dense_heads.inference_mixin import InferenceMixin
from ..run.outputs import MARK
from .inference import exif_of


class DenseDetector(nn.Module):
    """A detector whose output is boxes before the suppression of overlapping ones.

    Args:
        detector: from :func:`~mmdet_miaod.apis.init_detector`.

    Raises:
        ValueError: its head ranks boxes by more than their class.
    """

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        head = type(detector.bbox_head)
        if head.deltas_and_quality is not InferenceMixin.deltas_and_quality:
            raise ValueError(
                f'{head.__name__} also ranks boxes by their quality, which is not exported; heads like '
                'MIAODRetinaHead, which rank by class alone, are'
            )
        self.detector = detector

    def forward(self, img: Tensor) -> tuple[Tensor, Tensor]:
        """Return what may become detections.

        Args:
            img: (1, 3, H, W) float32, resized, normalized and padded.

        Returns:
            (m, 4) boxes x1, y1, x2, y2 in pixels of ``img``, not clipped; (m, C) scores of classifier 1.
        """
        head = self.detector.bbox_head
        maps = head.forward_branches(self.detector.extract_feat(img), ('f_1', 'f_r'))
        limit = max(head.detection_limits().nms_pre, 0)
        priors = zip(maps['f_1'], head.prior_generator.num_base_priors, strict=True)
        counts = [level.shape[-2] * level.shape[-1] * number for level, number in priors]
        found = vars(head.detection_candidates(maps, nms_pre=0)).values()
        levels = zip(*(values.split(counts, dim=1) for values in found), strict=True)
        # Rows of score 0, so that a level has never fewer than are kept: the graph has no branches.
        filled = (Candidates(*(pad(values, (0, 0, 0, limit)) for values in level)) for level in levels)
        kept = [keep_best_anchors(level, limit) for level in filled]
        scores, deltas, anchors = (
            torch.cat([getattr(level, name)[0] for level in kept]) for name in ('scores', 'deltas', 'anchors')
        )
        return head.bbox_coder.decode(anchors, deltas), scores


def export_onnx(model: nn.Module) -> bytes:
    """Return a detector as an ONNX model, for images of any size where its pipeline keeps their ratio.

    Its input is ``img`` and its outputs are ``boxes`` and ``scores``, see :class:`DenseDetector`; its
    metadata, JSON by name, say how an image is prepared and which boxes count (:func:`metadata`).

    Args:
        model: from :func:`~mmdet_miaod.apis.init_detector`, on the CPU.

    Raises:
        ImportError: the extra ``export`` is not installed.
        ValueError: the model's head or its pipeline cannot be exported.
    """
    _check_installed()
    dense, properties = DenseDetector(model).eval(), metadata(model)
    width, height = (320, 256) if properties['keep_ratio'] else properties['img_scale']
    any_size = dict.fromkeys((2, 3), torch.export.Dim.DYNAMIC) if properties['keep_ratio'] else {}
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', '.*LeafSpec', FutureWarning)  # PyTorch 2.11 copies its own class
        program = torch.onnx.export(
            dense,
            (torch.zeros(1, 3, height, width),),
            dynamo=True,
            verbose=False,
            input_names=['img'],
            output_names=['boxes', 'scores'],
            dynamic_shapes=dict(img=any_size),
        )
    exported = program.model_proto
    exported.doc_string = MARK
    for name, value in properties.items():
        exported.metadata_props.add(key=name, value=json.dumps(value))
    return exported.SerializeToString()


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        message = f"the export needs the extra 'export': pip install 'mmdet_miaod[export]' ({error})"
        raise ImportError(message) from None


def metadata(model: nn.Module) -> dict[str, Any]:
    """What a user of the exported model has to know.

    Args:
        model: from :func:`~mmdet_miaod.apis.init_detector`.

    Returns:
        ``classes``; of the preparation ``img_scale`` (width and height), ``keep_ratio``, ``mean``, ``std``,
        ``to_rgb``, ``size_divisor``; of the suppression ``score_thr``, ``iou_threshold`` and ``max_per_img``.

    Raises:
        ValueError: the pipeline resizes to several sizes, or does not normalize.
    """
    steps = {step['type']: step for step in _steps(model.cfg.data.pool.score_pipeline)}
    resize, normalize = steps.get('Resize', {}), steps.get('Normalize')
    scale = steps.get('MultiScaleFlipAug', resize).get('img_scale')
    if normalize is None or np.shape(scale) != (2,):
        raise ValueError('data.pool.score_pipeline: Normalize and one img_scale are needed for the export')
    limits = model.bbox_head.detection_limits()
    return dict(
        classes=list(model.CLASSES),
        img_scale=list(scale),
        keep_ratio=resize.get('keep_ratio', True),
        **{name: list(normalize[name]) for name in ('mean', 'std')},
        to_rgb=normalize.get('to_rgb', True),
        size_divisor=steps.get('Pad', {}).get('size_divisor') or 1,
        score_thr=limits.score_thr,
        iou_threshold=limits.iou_threshold,
        max_per_img=limits.max_per_img,
    )


def _steps(pipeline: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for step in pipeline:
        yield step
        yield from _steps(step.get('transforms', ()))


@dataclass(frozen=True)
class Agreement:
    """How an exported model's detections agree with PyTorch's.

    Attributes:
        images: number of images.
        detections: PyTorch's number of detections in them.
        unmatched: detections of either that have no counterpart of their class in the other.
        box: largest difference of a box's coordinate, in pixels of the model's input.
        score: largest difference of a score.
    """

    images: int
    detections: int
    unmatched: int
    box: float
    score: float


@torch.inference_mode()
def compare_onnx(exported: bytes, model: nn.Module, files: Sequence[str]) -> Agreement:
    """Compare the detections of an exported model with those of PyTorch, both after the suppression.

    Args:
        exported: from :func:`export_onnx`.
        model: what it was made from.
        files: images.

    Raises:
        FileNotFoundError, ValueError: an image is missing or not readable.
    """
    from onnxruntime import InferenceSession

    session, limits = InferenceSession(exported), model.bbox_head.detection_limits()
    index = ImageIndex.from_files(files, exif=exif_of(model))
    index.check_images('decode')
    view = ImagePoolDataset(index=index, pipeline=model.cfg.data.pool.score_pipeline)
    total, unmatched, differences = 0, 0, torch.zeros(1, 5)
    for _, batch in image_batches(view, np.arange(len(files)), ScoringSettings()):
        [wanted] = model.bbox_head.predict(model.extract_feat(batch['img']), batch['img_metas'])
        boxes, scores = map(torch.from_numpy, session.run(None, {'img': batch['img'].numpy()}))
        height, width, _ = batch['img_metas'][0]['img_shape']
        boxes = boxes.clamp(min=0).minimum(boxes.new_tensor([width, height] * 2))
        pairs, alone = _matched(wanted, class_wise_nms(boxes, scores, scores, limits))
        total += len(wanted[0])
        unmatched += alone
        differences = torch.cat([differences, pairs])
    return Agreement(
        len(files), total, unmatched, float(differences[:, :4].max()), float(differences[:, 4].max())
    )


def _matched(wanted: tuple[Tensor, Tensor], found: tuple[Tensor, Tensor]) -> tuple[Tensor, int]:
    """Return the differences (m, 5) of detections that are nearest to each other, and how many others are.

    Not by their order, which two scores that are equal to the last digits may swap.
    """
    (wanted, wanted_labels), (found, found_labels) = wanted, found
    if not len(wanted) or not len(found):
        return wanted.new_zeros(0, 5), len(wanted) + len(found)
    distance = torch.cdist(wanted, found, p=torch.inf)
    distance = distance.masked_fill(wanted_labels[:, None] != found_labels, torch.inf)
    there, back = distance.argmin(dim=1), distance.argmin(dim=0)
    mutual = (back[there] == torch.arange(len(wanted))) & distance.amin(dim=1).isfinite()
    pairs = (wanted[mutual] - found[there[mutual]]).abs()
    return pairs, len(wanted) + len(found) - 2 * len(pairs)
