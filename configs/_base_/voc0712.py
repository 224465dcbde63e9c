# PASCAL VOC 2007 + 2012 as the published experiment uses it (METHOD 2a): the pool is VOC2007 trainval (index 0 to 5010)
# followed by VOC2012 trainval (5011 to 16550), the test set is VOC2007 test.
#
# `data_root` is the one place that says where the data is: '${data_root}' below is resolved by mmdet's
# replace_cfg_vals after command-line overrides, and the lists are relative to it.
data_root = 'data/VOCdevkit/'

img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', img_scale=(1000, 600), keep_ratio=True),
    dict(type='RandomFlip', flip_ratio=0.5),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='Pad', size_divisor=32),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels']),
]
# As train_pipeline, without labels.
unlabeled_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', img_scale=(1000, 600), keep_ratio=True),
    dict(type='RandomFlip', flip_ratio=0.5),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='Pad', size_divisor=32),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img']),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(1000, 600),
        flip=False,
        transforms=[
            dict(type='Resize', keep_ratio=True),
            dict(type='RandomFlip'),
            dict(type='Normalize', **img_norm_cfg),
            dict(type='Pad', size_divisor=32),
            dict(type='ImageToTensor', keys=['img']),
            dict(type='Collect', keys=['img']),
        ],
    ),
]

pool_lists = dict(
    ann_file=['VOC2007/ImageSets/Main/trainval.txt', 'VOC2012/ImageSets/Main/trainval.txt'],
    img_prefix=['VOC2007/', 'VOC2012/'],
)
data = dict(
    samples_per_gpu=2,
    workers_per_gpu=2,
    train=dict(type='VOCDetectionDataset', data_root='${data_root}', **pool_lists, pipeline=train_pipeline),
    pool=dict(
        type='ImagePoolDataset',
        data_root='${data_root}',
        **pool_lists,
        pipeline=unlabeled_pipeline,
        score_pipeline=test_pipeline,
    ),
    test=dict(
        type='VOCDetectionDataset',
        data_root='${data_root}',
        ann_file='VOC2007/ImageSets/Main/test.txt',
        img_prefix='VOC2007/',
        pipeline=test_pipeline,
        test_mode=True,
        # True: IoU with 1 pixel added to widths and heights, as MMDetection's VOCDataset
        use_legacy_coordinate=False,
    ),
)
