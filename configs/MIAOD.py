# MI-AOD on PASCAL VOC 2007 + 2012 with RetinaNet R50: the published experiment.
_base_ = ['./_base_/retinanet_r50_fpn.py', './_base_/voc0712.py', './_base_/default_runtime.py']

# What is labeled: 5% of the 16,551 images at first, 2.5% more after each cycle.
X_L_0_size = 16551 // 20
X_S_size = 16551 // 40
cycles = [0, 1, 2, 3, 4, 5, 6]
# An image's uncertainty is the mean over its k most uncertain instances.
k = 10000
query = dict(type='miaod', k='${k}')

# Passes over the labeled set X_L and the unlabeled set X_U per epoch.
X_L_repeat = 2
X_U_repeat = 2
# A cycle: label-set training for epoch_ratio[0] epochs; then, `epoch` times, minimizing and maximizing uncertainty
# for epoch_ratio[1] epochs each and label-set training again. Or schedule = [dict(name=..., epochs=...), ...].
schedule = 'miaod'
epoch_ratio = [3, 1]
epoch = 2

# The weight lambda of the discrepancy between the two classifiers.
param_lambda = 0.5
model = dict(bbox_head=dict(loss_dis=dict(loss_weight='${param_lambda}')))

optimizer = dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4)
# The learning rate drops in the last label-set stage of a cycle, at this epoch of it.
lr_config = dict(policy='step', step=[2])
evaluation = dict(metric='mAP', iou_thr=0.5, mode='11points')
seed = 666
work_directory = './work_dirs/MI-AOD'
