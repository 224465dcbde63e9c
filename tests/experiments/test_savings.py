"""Labels saved, collapsed models, and differences over several grids."""

import math

import pytest

from mmdet_miaod.experiments.savings import (
    collapse_counts,
    label_saving,
    labels_needed,
    overall_saving_table,
    overall_table,
    saving_table,
)
from mmdet_miaod.visualization.learning_curve import Curve


def curve(*values: float, labeled: tuple[int, ...] = (10, 20, 30)) -> Curve:
    return Curve('run', tuple(range(len(values))), labeled[: len(values)], values)


@pytest.mark.parametrize(
    ('values', 'target', 'expected'),
    [
        ((0.1, 0.3, 0.5), 0.4, 25),
        ((0.1, 0.3, 0.5), 0.3, 20),
        ((0.1, 0.3, 0.5), 0.05, 10),
        ((0.1, 0.3, 0.5), 0.6, math.inf),
        # A fall does not count, nor does what follows before the curve is back.
        ((0.3, 0.1, 0.5), 0.3, 10),
        ((0.3, 0.1, 0.5), 0.4, 25),
    ],
)
def test_labels_needed(values, target, expected) -> None:
    assert labels_needed((10, 20, 30), values, target) == pytest.approx(expected)


def test_a_saving_is_the_share_of_the_baselines_labels() -> None:
    fast, slow = [curve(0.1, 0.5, 0.6)], [curve(0.1, 0.3, 0.5)]
    # 20 labels against 30, and the other way round.
    assert label_saving(fast, slow, 0.5) == pytest.approx(1 / 3)
    assert label_saving(slow, fast, 0.5) == pytest.approx(-0.5)
    assert label_saving([curve(0.1, 0.1, 0.1)], slow, 0.3) == pytest.approx(1 - 30 / 20)
    assert math.isnan(label_saving(slow, slow, 0.9))
    # Who never gets there saves nothing, even with fewer labels in all.
    short = [curve(0.1, 0.1, 0.1, labeled=(10, 12, 14))]
    assert label_saving(short, slow, 0.5) == 0 and label_saving(slow, short, 0.5) == 0
    # Seeds that end at different numbers of boxes: the mean ends at 30, whichever is the first.
    seeds = [curve(0.1, 0.3, 0.5, labeled=(10, 15, 20)), curve(0.1, 0.3, 0.5, labeled=(10, 25, 40))]
    for baseline in (seeds, seeds[::-1]):
        assert label_saving([curve(0.1, 0.5, 0.5, labeled=(10, 15, 20))], baseline, 0.5) == pytest.approx(0.5)


def test_savings_are_those_of_means_over_seeds() -> None:
    curves = {
        'base': {0: curve(0.1, 0.3, 0.5), 1: curve(0.1, 0.3, 0.5)},
        'same': {0: curve(0.1, 0.2, 0.5), 1: curve(0.1, 0.4, 0.5)},
        'flat': {0: curve(0.1, 0.1, 0.1)},
    }
    table = saving_table(curves, 'base', 'labeled boxes', share=0.6)
    assert list(table.heads) == ['setting', 'labeled boxes', 'saved']
    assert table.rows[0] == ['base', '20', '–']
    assert table.rows[1][:2] == ['same', '20']
    # The worst draw takes the first seed twice: 20 + 10 / 3 labels; the best the second: 20 - 10 / 3.
    assert table.rows[1][2] == '+0% [-17%, +17%]'
    assert table.rows[2] == ['flat', 'not reached', '-50% [-50%, -50%]']
    assert '0.300' in table.note


def test_a_setting_whose_runs_are_not_there_yet_has_no_row() -> None:
    curves = {'base': {0: curve(0.1, 0.3, 0.5)}, 'later': {}}
    assert [row[0] for row in saving_table(curves, 'base').rows] == ['base']
    assert [row[0] for row in collapse_counts(curves).rows] == ['base']


def test_a_model_below_half_of_the_median_of_its_cycle_has_collapsed() -> None:
    curves = {
        'one': {0: curve(0.4, 0.5), 7: curve(0.4, 0.2)},
        'two': {0: curve(0.4, 0.5), 1: curve(0.1)},
    }
    table = collapse_counts(curves)
    assert table.rows == [
        ['one', '4', '1', 'seed 7, 20: 0.200'],
        ['two', '3', '1', 'seed 1, 10: 0.100'],
    ]


def test_differences_over_grids_weigh_each_grid_the_same() -> None:
    grids = {
        'a': {'base': {0: curve(0.2, 0.2)}, 'new': {0: curve(0.3, 0.3)}},
        'b': {
            'base': {0: curve(0.5, 0.5), 1: curve(0.5, 0.5)},
            'new': {0: curve(0.5, 0.5), 1: curve(0.5, 0.5)},
            'only here': {0: curve(0.4, 0.4)},
        },
    }
    table = overall_table(grids, 'base')
    assert list(table.heads) == ['setting', 'a', 'b', 'all']
    # Two grids drawn with replacement: both of the first, one of each, both of the second.
    assert table.rows == [
        ['new', '+50%', '+0%', '+25% [+0%, +50%]'],
        ['only here', '–', '-20%', '-20% [-20%, -20%]'],
    ]


def test_a_seed_with_which_the_baseline_finds_nothing_has_no_relative_difference() -> None:
    base = {0: curve(0.0, 0.0), 1: curve(0.2, 0.2)}
    grids = {
        'a': {'base': base, 'new': {0: curve(0.3, 0.3), 1: curve(0.3, 0.3)}},
        'b': {'base': {0: base[0]}, 'new': {0: curve(0.3, 0.3)}},
    }
    assert overall_table(grids, 'base').rows == [['new', '+50%', '–', '+50% [+50%, +50%]']]


def test_savings_over_grids_weigh_each_grid_the_same() -> None:
    slow = curve(0.1, 0.3, 0.5)
    grids = {
        'a': {'base': {0: slow}, 'new': {0: curve(0.1, 0.5, 0.6)}},
        'b': {'base': {0: slow, 1: slow}, 'new': {0: slow, 1: slow}},
        'c': {'base': {0: slow}},
    }
    table = overall_saving_table(grids, 'base', share=1.0)
    # 20 labels against 30 in the first, as many in the second.
    assert table.rows == [['new', '+33%', '+0%', '–', '+17% [+0%, +33%]']]
