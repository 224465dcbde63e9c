# Chess, 30 to 75 labeled images of 384 x 256 pixels, trainings of the published length.
# python tools/experiment.py configs/experiments/chess_long.py --data-root PATH/TO/chess --devices cuda:0 cuda:0
_base_ = ['./_base_/long_trainings.py']
config = '../examples/chess.py'
options = {'X_L_0_size': 30}
work_directory = 'work_dirs/chess_long'
