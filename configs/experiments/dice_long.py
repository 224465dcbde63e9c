# Dice, 20 to 50 labeled images of 320 x 320 pixels, trainings of the published length.
# python tools/experiment.py configs/experiments/dice_long.py --data-root PATH/TO/dice --devices cuda:0 cuda:0
_base_ = ['./_base_/long_trainings.py']
config = '../examples/dice.py'
options = {'X_L_0_size': 20, 'X_S_size': 10, 'X_L_repeat': 2, 'X_U_repeat': 2}
work_directory = 'work_dirs/dice_long'
