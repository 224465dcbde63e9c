# Dice: the settings of bccd_collapse.py on images that are labeled well. Single models, labels only, 192 x 192 pixels,
# 270 steps.
# python tools/collapse.py configs/experiments/dice_collapse.py --data-root PATH/TO/dice
_base_ = ['./_base_/collapse.py']
data = 'Dice'
config = '../examples/dice.py'
records = '../../docs/results/dice_collapse.jsonl'

options = {
    'img_scale': (192, 192),
    'optimizer': dict(_delete_=True, type='SGD', lr=1e-2, momentum=0.9, weight_decay=5e-4),
    'optimizer_config.grad_clip': None,
    'model.neck.norm_cfg': None,
    'model.bbox_head.norm_cfg': None,
}
_clipped = {'optimizer_config.grad_clip': dict(max_norm=10)}
_group_norm = {
    'model.neck.norm_cfg': dict(type='GN', num_groups=8),
    'model.bbox_head.norm_cfg': dict(type='GN', num_groups=8),
}
_adamw = {'optimizer': dict(_delete_=True, type='AdamW', lr=5e-4, weight_decay=1e-2)}
settings = {
    'pretrained': {},
    'clip 10': _clipped,
    'AdamW, clip 10': _adamw | _clipped,
    # As configs/examples/dice.py is.
    'AdamW, clip 10, group norm': _adamw | _clipped | _group_norm,
    'AdamW': _adamw,
    'warm-up': {'lr_config.warmup': 'linear', 'lr_config.warmup_iters': 100, 'lr_config.warmup_ratio': 0.001},
}
