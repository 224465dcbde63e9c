# BCCD, 10 to 40 labeled images.
# python tools/experiment.py configs/experiments/bccd_small.py --data-root PATH/TO/bccd --devices cpu cpu
_base_ = ['./_base_/small_sets.py']
config = '../examples/bccd_pretrained.py'
options = {
    'X_L_0_size': 10,
    'X_S_size': 10,
    'X_L_repeat': 2,
    'X_U_repeat': 2,
    # Run before the others: no group norm, and a learning rate that never drops.
    'model.neck.norm_cfg': None,
    'model.bbox_head.norm_cfg': None,
    'lr_config.step': [2],
}
work_directory = 'work_dirs/bccd_small'
