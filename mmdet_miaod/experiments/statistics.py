"""Learning curves of several seeds as numbers, and differences between two settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from ..visualization.learning_curve import Curve

# Curves by setting and seed.
Curves = Mapping[str, Mapping[int, Curve]]


def area_under_curve(
    labeled: Sequence[float], values: Sequence[float], span: tuple[float, float] | None = None
) -> float:
    """Area under a learning curve by the trapezoidal rule, divided by its width: a mean value.

    Args:
        labeled: (n,) numbers of labeled images or boxes, ascending.
        values: (n,) metric at each.
        span: first and last number to integrate over, within the curve; default: all of it. Curves of
            different numbers can be compared over what they have in common.

    Returns:
        The mean height; the value itself of a curve of one point.
    """
    labeled, values = np.asarray(labeled, dtype=float), np.asarray(values, dtype=float)
    low, high = span or (labeled[0], labeled[-1])
    if low == high:
        return float(np.interp(low, labeled, values))
    x = np.array([low, *labeled[(labeled > low) & (labeled < high)], high])
    return float(np.trapezoid(np.interp(x, labeled, values), x) / (high - low))


def areas_of(curves: Curves) -> dict[str, dict[int, float]]:
    """Area of each curve, by setting and seed, over the numbers of labels that all curves have in common."""
    everything = [curve for seeds in curves.values() for curve in seeds.values()]
    low, high = max(curve.labeled[0] for curve in everything), min(curve.labeled[-1] for curve in everything)
    span = (low, high) if low < high else None
    return {
        setting: {seed: area_under_curve(curve.labeled, curve.values, span) for seed, curve in seeds.items()}
        for setting, seeds in curves.items()
    }


@dataclass(frozen=True)
class PairedDifference:
    """Mean of the differences of two settings over seeds.

    Attributes:
        mean: of the differences.
        low: lower end of the 95% interval; NaN for a single seed.
        high: upper end.
        seeds: number of seeds that both settings have.
    """

    mean: float
    low: float
    high: float
    seeds: int


def paired_difference(
    values: Mapping[int, float], baseline: Mapping[int, float], resamples: int = 10000, seed: int = 0
) -> PairedDifference:
    """Difference to a baseline, seed by seed, with a percentile bootstrap interval.

    The seeds that both have are drawn with replacement (Efron and Tibshirani, "An Introduction to the
    Bootstrap", 1993, chapter 13). With few seeds the interval is too narrow: 3 seeds give 10 different means.

    Args:
        values: value by seed.
        baseline: the same of the setting to compare with.
        resamples: how often the seeds are drawn.
        seed: of these draws.
    """
    shared = sorted(values.keys() & baseline.keys())
    if not shared:
        return PairedDifference(np.nan, np.nan, np.nan, 0)
    differences = np.array([values[s] - baseline[s] for s in shared])
    mean = float(differences.mean())
    if len(shared) == 1:
        return PairedDifference(mean, np.nan, np.nan, 1)
    found = bootstrap(
        (differences,), np.mean, n_resamples=resamples, method='percentile', rng=np.random.default_rng(seed)
    )
    return PairedDifference(mean, *map(float, found.confidence_interval), len(shared))


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (NaN for a single value)."""
    values = np.asarray(values, dtype=float)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float('nan')
