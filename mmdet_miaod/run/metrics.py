"""``metrics.json``, made from the manifest, and the table of cycles."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from tabulate import tabulate

from .. import distributed
from .files import write_json
from .manifest import RunState

METRICS_NAME = 'metrics.json'


def cycle_metrics(state: RunState) -> list[dict[str, Any]]:
    """Return one entry for each evaluated cycle.

    An entry has ``cycle``, ``labeled`` (images), ``boxes`` (in them), ``mAP``, ``AP`` by class and
    ``seconds`` by stage.
    """
    seconds: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    labeled = {}
    # A chunk that was scored again took the time of its newest scoring.
    newest = {(step.cycle, step.number): step for step in state.of_kind('chunk')}
    for step in state.steps:
        if step.kind == 'chunk' and newest[step.cycle, step.number] is not step:
            continue
        if step.kind == 'split':
            labeled[step.cycle] = step.values['labeled']
        name = {'epoch': step.values.get('stage'), 'evaluation': 'evaluate', 'chunk': 'score'}.get(step.kind)
        if name is not None:
            seconds[step.cycle][name] += step.values['seconds']
    entries = []
    for step in state.of_kind('evaluation'):
        results = {name: value for name, value in step.values.items() if name != 'seconds'}
        times = {name: round(value, 3) for name, value in seconds[step.cycle].items()}
        entries.append(dict(cycle=step.cycle, labeled=labeled[step.cycle], **results, seconds=times))
    return entries


@distributed.main_only
def write_metrics(state: RunState) -> None:
    """Write ``metrics.json`` into the run directory."""
    write_json(state.directory / METRICS_NAME, cycle_metrics(state))


def cycle_table(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the table of evaluated cycles: labeled images, mAP in percent, minutes.

    Args:
        entries: from :func:`cycle_metrics` or ``metrics.json``.
    """
    rows = []
    for entry in entries:
        score = '-' if entry['mAP'] is None else f'{100 * entry["mAP"]:.2f}'
        minutes = sum(entry['seconds'].values()) / 60
        rows.append([str(entry['cycle']), str(entry['labeled']), score, f'{minutes:.1f}'])
    heads = ['cycle', 'labeled images', 'mAP (%)', 'time (min)']
    return tabulate(rows, heads, tablefmt='github', disable_numparse=True, stralign='right')
