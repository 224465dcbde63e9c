"""Labels that a setting saves against the baseline, collapsed models, and differences over several grids."""

from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np

from ..visualization.learning_curve import Curve
from ..visualization.page_parts import PageTable
from .statistics import Curves, areas_of

_RESAMPLES = 2000


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
        reaches the target counts as reaching it with its last label, so the saving is at most 0 for the
        setting's and at least 0 for the baseline's: NaN where neither does.
    """
    needed = [labels_needed(*_mean_curve(some), target) for some in (curves, baseline)]
    if not np.isfinite(needed).any():
        return float('nan')
    own, other = (
        min(number, some[0].labeled[-1]) for number, some in zip(needed, (curves, baseline), strict=True)
    )
    return 1 - own / other


def saving_table(curves: Curves, baseline: str, share: float = 0.95) -> PageTable:
    """Labels that settings save for ``share`` of the mAP that the baseline ends at, with intervals.

    Args:
        curves: complete ones, by setting and seed.
        baseline: the setting to compare with.
        share: of the baseline's last mean mAP.
    """
    base = list(curves[baseline].values())
    target = share * float(np.mean([curve.values[-1] for curve in base]))
    rng = np.random.default_rng(0)
    rows = []
    for setting, seeds in curves.items():
        some = list(seeds.values())
        needed = labels_needed(*_mean_curve(some), target) if some else float('inf')
        cells = [setting, f'{needed:.0f}' if np.isfinite(needed) else 'not reached']
        if setting != baseline and some:
            draws = [label_saving(_drawn(some, rng), _drawn(base, rng), target) for _ in range(_RESAMPLES)]
            value = label_saving(some, base, target)
            cells.append(_percent(value, [draw for draw in draws if np.isfinite(draw)]))
        rows.append([*cells, *['–'] * (3 - len(cells))])
    note = (
        f'Labels for an mAP of {target:.3f}, {share:.0%} of the mean that {baseline} ends at, and the share '
        'that is saved against it [95% bootstrap interval over seeds].'
    )
    return PageTable('Labels saved', ['setting', 'labels', 'saved'], rows, note)


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
        rows.append([setting, f'{len(models)}', f'{len(lost)}', '; '.join(lost) or '–'])
    note = (
        'Models below half of the median of all models of the grid in the same cycle. Settings of one '
        'schedule share the first.'
    )
    return PageTable('Collapses', ['setting', 'models', 'collapsed', 'which (labels: mAP)'], rows, note)


def overall_table(grids: Mapping[str, Curves], baseline: str) -> PageTable:
    """Relative difference of areas to the baseline over several grids, with an interval over grids and seeds.

    Each draw of the bootstrap takes grids with replacement, and then seeds within each (Davison and Hinkley,
    "Bootstrap Methods and their Application", 1997, section 3.8).

    Args:
        grids: complete curves by setting and seed of each grid, by its name.
        baseline: the setting to compare with, seed by seed.
    """
    settings = list(dict.fromkeys(setting for curves in grids.values() for setting in curves))
    areas = {name: areas_of(curves) for name, curves in grids.items()}
    rng = np.random.default_rng(0)
    rows = []
    for setting in settings:
        found = {name: _relative(areas[name], setting, baseline) for name in grids}
        found = {name: values for name, values in found.items() if len(values)}
        if setting == baseline or not found:
            continue
        groups = list(found.values())
        draws = []
        for _ in range(_RESAMPLES):
            taken = [groups[i] for i in rng.integers(len(groups), size=len(groups))]
            draws.append(np.mean([rng.choice(group, size=len(group)).mean() for group in taken]))
        value = float(np.mean([group.mean() for group in groups]))
        single = [f'{found[name].mean():+.0%}' if name in found else '–' for name in grids]
        rows.append([setting, *single, _percent(value, draws)])
    note = (
        f'Area under the learning curve against that of {baseline}, same seed: mean of the relative '
        'differences, over all grids with a 95% bootstrap interval over grids and seeds.'
    )
    return PageTable('Over all data sets', ['setting', *grids, 'all'], rows, note)


def _relative(areas: Mapping[str, Mapping[int, float]], setting: str, baseline: str) -> np.ndarray:
    """(seeds,) relative difference of a setting's area to the baseline's."""
    own, base = areas.get(setting, {}), areas[baseline]
    return np.array([own[seed] / base[seed] - 1 for seed in sorted(own.keys() & base.keys())])


def _percent(value: float, draws: Sequence[float]) -> str:
    """Return a value in percent, and the 2.5th and 97.5th percentile of its resampled values."""
    low, high = np.percentile(draws, (2.5, 97.5))
    return f'{value:+.0%} [{low:+.0%}, {high:+.0%}]'


def _mean_curve(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """Mean numbers of labels and mean values of each cycle, both ``(cycles,)``."""
    labeled = np.mean([curve.labeled for curve in curves], axis=0)
    return labeled, np.mean([curve.values for curve in curves], axis=0)


def _drawn(curves: Sequence[Curve], rng: np.random.Generator) -> list[Curve]:
    """As many curves, drawn with replacement."""
    return [curves[i] for i in rng.integers(len(curves), size=len(curves))]
