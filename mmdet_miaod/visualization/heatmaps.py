"""Heat maps of an image's uncertainty (paper, figure 6), and the instances that contribute most."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image
from torch import nn
from torchvision.ops import nms

from ..datasets.image_index import ImageIndex
from ..datasets.loaders import build_scoring_loader
from ..datasets.pool import ImagePoolDataset
from ..engine.inference import move_batch
from .box_drawing import class_colors, draw_boxes, open_as_seen
from .box_spread import spread_over_boxes
from .figures import COLORS
from .fonts import lend_letters

MAP_TITLES = {
    'discrepancy': 'instance uncertainty |p1 − p2|',
    'weight': 'MIL weight w, times the anchors of the level',
    'reweighted': 'product of both: re-weighted uncertainty',
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
        contribution: its part of the image's score.
        share: that as a share of the score, 0 to 1.
    """

    box: tuple[float, float, float, float]
    name: str
    p1: float
    p2: float
    contribution: float
    share: float

    def row(self, rank: int) -> tuple:
        """Return its values in the order of ``COLUMNS``."""
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
        exif: whether the image was turned by its EXIF orientation (``'apply'``) or not (``'ignore'``).
    """

    path: str
    uncertainty: float
    maps: dict[str, np.ndarray]
    instances: list[Instance]
    exif: str = 'apply'


@torch.inference_mode()
def uncertainty_maps(model: nn.Module, image: str | Path, k: int, top: int = 10) -> UncertaintyMaps:
    """Compute the heat maps of an image.

    An anchor's value is its mean over classes, as in the losses, spread over its box
    (:func:`~mmdet_miaod.visualization.box_spread.spread_over_boxes`). The weights sum to 1 per level and
    image over anchors and classes, so they are shown times the number of the level's anchors: if all anchors
    of a level weighed the same, each would show 1 over the number of classes.

    Args:
        model: from :func:`~mmdet_miaod.apis.init_detector`.
        image: an image file.
        k: the number of instances that the image's uncertainty is the mean of.
        top: how many instances to return.

    Raises:
        FileNotFoundError, ValueError: when the file is missing or no readable image.
    """
    index = ImageIndex.from_files([image], exif=model.cfg.data.pool.get('exif', 'apply'))
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
    sides = index.sizes[0].tolist()
    smaller = min(1.0, _SHOWN_SIDE / max(sides))
    shape = tuple(max(1, round(side * smaller)) for side in reversed(sides))
    weight = torch.cat([part[0].cpu() * part.shape[1] for part in levels['weight']])
    values = dict(discrepancy=joined['discrepancy'], weight=weight, reweighted=joined['discrepancy'] * weight)
    maps = {
        name: spread_over_boxes(anchor_values.mean(1).numpy(), boxes * smaller, shape)
        for name, anchor_values in values.items()
    }
    score = float(head.uncertainty(features, k)[0])
    instances = _top_instances(joined, boxes, k=k, score=score, classes=model.CLASSES, top=top)
    return UncertaintyMaps(str(image), score, maps, instances, index.exif)


def _top_instances(
    joined: dict[str, torch.Tensor],
    boxes: np.ndarray,
    *,
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


def shared_limits(results: Sequence[UncertaintyMaps]) -> dict[str, tuple[float, float]]:
    """Return the smallest and largest value per kind of map over several images, for one color scale."""
    return {
        name: (
            min(float(result.maps[name].min()) for result in results),
            max(float(result.maps[name].max()) for result in results),
        )
        for name in MAP_TITLES
    }


def draw_maps(result: UncertaintyMaps, limits: dict[str, tuple[float, float]]) -> Figure:
    """Draw the three heat maps over the image, on one color scale, and the top instances as boxes.

    Args:
        result: from :func:`uncertainty_maps`.
        limits: from :func:`shared_limits`, of all images that are to be compared.
    """
    image, _ = open_as_seen(result.path, exif=result.exif)
    shape = result.maps['weight'].shape
    scale = shape[1] / image.width
    small = image.resize((shape[1], shape[0]))
    gray = np.asarray(small.convert('L'), dtype=np.float64)[..., None] / 255
    ratio = shape[0] / shape[1]
    lines = -(-len(result.instances) // 2)
    maps_height, table_height = min(max(9.4 * ratio, 3.5), 20), 0.24 * lines + 0.2
    figure = Figure(figsize=(11, maps_height + table_height + 1.3), layout='constrained')
    rows = figure.add_gridspec(3, 2, height_ratios=(maps_height / 2, maps_height / 2, table_height))
    panels = [figure.add_subplot(rows[number // 2, number % 2]) for number in range(4)]
    colors = ScalarMappable(Normalize(0, 1), _COLORMAP)
    for axes, (name, title) in zip(panels, MAP_TITLES.items()):
        low, high = limits[name]
        heat = colors.to_rgba((result.maps[name] - low) / ((high - low) or 1))[..., :3]
        axes.imshow(np.clip(0.3 * gray + 0.7 * heat, 0, 1))
        axes.set_title(f'{title}\nfrom {low:.3g} to {high:.3g}', fontsize=10, parse_math=False)
    panels[3].imshow(np.asarray(_with_instances(small, result.instances, scale)))
    panels[3].set_title('anchors that contribute most', fontsize=10)
    for axes in panels:
        axes.set_axis_off()
    bar = figure.colorbar(colors, ax=panels, shrink=0.7, ticks=(0, 1), label='one scale for all images')
    bar.set_ticklabels(['smallest', 'largest'])
    _list_instances(figure.add_subplot(rows[2, :]), result.instances)
    title = f'{Path(result.path).name}   uncertainty {result.uncertainty:.4g}'
    figure.suptitle(title, fontsize=11, parse_math=False)
    lend_letters(figure)
    return figure


def _list_instances(axes: Axes, instances: Sequence[Instance]) -> None:
    axes.set_axis_off()
    lines = max(-(-len(instances) // 2), 1)
    room = min(max((len(instance.name) for instance in instances), default=0), 16)
    for number, instance in enumerate(instances):
        text = (
            f'{number + 1:2}  {instance.name[:room]:{room}}  p1 {instance.p1:.3f}  p2 {instance.p2:.3f}  '
            f'{100 * instance.share:.2f}% of the score'
        )
        place = (0.5 * (number // lines), 1 - (number % lines + 0.5) / lines)
        style = dict(color=COLORS[number % len(COLORS)], family='DejaVu Sans Mono', fontsize=9)
        axes.text(*place, text, transform=axes.transAxes, va='center', parse_math=False, **style)


def _with_instances(image: Image.Image, instances: Sequence[Instance], scale: float) -> Image.Image:
    picture = image.copy()
    if instances:
        boxes = np.array([instance.box for instance in instances]) * scale
        captions = [f'{rank}' for rank in range(1, len(instances) + 1)]
        draw_boxes(picture, boxes, captions, class_colors(np.arange(len(instances))))
    return picture
