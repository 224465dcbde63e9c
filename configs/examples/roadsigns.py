# Road signs: 731 photographs of signs and traffic lights, 4 classes (CC0). Kaggle's andrewmvd/road-sign-detection,
# the images of 300 x 400 pixels, in VOC's layout, 80% of them in trainval.txt.
# python tools/train.py configs/examples/roadsigns.py --data-root PATH/TO/roadsigns --device cpu
_base_ = ['./small_pretrained.py']

data_root = 'data/roadsigns/'
classes = ['trafficlight', 'stop', 'speedlimit', 'crosswalk']
pool_lists = ['VOC2007/ImageSets/Main/trainval.txt']
pool_folders = ['VOC2007/']
img_scale = (256, 256)

model = dict(bbox_head=dict(num_classes=len(classes)))
work_directory = './work_dirs/roadsigns'
