# All seven cycles on a small drawn data set, from scratch on a CPU, in minutes: bash scripts/demo.sh
_base_ = ['./MIAOD.py']

data_root = 'work_dirs/demo_data/'
# What tools/demo.py draws into data_root: arguments of mmdet_miaod.datasets.drawn.voc.draw_voc.
drawing = dict(
    num_train=200,
    num_test=60,
    classes='${classes}',
    seed=0,
    image_size='${img_scale}',
    radius=(0.14, 0.32),
)
classes = ['disc', 'square', 'star']
img_scale = (96, 64)
pool_lists = ['VOC2007/ImageSets/Main/trainval.txt']
pool_folders = ['VOC2007/']
data = dict(samples_per_gpu=4, workers_per_gpu=0)

# A narrow ResNet-18 without its last stage, and two feature levels with anchors from 16 pixels, the size of the
# smallest objects. Group normalization and AdamW, since training from scratch has only minutes.
model = dict(
    backbone=dict(
        depth=18,
        base_channels=24,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(0, 1, 2),
        frozen_stages=-1,
        norm_eval=False,
        init_cfg=None,
    ),
    neck=dict(in_channels=[24, 48, 96], out_channels=24, num_outs=2),
    bbox_head=dict(
        num_classes=len(classes),
        in_channels=24,
        feat_channels=24,
        stacked_convs=1,
        norm_cfg=dict(type='GN', num_groups=4, requires_grad=True),
        anchor_generator=dict(octave_base_scale=2, strides=[8, 16]),
    ),
)
optimizer = dict(_delete_=True, type='AdamW', lr=3e-3, weight_decay=1e-2)
optimizer_config = dict(_delete_=True, grad_clip=dict(max_norm=10))

X_L_0_size = 16
X_S_size = 14
X_L_repeat = 3
X_U_repeat = 3
log_config = dict(interval=1000)  # one line at the end of each epoch
work_directory = './work_dirs/demo'
