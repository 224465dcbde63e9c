# Chess, 40 labeled images of 192 x 144 pixels.
# python tools/collapse.py configs/experiments/chess_schedules.py --data-root PATH/TO/chess
_base_ = ['./_base_/full_schedules.py']
data = 'chess'
config = '../examples/chess.py'
records = '../../docs/results/chess_schedules.jsonl'
options = {'X_L_0_size': 40, 'img_scale': (192, 144)}
