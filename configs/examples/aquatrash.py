# AquaTrash: 369 photographs of litter outdoors, 4 classes, few boxes per image (annotations MIT, images of TACO CC BY 4.0).
# From github.com/Harsh9524/AquaTrash, its CSV file turned into VOC's layout, 80% of the images in trainval.txt.
# python tools/train.py configs/examples/aquatrash.py --data-root PATH/TO/aquatrash --device cpu
_base_ = ['./small_pretrained.py']

data_root = 'data/aquatrash/'
classes = ['glass', 'paper', 'metal', 'plastic']
pool_lists = ['VOC2007/ImageSets/Main/trainval.txt']
pool_folders = ['VOC2007/']
img_scale = (256, 256)

model = dict(bbox_head=dict(num_classes=len(classes)))
work_directory = './work_dirs/aquatrash'
