"""Uncertainty of an image's detections, aggregated: entropy, least confidence, margin."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchvision.ops import nms

from .base import QUERY_STRATEGIES, QueryStrategy

AGGREGATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    'max': lambda values: values.max(),
    'mean': lambda values: values.mean(),
    'sum': lambda values: values.sum(),
}


@torch.no_grad()
def detected_instances(model: torch.nn.Module, feats: Sequence[Tensor]) -> list[Tensor]:
    """Class probabilities of each image's detections, each place counted once.

    Classifier 1 and the box branch, the anchors and limits of ``test_cfg``, and suppression over all classes
    together, so that an instance is one distribution instead of one box per class.

    Args:
        model: with an MI-AOD head.
        feats: ``(B, channels, H, W)`` per level.

    Returns:
        ``(m, C)`` per image, or ``(m, C + 1)`` with the background last for softmax heads; m may be 0.
    """
    head = model.bbox_head
    limits = head.detection_limits()
    candidates = head.detection_candidates(head.forward_branches(feats, ('f_1', 'f_r')))
    instances = []
    for image, probabilities in enumerate(candidates.probabilities):
        best = candidates.scores[image].amax(dim=-1)
        kept = (probabilities.amax(dim=-1) > limits.score_thr).nonzero().flatten()
        boxes = head.bbox_coder.decode(candidates.anchors[image, kept], candidates.deltas[image, kept])
        kept = kept[nms(boxes, best[kept], limits.iou_threshold)]
        if limits.max_per_img > 0:
            kept = kept[: limits.max_per_img]
        found = probabilities[kept]
        if not head.use_sigmoid_cls:
            found = torch.cat([found, (1 - found.sum(dim=-1, keepdim=True)).clamp(min=0)], dim=-1)
        instances.append(found)
    return instances


def instance_entropy(probabilities: Tensor, exclusive: bool) -> Tensor:
    """Entropy in nats of each instance's classes.

    Args:
        probabilities: ``(m, C)``.
        exclusive: whether they are one distribution (softmax); else each class is a yes-or-no question of its
            own (sigmoid) and the entropies of the answers add up.

    Returns:
        ``(m,)``.
    """
    entropy = torch.special.entr(probabilities)
    if not exclusive:
        entropy = entropy + torch.special.entr(1 - probabilities)
    return entropy.sum(dim=-1)


def with_absence(probabilities: Tensor) -> Tensor:
    """Sigmoid probabilities ``(m, C)`` with that of "none of the classes" as the last column, ``(m, C + 1)``.

    Without it a detection that is almost certainly background would count as the most doubtful one.
    """
    return torch.cat([probabilities, 1 - probabilities.amax(dim=-1, keepdim=True)], dim=-1)


def least_confidence(probabilities: Tensor) -> Tensor:
    """One minus the largest class probability: ``(m, C)`` to ``(m,)``."""
    return 1 - probabilities.amax(dim=-1)


def squared_margin(probabilities: Tensor) -> Tensor:
    """The "1-vs-2" value ``(1 - (p_first - p_second))^2``: ``(m, C)``, C at least 2, to ``(m,)``."""
    first, second = probabilities.topk(2, dim=-1).values.unbind(dim=-1)
    return (1 - (first - second)).square()


class InstanceQuery(QueryStrategy):
    """Base: an image's score is the aggregate of a value per detection; 0 without detections.

    Aggregation by maximum, mean or sum as in Brust et al., "Active Learning for Deep Object Detection"
    (VISAPP 2019, arXiv:1809.09875).

    Args:
        aggregation: 'max', 'mean' or 'sum' over the image's detections.

    Raises:
        ValueError: unknown aggregation.
    """

    def __init__(self, aggregation: str = 'mean') -> None:
        if aggregation not in AGGREGATIONS:
            raise ValueError(f'aggregation is {aggregation!r}: choose one of {sorted(AGGREGATIONS)}')
        self.aggregation = aggregation

    def instance_values(self, probabilities: Tensor, exclusive: bool) -> Tensor:
        """Value of each instance, ``(m, C)`` to ``(m,)``; ``exclusive`` as in :func:`instance_entropy`."""
        raise NotImplementedError

    def score(self, model: torch.nn.Module, feats: Sequence[Tensor], img_metas: list[dict]) -> Tensor:
        """Aggregate of each image, ``(B,)``."""
        exclusive = not model.bbox_head.use_sigmoid_cls
        scores = torch.zeros(len(feats[0]), device=feats[0].device)
        for image, found in enumerate(detected_instances(model, feats)):
            if len(found):
                scores[image] = AGGREGATIONS[self.aggregation](self.instance_values(found, exclusive))
        return scores


@QUERY_STRATEGIES.register_module(name='entropy')
class EntropyQuery(InstanceQuery):
    """Entropy of the classes of detections (Roy, Unmesh and Namboodiri, "Deep active learning for object
    detection", BMVC 2018; Settles, "Active Learning Literature Survey", 2009, section 3.1)."""

    def instance_values(self, probabilities: Tensor, exclusive: bool) -> Tensor:
        """Entropy of each instance, ``(m,)``."""
        return instance_entropy(probabilities, exclusive)


@QUERY_STRATEGIES.register_module(name='least_confidence')
class LeastConfidenceQuery(InstanceQuery):
    """One minus the largest class probability (Lewis and Gale, "A sequential algorithm for training text
    classifiers", SIGIR 1994); the background counts among the classes."""

    def instance_values(self, probabilities: Tensor, exclusive: bool) -> Tensor:
        """Least confidence of each instance, ``(m,)``."""
        return least_confidence(probabilities if exclusive else with_absence(probabilities))


@QUERY_STRATEGIES.register_module(name='margin')
class MarginQuery(InstanceQuery):
    """The "1-vs-2" margin of Brust, Kaeding and Denzler, "Active Learning for Deep Object Detection"
    (VISAPP 2019, arXiv:1809.09875), equation 1; the background counts among the classes."""

    def instance_values(self, probabilities: Tensor, exclusive: bool) -> Tensor:
        """Squared margin of each instance, ``(m,)``."""
        return squared_margin(probabilities if exclusive else with_absence(probabilities))
