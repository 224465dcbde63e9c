# BCCD, 10 to 40 labeled images of 160 x 120 pixels, trainings of the published length.
# python tools/experiment.py configs/experiments/bccd_long.py --data-root PATH/TO/bccd --devices cuda:0 cuda:0
_base_ = ['./_base_/long_trainings.py']
config = '../examples/bccd_pretrained.py'
options = {'X_L_0_size': 10, 'X_S_size': 10, 'X_L_repeat': 2, 'X_U_repeat': 2}
work_directory = 'work_dirs/bccd_long'
