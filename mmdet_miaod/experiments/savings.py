"""Labels that a setting saves against the baseline, collapsed models, and differences over several grids."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median

import numpy as np

from ..visualization.learning_curve import Curve
from ..visualization.page_parts import PageTable
from .statistics import Curves, areas_of

_RESAMPLES = 1000


def labels_needed(labeled: Sequence[float], values: Sequence[float], target: float) -> float:
    """Number of labels at which a learning curve first reaches a value, between points along a line.

    Args:
        labeled: (n,) numbers of labeled images or boxes, ascending.
        values: (n,) metric at each.
        target: the value.

    Returns:
        The first number where the value is below the curve's first point, infinity where it is never reached.
    """
    best = np.maximum.accumulate(np.asarray(values, dtype=float))
    if target > best[-1]:
        return float('inf')
    # Along plateaus of the best so far the first number counts.
    reached = int(np.searchsorted(best, target))
    if reached == 0:
        return float(labeled[0])
    share = (target - best[reached - 1]) / (best[reached] - best[reached - 1])
    return float(labeled[reached - 1] + share * (labeled[reached] - labeled[reached - 1]))


def label_saving(curves: Sequence[Curve], baseline: Sequence[Curve], target: float) -> float:
    """Share of the baseline's labels that a setting does without for the same mAP.

    Args:
        curves: of the setting, one per seed.
        baseline: of the setting that it is compared with.
        target: mAP, 0 to 1, that both means over seeds are to reach.

    Returns:
        1 - labels of the setting / labels of the baseline; negative where it needs more. A mean that never
        reaches the target counts as reaching it with its last label, and the saving as at most 0 for the
        setting's and at least 0 for the baseline's: NaN where neither does.
    """
    means = [_mean_curve(some) for some in (curves, baseline)]
    own, other = (labels_needed(*mean, target) for mean in means)
    if np.isinf(own) and np.isinf(other):
        return float('nan')
    # Curves over boxes end at different numbers: the last box of one may be less than the other needs.
    if np.isinf(own):
        own = max(float(means[0][0][-1]), other)
    if np.isinf(other):
        other = max(float(means[1][0][-1]), own)
    return 1 - own / other


def saving_table(curves: Curves, baseline: str, unit: str = 'labels', share: float = 0.95) -> PageTable:
    """Labels that settings save for ``share`` of the mAP that the baseline ends at, with intervals.

    Args:
        curves: complete ones, by setting and seed.
        baseline: the setting to compare with.
        unit: what the curves are drawn against.
        share: of the baseline's last mean mAP.
    """
    rng = np.random.default_rng(0)
    target = _target(curves, baseline, share)
    rows = []
    for setting, seeds in curves.items():
        if not seeds:
            continue
        needed = labels_needed(*_mean_curve(list(seeds.values())), target)
        saved = '–' if setting == baseline else _percent(*_saving(curves, setting, baseline, rng, share))
        rows.append([setting, f'{needed:.0f}' if np.isfinite(needed) else 'not reached', saved])
    note = (
        f'{unit.capitalize()} for an mAP of {target:.3f}, {share:.0%} of the mean that {baseline} ends at, '
        'and the share that is saved against it [95% bootstrap interval over seeds].'
    )
    return PageTable(f'{unit.capitalize()} saved', ['setting', unit, 'saved'], rows, note)


def collapse_counts(curves: Curves) -> PageTable:
    """Count the models that ended below half of the median of all models of the grid with as many labels.

    Args:
        curves: by setting and seed, of runs that stopped before the end too.
    """
    by_cycle: dict[int, list[float]] = {}
    for curve in (curve for seeds in curves.values() for curve in seeds.values()):
        for cycle, value in zip(curve.cycles, curve.values, strict=True):
            by_cycle.setdefault(cycle, []).append(value)
    medians = {cycle: median(values) for cycle, values in by_cycle.items()}
    rows = []
    for setting, seeds in curves.items():
        models = [
            (f'seed {seed}, {labeled}: {value:.3f}', value < medians[cycle] / 2)
            for seed, curve in seeds.items()
            for cycle, labeled, value in zip(curve.cycles, curve.labeled, curve.values, strict=True)
        ]
        lost = [name for name, is_lost in models if is_lost]
        if models:
            rows.append([setting, f'{len(models)}', f'{len(lost)}', '; '.join(lost) or '–'])
    note = (
        'Models below half of the median of all models of the grid in the same cycle. Settings of one '
        'schedule share the first.'
    )
    return PageTable('Collapses', ['setting', 'models', 'collapsed', 'which (labels: mAP)'], rows, note)


def overall_table(grids: Mapping[str, Curves], baseline: str) -> PageTable:
    """Relative difference of areas to the baseline over several grids, with an interval over grids and seeds.

    Args:
        grids: complete curves by setting and seed of each grid, by its name.
        baseline: the setting to compare with, seed by seed.
    """
    note = (
        f'Area under the learning curve against that of {baseline}, same seed: mean of the relative '
        'differences, over all grids with a 95% bootstrap interval over grids and seeds.'
    )
    return _over_grids('Over all data sets', grids, baseline, _relative_area, note)


def overall_saving_table(grids: Mapping[str, Curves], baseline: str, share: float = 0.95) -> PageTable:
    """Labels saved (:func:`saving_table`) over several grids, with an interval over grids and seeds.

    Args:
        grids: complete curves by setting and seed of each grid, by its name.
        baseline: the setting to compare with.
        share: of the mean mAP that the baseline ends at in each grid.
    """
    note = (
        f'Labels saved against {baseline} for {share:.0%} of the mean mAP that it ends at, over all grids '
        'with a 95% bootstrap interval over grids and seeds.'
    )
    saving = partial(_saving, share=share)
    return _over_grids('Labels saved over all data sets', grids, baseline, saving, note)


# A value of a setting in a grid, and values of as many draws of seeds; None where there is none.
_Measure = Callable[[Curves, str, str, np.random.Generator], tuple[float, np.ndarray] | None]


def _over_grids(
    title: str, grids: Mapping[str, Curves], baseline: str, measure: _Measure, note: str
) -> PageTable:
    """Table of a value by setting and grid, and of its mean over grids.

    Each draw of the bootstrap takes grids with replacement, and seeds within each (Davison and Hinkley,
    "Bootstrap Methods and their Application", 1997, section 3.8).
    """
    rng = np.random.default_rng(0)
    rows = []
    for setting in dict.fromkeys(setting for curves in grids.values() for setting in curves):
        found = {name: measure(curves, setting, baseline, rng) for name, curves in grids.items()}
        known = [one for one in found.values() if one is not None]
        if setting == baseline or not known:
            continue
        size = (_RESAMPLES, len(known))
        draws = np.stack([rng.choice(drawn[np.isfinite(drawn)], size) for _, drawn in known])
        taken = np.take_along_axis(draws, rng.integers(len(known), size=(1, *size)), axis=0)[0]
        single = ['–' if one is None else f'{one[0]:+.0%}' for one in found.values()]
        overall = float(np.mean([value for value, _ in known]))
        rows.append([setting, *single, _percent(overall, taken.mean(axis=1))])
    return PageTable(title, ['setting', *grids, 'all'], rows, note)


def _relative_area(
    curves: Curves, setting: str, baseline: str, rng: np.random.Generator
) -> tuple[float, np.ndarray] | None:
    """Mean relative difference of areas over seeds; a seed with which the baseline finds nothing has none."""
    areas = areas_of(curves)
    own, base = areas.get(setting, {}), areas[baseline]
    values = np.array([own[seed] / base[seed] - 1 for seed in sorted(own.keys() & base.keys()) if base[seed]])
    if not len(values):
        return None
    return float(values.mean()), rng.choice(values, size=(_RESAMPLES, len(values))).mean(axis=1)


def _saving(
    curves: Curves, setting: str, baseline: str, rng: np.random.Generator, share: float
) -> tuple[float, np.ndarray] | None:
    """Labels saved for a share of the baseline's last mean mAP; a draw is NaN where neither reaches it."""
    some, base = (list(curves.get(name, {}).values()) for name in (setting, baseline))
    if not some or not base:
        return None
    target = _target(curves, baseline, share)
    draws = [label_saving(_drawn(some, rng), _drawn(base, rng), target) for _ in range(_RESAMPLES)]
    return label_saving(some, base, target), np.array(draws)


def _target(curves: Curves, baseline: str, share: float) -> float:
    """Return a share of the mean mAP that the baseline ends at."""
    return share * float(np.mean([curve.values[-1] for curve in curves[baseline].values()]))


def _percent(value: float, draws: np.ndarray) -> str:
    """Return a value in percent, and the 2.5th and 97.5th percentile of its resampled values."""
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return f'{value:+.0%} [{low:+.0%}, {high:+.0%}]'


def _mean_curve(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """Mean numbers of labels and mean values of each cycle, both ``(cycles,)``."""
    labeled = np.mean([curve.labeled for curve in curves], axis=0)
    return labeled, np.mean([curve.values for curve in curves], axis=0)


def _drawn(curves: Sequence[Curve], rng: np.random.Generator) -> list[Curve]:
    """As many curves, drawn with replacement."""
    return [curves[i] for i in rng.integers(len(curves), size=len(curves))]
