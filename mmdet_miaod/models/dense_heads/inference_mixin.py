"""Inference of an MI-AOD head: uncertainty of images, maps of instances, detections."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..uncertainty import image_uncertainty, instance_discrepancy, instance_uncertainty
from .branch_outputs import BranchMaps, flatten_map, full_precision, join_levels
from .detections import Candidates, DetectionLimits, class_wise_nms, keep_best_anchors


class InferenceMixin:
    """The part of :class:`MIAODHeadMixin` that needs no labels; each method computes its branches alone."""

    @torch.no_grad()
    def uncertainty(self, feats: Sequence[Tensor], k: int) -> Tensor:
        """Uncertainty of each image, from the two classifiers alone.

        Args:
            feats: (B, channels, H, W) per level.
            k: number of most uncertain anchors that are averaged; all where there are fewer.

        Returns:
            (B,) float32.
        """
        maps = self.forward_branches(feats, ('f_1', 'f_2'))
        with full_precision(feats[0].device):
            outputs = self._outputs(maps)
            # Sigmoid for softmax heads too, as in the published code.
            levels = zip(outputs.sigmoids_1, outputs.sigmoids_2, strict=True)
            return image_uncertainty(join_levels([instance_uncertainty(a, b) for a, b in levels]), k)

    @torch.no_grad()
    def instance_maps(self, feats: Sequence[Tensor]) -> dict[str, list[Tensor]]:
        """Values of each anchor and class, for heat maps.

        Args:
            feats: (B, channels, H, W) per level.

        Returns:
            (B, n, C) per level each: 'discrepancy' ``|p1 - p2|``, 'weight' w, and 'sigmoid_1' and
            'sigmoid_2', whose differences make the image's uncertainty.
        """
        maps = self.forward_branches(feats, ('f_1', 'f_2', 'f_mil'))
        with full_precision(feats[0].device):
            outputs = self._outputs(maps)
            levels = zip(outputs.probabilities_1, outputs.probabilities_2, strict=True)
            return dict(
                discrepancy=[instance_discrepancy(a, b) for a, b in levels],
                weight=outputs.mil_weights,
                sigmoid_1=outputs.sigmoids_1,
                sigmoid_2=outputs.sigmoids_2,
            )

    @torch.no_grad()
    def predict(
        self, feats: Sequence[Tensor], img_metas: Sequence[dict], rescale: bool = False
    ) -> list[tuple[Tensor, Tensor]]:
        """Detections of classifier 1 under ``test_cfg``.

        Args:
            feats: (B, channels, H, W) per level.
            img_metas: meta data of each image.
            rescale: give boxes in pixels of the original image.

        Returns:
            For each image detections (n, 5), best first, and class indices (n,) int64.

        Raises:
            ValueError: ``test_cfg`` is not usable.
        """
        limits = self.detection_limits()
        maps = self.forward_branches(feats, ('f_1', 'f_r'))
        with full_precision(feats[0].device):
            found = self.detection_candidates(maps)
            results = []
            for image, meta in enumerate(img_metas):
                boxes = self.bbox_coder.decode(
                    found.anchors[image], found.deltas[image], max_shape=meta['img_shape']
                )
                if rescale:
                    boxes = boxes / boxes.new_tensor(meta['scale_factor'])
                results.append(class_wise_nms(boxes, found.scores[image], found.probabilities[image], limits))
            return results

    def detection_limits(self) -> DetectionLimits:
        """Read ``test_cfg``; raises ValueError where it is not usable."""
        return DetectionLimits.from_config(self.test_cfg)

    def deltas_and_quality(self, box_map: Tensor) -> tuple[Tensor, Tensor | None]:
        """Box deltas of one level, and the quality of each box that class probabilities are multiplied by.

        Args:
            box_map: output of f_r on one level, (B, A * 4, H, W) or as the head makes it.

        Returns:
            (B, n, 4) deltas, and (B, n, 1) in [0, 1], or None for heads that rank boxes by class alone.
        """
        return flatten_map(box_map, 4), None

    def class_features(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Features that classifier 1's output layer sees; for a head without towers those of the neck.

        Args:
            feats: (B, channels, H, W) per level.

        Returns:
            (B, channels, H, W) per level.
        """
        return list(feats)

    def detection_candidates(self, maps: BranchMaps, nms_pre: int | None = None) -> Candidates:
        """Anchors of all levels that may become detections.

        Args:
            maps: outputs of 'f_1' and 'f_r', see :meth:`MIAODHeadMixin.forward_branch`.
            nms_pre: anchors per level that are looked at; 0 or less: all; default: as ``test_cfg`` says.
        """
        sizes = [tuple(level.shape[-2:]) for level in maps['f_1']]
        anchors = self.prior_generator.grid_priors(sizes, device=maps['f_1'][0].device)
        limit = self.detection_limits().nms_pre if nms_pre is None else nms_pre
        levels = zip(self._outputs(maps).logits_1, maps['f_r'], anchors, strict=True)
        kept = [
            keep_best_anchors(self._level_candidates(*level, number), limit)
            for number, level in enumerate(levels)
        ]
        names = ('scores', 'probabilities', 'deltas', 'anchors', 'levels')
        return Candidates(*(join_levels([getattr(level, name) for level in kept]) for name in names))

    def _level_candidates(self, logits: Tensor, box_map: Tensor, anchors: Tensor, number: int) -> Candidates:
        probabilities = self.class_probability(logits)[..., : self.num_classes]
        deltas, quality = self.deltas_and_quality(box_map)
        scores = probabilities if quality is None else probabilities * quality
        levels = torch.full_like(deltas[..., :1], number, dtype=torch.long)
        return Candidates(scores, probabilities, deltas, anchors.expand_as(deltas), levels)

    def simple_test(
        self, feats: Sequence[Tensor], img_metas: Sequence[dict], rescale: bool = False
    ) -> list[tuple[Tensor, Tensor]]:
        """MMDetection's name of :meth:`predict`; (n, 5) detections and (n,) classes per image."""
        return self.predict(feats, img_metas, rescale)
