# BCCD, 20 labeled images of 160 x 120 pixels.
# python tools/collapse.py configs/experiments/bccd_schedules.py --data-root PATH/TO/bccd
_base_ = ['./_base_/full_schedules.py']
data = 'BCCD'
config = '../examples/bccd_pretrained.py'
records = '../../docs/results/bccd_schedules.jsonl'
options = {'X_L_0_size': 20}
