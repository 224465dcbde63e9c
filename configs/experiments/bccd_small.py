# BCCD, 10 to 40 labeled images.
# python tools/experiment.py configs/experiments/bccd_small.py --data-root PATH/TO/bccd --devices cpu cpu
_base_ = ['./_base_/small_sets.py']
config = '../examples/bccd_pretrained.py'
options = {'X_L_0_size': 10}
work_directory = 'work_dirs/bccd_small'
