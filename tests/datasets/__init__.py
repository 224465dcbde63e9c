"""Tests of mmdet_miaod.datasets, one file per module; test_..._properties.py draws its inputs at random."""
