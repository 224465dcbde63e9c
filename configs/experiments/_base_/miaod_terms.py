# Which part of MI-AOD's training gains or loses before anything is selected: models of a first cycle, as in the grids
# over small data sets.
seeds = [0, 1, 2, 3, 4]
options = {
    'cycles': [0],
    'X_L_repeat': 2,
    'X_U_repeat': 2,
    'epoch_ratio': [2, 1],
    'epoch': 1,
    # Run before the small models had group norm.
    'model.neck.norm_cfg': None,
    'model.bbox_head.norm_cfg': None,
    'data.workers_per_gpu': 0,
}
_label = dict(name='label', epochs=2)
_classifiers = ['bbox_head.f_1_*', 'bbox_head.f_2_*']
_minimize = dict(name='minimize', unlabeled_losses=['loss_dis', 'loss_mil_pseudo'], freeze=_classifiers)
_maximize = dict(
    name='maximize', labeled_losses=['loss_cls'], unlabeled_losses=['loss_dis_max'], train=_classifiers
)
settings = {
    'supervised': {'schedule': 'supervised'},
    # What is left of the schedule without unlabeled images: two thirds of the steps, and a fresh optimizer half-way.
    'label stages only': {'schedule': [_label, _label]},
    'miaod': {'schedule': 'miaod'},
    'miaod, lambda 0': {'schedule': 'miaod', 'param_lambda': 0.0},
    'miaod, no MIL loss on unlabeled images': {
        'schedule': [_label, dict(_minimize, unlabeled_losses=['loss_dis']), _maximize, _label],
    },
    'miaod, no maximize stage': {'schedule': [_label, _minimize, _label]},
}
