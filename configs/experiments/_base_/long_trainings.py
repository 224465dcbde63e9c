# As small_sets.py, with trainings of the published length: 13 epochs per cycle in place of six.
_base_ = ['./small_sets.py']
options = {'epoch_ratio': [3, 1], 'epoch': 2, 'lr_config.step': [2]}
