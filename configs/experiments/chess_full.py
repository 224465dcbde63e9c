# Chess, supervised training of chess_small.py and chess_long.py on more images, drawn at random, and on all 202: what
# their grids are measured against.
# python tools/collapse.py configs/experiments/chess_full.py --data-root PATH/TO/chess
data = 'chess'
config = '../examples/chess.py'
records = '../../docs/results/chess_full.jsonl'
options = {
    'cycles': [0],
    'schedule': 'supervised',
    'X_L_repeat': 1,
    'epoch_ratio': [2, 1],
    'epoch': 1,
    'lr_config.step': [1],
    'img_scale': (192, 144),
    'data.workers_per_gpu': 0,
}
seeds = [0, 1, 2]
_long = {'epoch_ratio': [3, 1], 'epoch': 2, 'lr_config.step': [2], 'img_scale': (384, 256)}
settings = {
    '105 images at random': {'X_L_0_size': 105},
    'all 202 images': {'X_L_0_size': 202},
    '105 images at random, published length': _long | {'X_L_0_size': 105},
    'all 202 images, published length': _long | {'X_L_0_size': 202},
}
