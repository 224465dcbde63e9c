# BCCD on the small model with a pretrained backbone. bccd.py trains another one from scratch, as the published code does.
# python tools/train.py configs/examples/bccd_pretrained.py --data-root PATH/TO/bccd --device cpu
_base_ = ['./small_pretrained.py']

data_root = 'data/bccd/'
classes = ['RBC', 'WBC', 'Platelets']
pool_lists = ['VOC2007/ImageSets/Main/trainval.txt']
pool_folders = ['VOC2007/']
# A red cell has 25 pixels then, a platelet 10.
img_scale = (160, 120)

model = dict(bbox_head=dict(num_classes=len(classes)))
work_directory = './work_dirs/bccd_pretrained'
