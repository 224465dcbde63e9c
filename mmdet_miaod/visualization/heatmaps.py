"""Why an image is uncertain: the paper's three heat maps (figure 6), and the instances that count most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image
from torch import nn
from torchvision.ops import nms

from ..active.scoring import move_batch
from ..apis.inference import score_k
from ..datasets.image_index import ImageIndex
from ..datasets.loaders import build_scoring_loader
from ..datasets.pool import ImagePoolDataset
from .box_drawing import draw_boxes, open_upright
from .figures import COLORS

MAP_TITLES = {
    'discrepancy': 'instance uncertainty |p1 − p2|',
    'weight': 'MIL weight w',
    'reweighted': 're-weighted uncertainty',
}
COLUMNS = ('rank', 'class', 'p1', 'p2', 'x1', 'y1', 'x2', 'y2', 'contribution', 'share')
_SHOWN_SIDE = 900
_COLORMAP = 'inferno'


@dataclass(frozen=True)
class Instance:
    """An anchor that makes an image uncertain.

    Attributes:
        box: x1, y1, x2, y2 of the anchor in pixels of the image.
        name: the class on which the classifiers differ most.
        p1: probability of that class by the first classifier.
        p2: the same by the second one.
        contribution: what the anchor adds to the image's score.
        share: that as a share of the score, 0 to 1.
    """

    box: tuple[float, float, float, float]
    name: str
    p1: float
    p2: float
    contribution: float
    share: float

    def row(self, rank: int) -> tuple:
        """Its values in the order of ``COLUMNS``."""
        box = (round(value, 2) for value in self.box)
        return (rank, self.name, self.p1, self.p2, *box, self.contribution, self.share)


@dataclass(frozen=True)
class UncertaintyMaps:
    """The heat maps of an image.

    Attributes:
        path: the image file.
        uncertainty: the image's score.
        maps: ``(h, w)`` float64 by the names of ``MAP_TITLES``, on a grid no larger than the image.
        instances: those that contribute most, without ones that overlap a better one by half.
    """

    path: str
    uncertainty: float
    maps: dict[str, np.ndarray]
    instances: list[Instance]


def spread_over_boxes(values: np.ndarray, boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Add each value to all pixels of its box.

    By differences at the four corners of each box, summed up once along both axes: the cost is that of the
    boxes' number plus that of the picture's area, not of their product.

    Args:
        values: ``(n,)`` numbers.
        boxes: ``(n, 4)`` x1, y1, x2, y2; every pixel that a box touches counts, what is outside is cut off.
        height: rows of the picture.
        width: its columns.

    Returns:
        ``(height, width)`` float64.
    """
    x1, y1 = (np.clip(np.floor(boxes[:, i]), 0, s).astype(int) for i, s in ((0, width), (1, height)))
    x2, y2 = (np.clip(np.ceil(boxes[:, i]), 0, s).astype(int) for i, s in ((2, width), (3, height)))
    x2, y2 = np.maximum(x1, x2), np.maximum(y1, y2)
    differences = np.zeros((height + 1, width + 1))
    for rows, columns, sign in ((y1, x1, 1), (y1, x2, -1), (y2, x1, -1), (y2, x2, 1)):
        np.add.at(differences, (rows, columns), sign * values.astype(np.float64))
    return differences.cumsum(0).cumsum(1)[:height, :width]


@torch.inference_mode()
def uncertainty_maps(model: nn.Module, image: str | Path, top: int = 10) -> UncertaintyMaps:
    """Compute the heat maps of an image.

    Every anchor's value is its mean over classes, as in the losses, spread over the anchor's box; a pixel
    shows the mean over the anchors that cover it.

    Args:
        model: from :func:`~mmdet_miaod.apis.init_detector`.
        image: an image file.
        top: how many instances to return.

    Raises:
        FileNotFoundError, ValueError: when the file is missing or no readable image.
    """
    index = ImageIndex.from_files([image])
    index.check_images('decode')
    view = ImagePoolDataset(index=index, pipeline=model.cfg.data.pool.score_pipeline)
    loader, _ = build_scoring_loader(view, np.zeros(1, int), index.sizes, 1)
    batch = move_batch(next(iter(loader)), next(model.parameters()).device)
    features, head = model.extract_feat(batch['img']), model.bbox_head
    levels = head.instance_maps(features)
    joined = {name: torch.cat(parts, dim=1)[0].cpu() for name, parts in levels.items()}
    sizes = [tuple(level.shape[-2:]) for level in features]
    anchors = torch.cat(head.prior_generator.grid_priors(sizes, device='cpu')).numpy()
    boxes = anchors / np.asarray(batch['img_metas'][0]['scale_factor'], dtype=np.float64)
    width, height = (int(side) for side in index.sizes[0])
    scale = min(1.0, _SHOWN_SIDE / max(width, height))
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    discrepancy, weight = joined['discrepancy'], joined['weight']
    per_anchor = dict(discrepancy=discrepancy, weight=weight, reweighted=discrepancy * weight)
    covering = np.maximum(spread_over_boxes(np.ones(len(boxes)), boxes * scale, *shape), 1)
    maps = {
        # Sums of differences leave a rest of 1e-16 of the largest sum; nothing here is negative.
        name: np.maximum(spread_over_boxes(v.mean(1).numpy(), boxes * scale, *shape), 0) / covering
        for name, v in per_anchor.items()
    }
    score = float(head.uncertainty(features, score_k(model.cfg))[0])
    instances = _top_instances(joined, boxes, score_k(model.cfg), score, model.CLASSES, top)
    return UncertaintyMaps(str(image), score, maps, instances)


