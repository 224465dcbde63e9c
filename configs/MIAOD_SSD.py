# MI-AOD on PASCAL VOC 2007 + 2012 with SSD300: the published experiment.
_base_ = ['./_base_/ssd300.py', './_base_/voc0712.py', './_base_/default_runtime.py']

# What is labeled: 1,000 images at first, 1,000 more after each cycle.
X_L_0_size = 1000
X_S_size = 1000
cycles = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
# An image's uncertainty is the mean over its k most uncertain instances (all of SSD300's 8,732).
k = 10000
query = dict(type='miaod', k='${k}')

# Passes over the labeled set X_L and the unlabeled set X_U per epoch.
X_L_repeat = 16
X_U_repeat = 16
schedule = 'miaod'
epoch_ratio = [5, 1]
epoch = 2

# The weight lambda of the discrepancy between the two classifiers.
param_lambda = 0.5
model = dict(bbox_head=dict(loss_dis=dict(loss_weight='${param_lambda}')))

optimizer = dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4)
# Every stage begins with a warm-up; the learning rate drops in the last label-set stage of a cycle.
lr_config = dict(policy='step', warmup='linear', warmup_iters=500, warmup_ratio=0.001, step=[1])
evaluation = dict(metric='mAP', iou_thr=0.5, mode='11points')
seed = 666
work_directory = './work_dirs/MI-AOD-SSD'

img_scale = (300, 300)
img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[1, 1, 1], to_rgb=True)
expand = dict(type='Expand', mean=img_norm_cfg['mean'], to_rgb=img_norm_cfg['to_rgb'], ratio_range=(1, 4))
photometric = dict(
    type='PhotoMetricDistortion',
    brightness_delta=32,
    contrast_range=(0.5, 1.5),
    saturation_range=(0.5, 1.5),
    hue_delta=18,
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    photometric,
    expand,
    dict(type='MinIoURandomCrop', min_ious=(0.1, 0.3, 0.5, 0.7, 0.9), min_crop_size=0.3),
    dict(type='Resize', img_scale='${img_scale}', keep_ratio=False),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='RandomFlip', flip_ratio=0.5),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels']),
]
# As train_pipeline, without labels: the crop does not look at boxes.
unlabeled_pipeline = [
    dict(type='LoadImageFromFile'),
    photometric,
    expand,
    dict(type='BoxFreeRandomCrop', min_crop_size=0.3),
    dict(type='Resize', img_scale='${img_scale}', keep_ratio=False),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='RandomFlip', flip_ratio=0.5),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img']),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale='${img_scale}',
        flip=False,
        transforms=[
            dict(type='Resize', keep_ratio=False),
            dict(type='Normalize', **img_norm_cfg),
            dict(type='ImageToTensor', keys=['img']),
            dict(type='Collect', keys=['img']),
        ],
    ),
]
data = dict(
    samples_per_gpu=8,
    workers_per_gpu=3,
    train=dict(pipeline=train_pipeline),
    pool=dict(pipeline=unlabeled_pipeline, score_pipeline=test_pipeline),
    test=dict(pipeline=test_pipeline),
)
