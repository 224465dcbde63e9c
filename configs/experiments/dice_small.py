# Dice, 20 to 50 labeled images of 192 x 192 pixels.
# python tools/experiment.py configs/experiments/dice_small.py --data-root PATH/TO/dice --devices cpu cpu
_base_ = ['./_base_/small_sets.py']
config = '../examples/dice.py'
options = {'X_L_0_size': 20, 'X_S_size': 10, 'img_scale': (192, 192)}
work_directory = 'work_dirs/dice_small'
