# BCCD: what makes a model of 60 images collapse, one factor at a time. Single models, labels only, 160 x 120 pixels,
# 270 steps; 8 of the 60 images are of those without boxes of red cells, unless the setting says otherwise.
# python tools/collapse.py configs/experiments/bccd_collapse.py --data-root PATH/TO/bccd
_base_ = ['./_base_/collapse.py']
data = 'BCCD'
config = '../examples/bccd.py'
records = '../../docs/results/bccd_collapse.jsonl'

_mobilenet = dict(
    _delete_=True,
    type='MobileNetV2',
    out_indices=(1, 2, 4, 6),
    frozen_stages=2,
    norm_eval=True,
    init_cfg=dict(type='Pretrained', checkpoint='${backbone_weights}'),
)
options = {
    'backbone_weights': 'open-mmlab://mmdet/mobilenet_v2',
    'img_scale': (160, 120),
    'model.backbone': _mobilenet,
    'model.neck.in_channels': [24, 32, 96, 320],
}
# The backbone keeps its batch norms, whose statistics are those of ImageNet.
_group_norm = {
    'model.neck.norm_cfg': dict(type='GN', num_groups=8),
    'model.bbox_head.norm_cfg': dict(type='GN', num_groups=8),
}
_clipped = {'optimizer_config.grad_clip.max_norm': 10}
_adamw = {'optimizer': dict(_delete_=True, type='AdamW', lr=5e-4, weight_decay=1e-2)}
settings = {
    'pretrained': {},
    'all labels': {},
    'warm-up': {'lr_config.warmup': 'linear', 'lr_config.warmup_iters': 100, 'lr_config.warmup_ratio': 0.001},
    'batch norm trained': {'model.backbone.norm_eval': False},
    'lr 0.003': {'optimizer.lr': 3e-3},
    'clip 1': {'optimizer_config.grad_clip.max_norm': 1},
    'clip 10': _clipped,
    'pretrained, images as drawn': {},
    'clip 10, images as drawn': _clipped,
    'AdamW, images as drawn': _adamw,
    'AdamW, clip 10, images as drawn': _adamw | _clipped,
    'group norm': _group_norm,
    'group norm, images as drawn': _group_norm,
    # As configs/examples/small_pretrained.py is.
    'AdamW, clip 10, group norm': _adamw | _clipped | _group_norm,
    'AdamW, clip 10, group norm, images as drawn': _adamw | _clipped | _group_norm,
}
# Images without boxes of red cells, though they show many.
odd_images = [
    f'BloodImage_{number:05}' for number in (134, 147, 150, 152, 224, 250, 258, 267, 268, 322, 330, 350)
]
odd = {name: 8 for name in settings if 'as drawn' not in name} | {'all labels': 0}
