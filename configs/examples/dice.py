# Dice: 250 photographs of six-sided dice in a tray, a class a number of dots (BSD-3-Clause). From
# github.com/nell-byler/dice_detection, its YOLO annotations turned into VOC's layout; its own lists.
# python tools/train.py configs/examples/dice.py --data-root PATH/TO/dice --device cpu
_base_ = ['./small_pretrained.py']

data_root = 'data/dice/'
classes = ['one', 'two', 'three', 'four', 'five', 'six']
pool_lists = ['VOC2007/ImageSets/Main/trainval.txt']
pool_folders = ['VOC2007/']
# A die has 19 pixels then.
img_scale = (320, 320)

model = dict(bbox_head=dict(num_classes=len(classes)))
work_directory = './work_dirs/dice'
