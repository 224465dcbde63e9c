# Road signs, 30 to 75 labeled images of 160 x 160 pixels.
# python tools/experiment.py configs/experiments/roadsigns_small.py --data-root PATH/TO/roadsigns --devices cpu cpu
_base_ = ['./_base_/small_sets.py']
config = '../examples/roadsigns.py'
options = {'X_L_0_size': 30, 'img_scale': (160, 160)}
work_directory = 'work_dirs/roadsigns_small'
