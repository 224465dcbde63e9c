# PASCAL VOC 2007 + 2012 as the published experiment uses it: the pool is VOC2007 trainval (index 0 to 5010)
# followed by VOC2012 trainval (5011 to 16550), the test set is VOC2007 test.
#
# `data_root` is the one place that says where the data is: '${data_root}' below is resolved by mmdet's
# replace_cfg_vals after command-line overrides, and the lists are relative to it.
_base_ = ['./pipelines.py']

data_root = 'data/VOCdevkit/'
# Longest and shortest side that images are resized to, in pixels.
img_scale = (1000, 600)
# Class names; None means the 20 classes of VOC.
classes = None
# Image lists, and the folder of JPEGImages and Annotations of each list; relative to data_root.
pool_lists = ['VOC2007/ImageSets/Main/trainval.txt', 'VOC2012/ImageSets/Main/trainval.txt']
pool_folders = ['VOC2007/', 'VOC2012/']
test_lists = ['VOC2007/ImageSets/Main/test.txt']
test_folders = ['VOC2007/']

data = dict(
    samples_per_gpu=2,
    # for evaluation and scoring; images of a batch have one size, so results are those of single images
    test_samples_per_gpu=2,
    workers_per_gpu=2,
    # batches that each worker loads ahead
    prefetch_factor=2,
    train=dict(
        type='VOCDetectionDataset',
        data_root='${data_root}',
        ann_file='${pool_lists}',
        img_prefix='${pool_folders}',
        classes='${classes}',
        pipeline='${train_pipeline}',
    ),
    pool=dict(
        type='ImagePoolDataset',
        data_root='${data_root}',
        ann_file='${pool_lists}',
        img_prefix='${pool_folders}',
        pipeline='${unlabeled_pipeline}',
        score_pipeline='${test_pipeline}',
    ),
    test=dict(
        type='VOCDetectionDataset',
        data_root='${data_root}',
        ann_file='${test_lists}',
        img_prefix='${test_folders}',
        classes='${classes}',
        pipeline='${test_pipeline}',
        test_mode=True,
        # True: IoU with 1 pixel added to widths and heights, as MMDetection's VOCDataset
        use_legacy_coordinate=False,
    ),
)