def _top_instances(
    joined: dict[str, torch.Tensor],
    boxes: np.ndarray,
    k: int,
    score: float,
    classes: Sequence[str],
    top: int,
) -> list[Instance]:
    first, second = joined['sigmoid_1'], joined['sigmoid_2']
    squares = (first - second).square()
    values = squares.mean(1)
    counted = min(k, len(values))
    candidates = values.topk(min(counted, max(1000, 100 * top))).indices
    kept = nms(torch.from_numpy(boxes[candidates.numpy()]).float(), values[candidates], 0.5)[:top]
    found = []
    for i in candidates[kept].tolist():
        label = int(squares[i].argmax())
        contribution = float(values[i]) / counted
        name = classes[label] if label < len(classes) else 'background'
        box = tuple(float(value) for value in boxes[i])
        p1, p2 = float(first[i, label]), float(second[i, label])
        found.append(Instance(box, name, p1, p2, contribution, contribution / score if score > 0 else 0.0))
    return found


def shared_limits(results: Sequence[UncertaintyMaps]) -> dict[str, float]:
    """Largest value of each kind of map over several images: 1 on their shared scale."""
    return {name: max(float(result.maps[name].max()) for result in results) for name in MAP_TITLES}


def draw_maps(result: UncertaintyMaps, limits: dict[str, float]) -> Figure:
    """Draw the three heat maps over the image, on one color scale, and the top instances as boxes.

    Args:
        result: from :func:`uncertainty_maps`.
        limits: from :func:`shared_limits`, of all images that are to be compared.
    """
    image = open_upright(result.path)
    shape = result.maps['weight'].shape
    scale = shape[1] / image.width
    small = image.resize((shape[1], shape[0]))
    gray = np.asarray(small.convert('L'), dtype=np.float64)[..., None] / 255
    ratio = shape[0] / shape[1]
    figure = Figure(figsize=(11, min(max(11 * ratio, 4), 20) + 0.8), layout='constrained')
    panels = figure.subplots(2, 2).ravel()
    colors = ScalarMappable(Normalize(0, 1), _COLORMAP)
    for axes, (name, title) in zip(panels, MAP_TITLES.items()):
        share = result.maps[name] / (limits[name] or 1)
        heat = colors.to_rgba(share)[..., :3]
        axes.imshow(np.clip(0.35 * gray + 0.65 * heat, 0, 1))
        axes.set_title(f'{title}\n1.0 is {limits[name]:.3g}', fontsize=10, parse_math=False)
    panels[3].imshow(np.asarray(_with_instances(small, result.instances, scale)))
    panels[3].set_title('instances that contribute most', fontsize=10)
    for axes in panels:
        axes.set_axis_off()
    figure.colorbar(
        colors, ax=panels.tolist(), shrink=0.7, label='share of the largest value (one scale for all maps)'
    )
    title = f'{Path(result.path).name}   uncertainty {result.uncertainty:.4g}'
    figure.suptitle(title, fontsize=11, parse_math=False)
    return figure


def _with_instances(image: Image.Image, instances: Sequence[Instance], scale: float) -> Image.Image:
    picture = image.copy()
    if instances:
        boxes = np.array([instance.box for instance in instances]) * scale
        captions = [
            f'{rank} {i.name} {i.p1:.2f}|{i.p2:.2f} {100 * i.share:.2g}%'
            for rank, i in enumerate(instances, 1)
        ]
        draw_boxes(picture, boxes, captions, [COLORS[n % len(COLORS)] for n in range(len(instances))])
    return picture
