"""Features of whole images, which query strategies ask for by name."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...models.dense_heads.branch_outputs import flatten_map


@torch.no_grad()
def pooled_features(model: torch.nn.Module, feats: Sequence[Tensor]) -> Tensor:
    """Mean over the positions of each level; levels of equal width are averaged, others joined.

    Args:
        model: not used.
        feats: ``(B, channels, H, W)`` per level.

    Returns:
        ``(B, D)`` float32; for FPN D is its number of channels.
    """
    pooled = [level.float().mean(dim=(2, 3)) for level in feats]
    if len({level.shape[1] for level in pooled}) == 1:
        return torch.stack(pooled).mean(dim=0)
    return torch.cat(pooled, dim=1)


@torch.no_grad()
def class_presence(model: torch.nn.Module, feats: Sequence[Tensor]) -> Tensor:
    """Largest probability of each foreground class over the image's anchors, by classifier 1.

    Args:
        model: with an MI-AOD head.
        feats: ``(B, channels, H, W)`` per level.

    Returns:
        ``(B, C)`` float32.
    """
    head = model.bbox_head
    levels = []
    for level in head.forward_branches(feats, ('f_1',))['f_1']:
        logits = level.float().permute(0, 2, 3, 1).reshape(len(level), -1, head.cls_out_channels)
        levels.append(head.class_probability(logits)[..., : head.num_classes].amax(dim=1))
    return torch.stack(levels).amax(dim=0)


@torch.no_grad()
def class_distribution(model: torch.nn.Module, feats: Sequence[Tensor]) -> Tensor:
    """Mean of the anchors' class distributions, weighted by their entropy, by classifier 1.

    CDAL's description of an image (Agarwal et al., ECCV 2020, arXiv:2008.05723). The sigmoid probabilities of
    an anchor are made a distribution by "none of the classes", ``1 - max p``, as one more class.

    Args:
        model: with an MI-AOD head.
        feats: ``(B, channels, H, W)`` per level.

    Returns:
        ``(B, C + 1)`` float32, each row's sum is 1; the background is last.
    """
    head = model.bbox_head
    weighted = weights = 0.0
    for level in head.forward_branches(feats, ('f_1',))['f_1']:
        shares = head.class_probability(flatten_map(level, head.cls_out_channels))
        if head.use_sigmoid_cls:
            shares = torch.cat([shares, 1 - shares.amax(dim=-1, keepdim=True)], dim=-1)
            shares = shares / shares.sum(dim=-1, keepdim=True)
        entropy = torch.special.entr(shares).sum(dim=-1, keepdim=True)
        weighted = weighted + (entropy * shares).sum(dim=1)
        weights = weights + entropy.sum(dim=1)
    # Where no anchor leaves any doubt, all classes count alike.
    smallest = torch.finfo(weights.dtype).tiny
    mean = (weighted + smallest) / (weights + smallest)
    return mean / mean.sum(dim=1, keepdim=True)


IMAGE_FEATURES: dict[str, Callable[[torch.nn.Module, Sequence[Tensor]], Tensor]] = {
    'pooled': pooled_features,
    'classes': class_presence,
    'class_distribution': class_distribution,
}
