"""RetinaNet's head with two instance classifiers, a box regressor and a multiple instance branch."""

import itertools
from collections.abc import Sequence

from mmcv.cnn import ConvModule
from mmdet.models.builder import HEADS
from mmdet.models.dense_heads import RetinaHead
from torch import Tensor, nn

from .loss_terms import BRANCHES
from .miaod_mixin import MIAODHeadMixin, normal_init_cfg


@HEADS.register_module()
class MIAODRetinaHead(MIAODHeadMixin, RetinaHead):
    """MI-AOD on RetinaNet (sections 3.1 to 3.3 of the paper).

    Each branch is a tower ``{branch}_convs`` of ``stacked_convs`` layers and an output layer
    ``{branch}_retina``; the names are those of the authors' released checkpoints.

    Args:
        num_classes: foreground classes; there is no background channel.
        in_channels: channels of the feature maps.
        loss_cls: config of the loss of each classifier; default :class:`SigmoidFocalLoss`.
        loss_bbox: config of the box loss; default L1.
        init_cfg: default: normal with std 0.01, class biases for a prior probability of 0.01, and the tower
            of f_mil as ``ConvModule`` makes it (Kaiming), like the published model.
        kwargs: further arguments of ``RetinaHead`` and :class:`MIAODHeadMixin`.

    Raises:
        ValueError: ``loss_cls`` is no sigmoid loss.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
        **kwargs,
    ) -> None:
        loss_cls = loss_cls or dict(type='SigmoidFocalLoss', use_sigmoid=True)
        if loss_cls.get('use_sigmoid') is not True:
            raise ValueError(
                f'MIAODRetinaHead has no background channel: give loss_cls={loss_cls} use_sigmoid=True'
            )
        self._published_init = init_cfg is None
        super().__init__(
            num_classes,
            in_channels,
            loss_cls=loss_cls,
            loss_bbox=loss_bbox or dict(type='L1Loss', loss_weight=1.0),
            init_cfg=init_cfg or normal_init_cfg('retina'),
            **kwargs,
        )

    def _init_layers(self) -> None:
        channels = dict.fromkeys(BRANCHES, self.num_base_priors * self.cls_out_channels)
        channels['f_r'] = self.num_base_priors * 4
        for branch, out_channels in channels.items():
            self.add_module(f'{branch}_convs', self._build_tower())
            self.add_module(f'{branch}_retina', nn.Conv2d(self.feat_channels, out_channels, 3, padding=1))

    def _build_tower(self) -> nn.ModuleList:
        widths = [self.in_channels] + [self.feat_channels] * self.stacked_convs
        return nn.ModuleList(
            ConvModule(before, after, 3, padding=1, conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg)
            for before, after in itertools.pairwise(widths)
        )

    def init_weights(self) -> None:
        """Initialize the weights; see ``init_cfg``."""
        first_time = not self.is_init
        super().init_weights()
        # An `override` of init_cfg cannot say this: it would initialize normalization layers of the tower
        # like convolutions.
        if self._published_init and first_time:
            for layer in self.f_mil_convs:
                layer.init_weights()

    def forward_branch(self, feats: Sequence[Tensor], branch: str) -> list[Tensor]:
        """Compute one branch; arguments and maps as :meth:`MIAODHeadMixin.forward_branch`."""
        tower, output = getattr(self, f'{branch}_convs'), getattr(self, f'{branch}_retina')
        maps = []
        for level in feats:
            for layer in tower:
                level = layer(level)
            maps.append(output(level))
        return maps

    def class_features(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Output of classifier 1's tower, (B, channels, H, W) per level."""
        for layer in self.f_1_convs:
            feats = [layer(level) for level in feats]
        return list(feats)
