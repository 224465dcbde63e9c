# MI-AOD's schedule at its published length against supervised training of as many steps: models of a first cycle, before
# anything is selected.
seeds = [0, 1, 2]
options = {
    'cycles': [0],
    'X_L_repeat': 2,
    'X_U_repeat': 2,
    'data.workers_per_gpu': 0,
}
settings = {
    'supervised, published length': {'schedule': 'supervised'},
    'miaod, published length': {'schedule': 'miaod'},
}
