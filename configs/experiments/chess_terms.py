# Chess, 30 labeled images of 224 x 150 pixels.
# python tools/collapse.py configs/experiments/chess_terms.py --data-root PATH/TO/chess
_base_ = ['./_base_/miaod_terms.py']
data = 'chess'
config = '../examples/chess.py'
records = '../../docs/results/chess_terms.jsonl'
options = {'X_L_0_size': 30, 'img_scale': (224, 160)}
