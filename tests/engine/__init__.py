"""Tests of mmdet_miaod.engine, one file per module; test_golden_train.py trains as the published code did."""
