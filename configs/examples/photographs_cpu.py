# Photographs that you label, on a CPU: the small pretrained model of small_pretrained.py, a cycle takes minutes.
#   python tools/annotate.py start photographs/ --classes bolt nut --out work_dirs/bolts \
#       --base configs/examples/photographs_cpu.py
_base_ = ['../MIAOD_photographs.py']

# ImageNet weights of MobileNetV2 in MMDetection's names: a file, or an address that is downloaded once.
backbone_weights = 'open-mmlab://mmdet/mobilenet_v2'
model = dict(
    backbone=dict(
        _delete_=True,
        type='MobileNetV2',
        out_indices=(1, 2, 4, 6),
        frozen_stages=2,
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='${backbone_weights}'),
    ),
    neck=dict(in_channels=[24, 32, 96, 320], out_channels=64),
    bbox_head=dict(in_channels=64, stacked_convs=2, feat_channels=64),
)
img_scale = (400, 300)
optimizer = dict(lr=1e-2)
# Without it some models of a few dozen images collapse (docs/results.md).
optimizer_config = dict(_delete_=True, grad_clip=dict(max_norm=10))
X_L_repeat = 4
X_U_repeat = 4
