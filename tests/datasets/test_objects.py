"""Accounts of objects."""

import pytest

from mmdet_miaod.datasets.objects import ObjectCounts, rotation_remark


def test_sums_are_by_mark_and_reason() -> None:
    first = ObjectCounts(3, {'crowd': 2}, {'no area': 1})
    both = first + ObjectCounts(1, {}, {'no area': 1, 'unknown class': 4})
    assert (both.trained, both.total) == (4, 12)
    assert (
        str(both)
        == '12 objects = 4 to train on + 2 ignored (crowd 2) + 6 left out (no area 2, unknown class 4)'
    )
    assert str(ObjectCounts()) == '0 objects = 0 to train on + 0 ignored + 0 left out'


@pytest.mark.parametrize(
    ('values', 'told'), [([None, 30.0], '30.0'), (['-0.5'], '-0.5'), ([0, '0.0', None, 'left', []], '')]
)
def test_a_rotation_is_told(values, told) -> None:
    remark = rotation_remark(values)
    assert remark == (f'has a rotation of {told}, which its upright box does not show' if told else '')
