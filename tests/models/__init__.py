"""Tests of mmdet_miaod.models, one file per module.

Besides, test_golden_*.py compare heads with the published code, dense_heads/test_reference.py with loops
(slow_reference.py), and test_work_not_done.py looks at what a stage does not compute.
"""
