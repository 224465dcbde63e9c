# Chess, 30 to 75 labeled images of 192 x 144 pixels.
# python tools/experiment.py configs/experiments/chess_small.py --data-root PATH/TO/chess --devices cpu cpu
_base_ = ['./_base_/small_sets.py']
config = '../examples/chess.py'
options = {'X_L_0_size': 30, 'img_scale': (192, 144)}
work_directory = 'work_dirs/chess_small'
