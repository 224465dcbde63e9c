# Aquarium: 638 photographs of fish, sea birds and other animals in two zoos, 7 classes (CC BY 4.0). From Roboflow's
# public.roboflow.com/object-detection/aquarium, in VOC's layout; its own lists, valtest is valid and test.
# python tools/train.py configs/examples/aquarium.py --data-root PATH/TO/aquarium --device cpu
_base_ = ['./small_pretrained.py']

data_root = 'data/aquarium/'
classes = ['fish', 'jellyfish', 'penguin', 'puffin', 'shark', 'starfish', 'stingray']
pool_lists = ['VOC2007/ImageSets/Main/train.txt']
pool_folders = ['VOC2007/']
test_lists = ['VOC2007/ImageSets/Main/valtest.txt']
test_folders = ['VOC2007/']

# Seven kinds of small animals under water need more: after 520 steps of 40 images a model finds hardly anything.
X_L_0_size = 60
X_L_repeat = 4
X_U_repeat = 4

model = dict(bbox_head=dict(num_classes=len(classes)))
work_directory = './work_dirs/aquarium'
