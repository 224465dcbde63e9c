# BCCD: 364 photographs of blood cells, 3 classes; a small model, trained from scratch on the CPU or a GPU.
# python tools/train.py configs/examples/bccd.py --data-root PATH/TO/bccd --device cpu
_base_ = ['../MIAOD.py']

data_root = 'data/bccd/'
classes = ['RBC', 'WBC', 'Platelets']
pool_lists = ['VOC2007/ImageSets/Main/trainval.txt']
pool_folders = ['VOC2007/']
img_scale = (256, 192)
# Faster for small models, also on a CPU.
channels_last = True

model = dict(
    backbone=dict(depth=18, base_channels=32, frozen_stages=-1, norm_eval=False, init_cfg=None),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=32),
    bbox_head=dict(num_classes=3, in_channels=32, feat_channels=32, stacked_convs=2),
)

X_L_0_size = 30
X_S_size = 30
cycles = [0, 1, 2]
X_L_repeat = 4
X_U_repeat = 4
optimizer = dict(lr=1e-2)
work_directory = './work_dirs/bccd'
