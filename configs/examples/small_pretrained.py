# A small model with a pretrained backbone for a few dozen labeled images; a cycle takes minutes on a CPU.
# The other examples and custom_voc.py are based on it.
_base_ = ['../MIAOD.py']

# ImageNet weights of MobileNetV2 in MMDetection's names: a file, or an address that is downloaded once.
# --cfg-options backbone_weights=PATH/TO/FILE.pth
backbone_weights = 'open-mmlab://mmdet/mobilenet_v2'
img_scale = (320, 320)
# Neck and head start from random weights; normalized they learn in fewer steps, and did not collapse (docs/results.md).
__group_norm = dict(type='GN', num_groups=8)
model = dict(
    backbone=dict(
        _delete_=True,
        type='MobileNetV2',
        out_indices=(1, 2, 4, 6),
        # The layers that see every edge of the image stay as they are, which makes a step faster.
        frozen_stages=2,
        # Batch norms keep the statistics of ImageNet: those of two images are too noisy.
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='${backbone_weights}'),
    ),
    neck=dict(in_channels=[24, 32, 96, 320], out_channels=64, norm_cfg=__group_norm),
    bbox_head=dict(
        in_channels=64,
        stacked_convs=2,
        feat_channels=64,
        norm_cfg=__group_norm,
        # Anchors from 16 pixels in place of 32: images are small here, and so are their objects.
        anchor_generator=dict(octave_base_scale=2),
    ),
)

# Learns in a few hundred steps what SGD needs thousands for.
optimizer = dict(_delete_=True, type='AdamW', lr=5e-4, weight_decay=1e-2)
# Without it some models of a few dozen images collapse (docs/results.md).
optimizer_config = dict(_delete_=True, grad_clip=dict(max_norm=10))

X_L_0_size = 40
X_S_size = 20
cycles = [0, 1, 2, 3]
