# Photographs that you label, on a CPU: the small pretrained model of small_pretrained.py, a cycle takes minutes.
#   python tools/annotate.py start photographs/ --classes bolt nut --out work_dirs/bolts \
#       --base configs/examples/photographs_cpu.py
import mmcv

_base_ = ['../MIAOD_photographs.py']

# A config has one chain of bases: this takes the model's part of the other one.
__small = mmcv.Config.fromfile('{{ fileDirname }}/small_pretrained.py')
# ImageNet weights of MobileNetV2 in MMDetection's names: a file, or an address that is downloaded once.
backbone_weights = __small.backbone_weights
model = dict(
    backbone=dict(__small.model.backbone, _delete_=True),
    neck=__small.model.neck,
    bbox_head={
        key: __small.model.bbox_head[key]
        for key in ('in_channels', 'stacked_convs', 'feat_channels', 'norm_cfg', 'anchor_generator')
    },
)
optimizer = dict(__small.optimizer, _delete_=True)
optimizer_config = dict(__small.optimizer_config, _delete_=True)
img_scale = (400, 300)
