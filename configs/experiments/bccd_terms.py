# BCCD, 20 labeled images.
# python tools/collapse.py configs/experiments/bccd_terms.py --data-root PATH/TO/bccd
_base_ = ['./_base_/miaod_terms.py']
data = 'BCCD'
config = '../examples/bccd_pretrained.py'
records = '../../docs/results/bccd_terms.jsonl'
options = {'X_L_0_size': 20}
