"""The sizes of the labeled and unlabeled sets, cycle by cycle, against the pool."""

from ..apis.settings import LabelingSettings
from .findings import Finding


def check_split(labeling: LabelingSettings, pool_size: int) -> list[Finding]:
    """Check that the pool is large enough for the config's cycles, and say how it is used up."""
    wanted, cycles = labeling.initial_size, labeling.cycles
    if wanted > pool_size:
        text = f'X_L_0_size is {wanted}, but the pool has {pool_size} images'
        return [Finding('split', 'first labeled set', 'error', text)]
    sizes = labeling.sizes(pool_size)
    share = 100 * sizes[0] / pool_size
    findings = [
        Finding('split', 'first labeled set', 'ok', f'{sizes[0]} of {pool_size} images ({share:.1f}%)')
    ]
    text = ', '.join(map(str, sizes))
    last = wanted + (len(cycles) - 1) * labeling.budget
    if labeling.unit == 'box':
        guess = f'{labeling.budget} boxes per cycle, taken for {labeling.step_size} images (X_S_size)'
        what = f'about {text}: {guess}'
        findings.append(Finding('split', 'labeled sets', 'note', what))
    elif last > pool_size:
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
