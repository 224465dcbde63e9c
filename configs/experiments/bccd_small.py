# BCCD, 10 to 40 labeled images.
# python tools/experiment.py configs/experiments/bccd_small.py --data-root PATH/TO/bccd --devices cpu cpu
_base_ = ['./_base_/small_sets.py']
config = '../examples/bccd_pretrained.py'
# The learning rate stays as it is: this grid was run before the others.
options = {'X_L_0_size': 10, 'lr_config.step': [2]}
work_directory = 'work_dirs/bccd_small'
