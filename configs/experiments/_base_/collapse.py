# What the studies of collapses share: single models of 60 images, labels only, 270 steps.
options = {
    'cycles': [0],
    'X_L_0_size': 60,
    'X_L_repeat': 3,
    'schedule': 'supervised',
    'epoch_ratio': [3, 1],
    'epoch': 0,
    'data.workers_per_gpu': 0,
}
seeds = [0, 1, 2, 3, 4]
