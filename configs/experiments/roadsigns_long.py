# Road signs, 30 to 75 labeled images of 256 x 256 pixels, trainings of the published length.
# python tools/experiment.py configs/experiments/roadsigns_long.py --data-root PATH/TO/roadsigns --devices cuda:0 cuda:0
_base_ = ['./_base_/long_trainings.py']
config = '../examples/roadsigns.py'
options = {'X_L_0_size': 30}
work_directory = 'work_dirs/roadsigns_long'
