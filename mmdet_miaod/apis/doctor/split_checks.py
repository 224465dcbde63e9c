"""The sizes of the labeled and unlabeled sets, cycle by cycle, against the pool."""

from __future__ import annotations

from mmcv import Config

from .findings import Finding


def labeled_sizes(config: Config, pool_size: int) -> list[int]:
    """Return the number of labeled images in each cycle; a run ends when every image is labeled."""
    sizes = [min(config.X_L_0_size, pool_size)]
    while len(sizes) < len(config.cycles) and sizes[-1] < pool_size:
        sizes.append(min(sizes[-1] + config.X_S_size, pool_size))
    return sizes


def check_split(config: Config, pool_size: int) -> list[Finding]:
    """Check that the pool is large enough for the config's cycles, and say how it is used up."""
    wanted, cycles = config.X_L_0_size, list(config.cycles)
    if wanted > pool_size:
        text = f'X_L_0_size is {wanted}, but the pool has {pool_size} images'
        return [Finding('split', 'first labeled set', 'error', text)]
    sizes = labeled_sizes(config, pool_size)
    share = 100 * sizes[0] / pool_size
    findings = [
        Finding('split', 'first labeled set', 'ok', f'{sizes[0]} of {pool_size} images ({share:.1f}%)')
    ]
    text = ', '.join(map(str, sizes))
    last = wanted + (len(cycles) - 1) * config.X_S_size
    if last > pool_size:
        what = f'{last} images would be labeled, the pool has {pool_size}; cycles that run label {text}'
        findings.append(Finding('split', 'labeled sets', 'warning', what))
    else:
        findings.append(Finding('split', 'labeled sets', 'ok', text))
    filled = [cycle for cycle, size in zip(cycles, sizes) if 2 * size > pool_size]
    if filled:
        what = f'from cycle {filled[0]} on fewer images are unlabeled than labeled; labeled ones fill X_U up'
        findings.append(Finding('split', 'unlabeled sets', 'note', what))
    else:
        findings.append(Finding('split', 'unlabeled sets', 'ok', 'as large as the labeled ones'))
    return findings
