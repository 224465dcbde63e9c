# MI-AOD on COCO 2017 with RetinaNet R50: the published experiment, 2% to 10% of train2017.
_base_ = ['./_base_/retinanet_r50_fpn.py', './_base_/pipelines.py', './_base_/default_runtime.py']

# What is labeled: 2% of the 117,266 images with boxes at first, 2% more after each cycle.
X_L_0_size = 117266 // 50
X_S_size = 117266 // 50
cycles = [0, 1, 2, 3, 4]
# The first X_U is the slice of the shuffled order that follows X_L.
X_U_0_from = 'next'
# Fraction of the unlabeled images that a query looks at; the published experiment draws a fifth (0.2).
query_fraction = 1.0
k = 10000
query = dict(type='miaod', k='${k}')

X_L_repeat = 2
X_U_repeat = 2
schedule = 'miaod'
epoch_ratio = [3, 1]
epoch = 2

param_lambda = 0.5
model = dict(bbox_head=dict(num_classes=80, loss_dis=dict(loss_weight='${param_lambda}')))

optimizer = dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4)
lr_config = dict(policy='step', warmup='linear', warmup_iters=500, warmup_ratio=0.001, step=[2])
evaluation = dict(metric='bbox')
seed = 666
work_directory = './work_dirs/MI-AOD-COCO'

# Any data set in COCO's format: set these, classes and num_classes.
data_root = 'data/coco/'
pool_json = 'annotations/instances_train2017.json'
pool_images = 'train2017/'
test_json = 'annotations/instances_val2017.json'
test_images = 'val2017/'
only_with_boxes = True
# Class names; None means all categories of the file, in its order.
classes = None
img_scale = (1333, 800)

data = dict(
    samples_per_gpu=2,
    workers_per_gpu=2,
    train=dict(
        type='CocoDetectionDataset',
        data_root='${data_root}',
        ann_file='${pool_json}',
        img_prefix='${pool_images}',
        only_with_boxes='${only_with_boxes}',
        classes='${classes}',
        pipeline='${train_pipeline}',
    ),
    pool=dict(
        type='CocoPoolDataset',
        data_root='${data_root}',
        ann_file='${pool_json}',
        img_prefix='${pool_images}',
        only_with_boxes='${only_with_boxes}',
        pipeline='${unlabeled_pipeline}',
        score_pipeline='${test_pipeline}',
    ),
    test=dict(
        type='CocoDetectionDataset',
        data_root='${data_root}',
        ann_file='${test_json}',
        img_prefix='${test_images}',
        classes='${classes}',
        pipeline='${test_pipeline}',
        test_mode=True,
    ),
)
