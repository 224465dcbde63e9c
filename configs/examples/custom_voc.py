# A data set of your own in VOC's layout. Copy this file, change the values, and run:
#   python tools/train.py configs/examples/custom_voc.py --data-root PATH/TO/DATA
#
#   PATH/TO/DATA/train.txt            image names without suffix, one per line: the pool, labeled and unlabeled
#   PATH/TO/DATA/test.txt             the test images
#   PATH/TO/DATA/JPEGImages/*.jpg
#   PATH/TO/DATA/Annotations/*.xml    needed for labeled images only; images without objects are fine
#
# The base is a small model that a few dozen labeled images suffice for. For thousands, with a GPU, '../MIAOD.py' is
# the published one.
_base_ = ['./small_pretrained.py']

data_root = 'data/custom/'
# The names in the XML files. With a single class the MIL branch uses a sigmoid by itself.
classes = ['cat', 'dog', 'bird']
# Image lists, and the folder of JPEGImages and Annotations of each list; relative to data_root.
pool_lists = ['train.txt']
pool_folders = ['.']
test_lists = ['test.txt']
test_folders = ['.']
# Longest and shortest side that images are resized to, keeping their ratio. The smallest objects should still be
# some 20 pixels large.
img_scale = (320, 320)

model = dict(bbox_head=dict(num_classes=len(classes)))

# Images labeled at first, and after each cycle but the last.
X_L_0_size = 60
X_S_size = 30
cycles = [0, 1, 2, 3, 4]
work_directory = './work_dirs/custom'
