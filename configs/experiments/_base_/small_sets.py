# What the grids over small data sets share: five query strategies x two schedules x three seeds, four cycles.
strategies = dict(
    random=dict(type='random'),
    entropy=dict(type='entropy', aggregation='mean'),
    coreset=dict(type='coreset'),
    miaod=dict(type='miaod', k=10000),
    ppal=dict(type='ppal'),
)
schedules = dict(supervised='supervised', miaod='miaod')
seeds = [0, 1, 2]
# The setting that others are compared with.
baseline = 'random-supervised'
# Few and short cycles, so that a grid takes an hour or two of one core.
options = {
    'cycles': [0, 1, 2, 3],
    'X_S_size': 15,
    'X_L_repeat': 1,
    'X_U_repeat': 1,
    'epoch_ratio': [2, 1],
    'epoch': 1,
    # The last epoch has a tenth of the learning rate.
    'lr_config.step': [1],
    'data.workers_per_gpu': 0,
}
