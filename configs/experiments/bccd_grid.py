# BCCD: query strategies x training schedules x seeds, 4 cycles from 30 to 120 labeled images.
# python tools/experiment.py configs/experiments/bccd_grid.py --data-root PATH/TO/bccd --devices cpu
config = '../examples/bccd.py'
strategies = dict(
    random=dict(type='random'),
    entropy=dict(type='entropy', aggregation='mean'),
    coreset=dict(type='coreset'),
    miaod=dict(type='miaod', k=10000),
)
schedules = dict(supervised='supervised', miaod='miaod')
seeds = [666, 1, 2]
# The setting that others are compared with.
baseline = 'random-supervised'
options = {'cycles': [0, 1, 2, 3]}
work_directory = 'work_dirs/bccd_grid'
