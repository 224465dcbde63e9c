# MI-AOD on photographs that you label batch by batch: python tools/annotate.py start writes a config that changes the
# first lines of this one.
_base_ = ['./_base_/retinanet_r50_fpn.py', './_base_/pipelines.py', './_base_/default_runtime.py']

# Folders of photographs; those below count as well.
photographs = ['photographs/']
classes = ['object']
model = dict(bbox_head=dict(num_classes=len(classes), loss_dis=dict(loss_weight='${param_lambda}')))
# Longest and shortest side that images are resized to, in pixels.
img_scale = (1000, 600)

# tool: whose files a batch has: 'label-studio', 'cvat' or 'coco'. test_size: images that are drawn for the test set, and
# never queried. first: the first batch is drawn at random, or chosen by 'coreset' on the pretrained backbone. skipped:
# 'leave_out' images that you skip, or 'ask_again'. The model proposes boxes from score_thr on, max_boxes at most.
annotator = dict(
    type='batches',
    tool='label-studio',
    test_size=0,
    first='random',
    skipped='leave_out',
    score_thr=0.3,
    max_boxes=100,
)
# How many images you label first, and after each cycle.
X_L_0_size = 40
X_S_size = 40
cycles = [0, 1, 2, 3, 4, 5]
k = 10000
query = dict(type='miaod', k='${k}')

data_root = ''
data = dict(
    samples_per_gpu=2,
    test_samples_per_gpu=2,
    workers_per_gpu=2,
    prefetch_factor=2,
    train=dict(type='PersonLabeledDataset', classes='${classes}', pipeline='${train_pipeline}'),
    pool=dict(
        type='PhotographPool',
        data_root='${data_root}',
        folders='${photographs}',
        pipeline='${unlabeled_pipeline}',
        score_pipeline='${test_pipeline}',
    ),
    test=dict(type='PersonLabeledDataset', classes='${classes}', pipeline='${test_pipeline}', test_mode=True),
)

X_L_repeat = 2
X_U_repeat = 2
schedule = 'miaod'
epoch_ratio = [3, 1]
epoch = 2
# The weight lambda of the discrepancy between the two classifiers.
param_lambda = 0.5
optimizer = dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4)
lr_config = dict(policy='step', step=[2])
evaluation = dict(metric='mAP', iou_thr=0.5, mode='11points')
seed = 666
work_directory = './work_dirs/photographs'
