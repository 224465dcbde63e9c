"""Area under the curve, paired differences."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from mmdet_miaod.experiments.statistics import area_under_curve, mean_and_deviation, paired_difference


def test_area_is_the_mean_height() -> None:
    assert area_under_curve([10, 20, 40], [0.0, 0.4, 0.6]) == pytest.approx((10 * 0.2 + 20 * 0.5) / 30)
    assert area_under_curve([10], [0.3]) == 0.3


def test_area_over_a_part() -> None:
    curve = [10, 20, 40], [0.0, 0.4, 0.6]
    # 0.2 at 15, 0.4 at 20, 0.5 at 30
    assert area_under_curve(*curve, span=(15, 30)) == pytest.approx((5 * 0.3 + 10 * 0.45) / 15)
    assert area_under_curve(*curve, span=(10, 40)) == pytest.approx(area_under_curve(*curve))
    assert area_under_curve(*curve, span=(30, 30)) == pytest.approx(0.5)


def test_paired_difference_is_over_shared_seeds() -> None:
    values, baseline = {1: 0.5, 2: 0.7, 3: 0.6, 9: 5.0}, {1: 0.4, 2: 0.4, 3: 0.7, 8: -5.0}
    found = paired_difference(values, baseline)
    assert found.seeds == 3 and found.mean == pytest.approx(0.1)
    # All 27 equally likely draws of the three differences, instead of random ones.
    means = [np.mean(draw) for draw in itertools.product([0.1, 0.3, -0.1], repeat=3)]
    low, high = np.percentile(means, [2.5, 97.5], method='inverted_cdf')
    assert found.low == pytest.approx(low, abs=0.01) and found.high == pytest.approx(high, abs=0.01)
    assert found == paired_difference(values, baseline)


def test_one_seed_has_no_interval_and_none_no_difference() -> None:
    one = paired_difference({1: 0.5}, {1: 0.2})
    assert one.mean == pytest.approx(0.3) and math.isnan(one.low)
    assert paired_difference({1: 0.5}, {2: 0.2}).seeds == 0


def test_deviation_is_that_of_a_sample() -> None:
    assert mean_and_deviation([1, 2, 3]) == (2.0, 1.0)
    assert math.isnan(mean_and_deviation([1])[1])
