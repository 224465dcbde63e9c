"""Tables of what was measured on a GPU, in Markdown for docs/performance.md."""

from __future__ import annotations

from typing import Any

from tools.benchmarks.options import OPTIONS, difference, mean_difference
from tools.benchmarks.tables import table

STEPS = ('label step', 'minimize pair', 'maximize pair', 'stock step')
# Iterations of the published run on PASCAL VOC by stage, and the images that it scores and evaluates.
VOC_STEPS = {'label step': 9 * 14_462, 'minimize pair': 2 * 14_462, 'maximize pair': 2 * 14_462}
VOC_IMAGES = 120_000


def gpu_tables(found: dict[str, dict[str, Any]]) -> str:
    """Return the tables of measurements by name; those that failed are said below."""
    good = {name: result for name, result in found.items() if 'error' not in result}
    parts = [_options(good), _inference(good), _others(good)]
    parts += [f'{name}: does not work here: {found[name]["error"]}' for name in found if name not in good]
    return '\n\n'.join(part for part in parts if part)


def voc_hours(option: dict[str, Any]) -> float:
    """Return the hours that the published run on PASCAL VOC takes with an option's steps and scoring."""
    steps = sum(option['milliseconds'][name] * count / 1000 for name, count in VOC_STEPS.items())
    return (steps + VOC_IMAGES / option['score']) / 3600


def _options(good: dict[str, dict[str, Any]]) -> str:
    rows = []
    differences = (difference, mean_difference) if 'float32' in good else ()
    for name in (name for name in OPTIONS if name in good):
        option = good[name]
        rows.append([
            name,
            *(f'{option["milliseconds"][step]:.1f}' for step in STEPS),
            '-' if option['busy'] is None else f'{option["busy"]:.0%}',
            f'{option["memory"] / 2**20:.0f}' if option['memory'] else '-',
            f'{option["score"]:.1f}',
            *(f'{of(option, good["float32"]):.1e}' for of in differences),
            f'{voc_hours(option):.1f}',
        ])  # fmt: skip
    heads = ['option', *(f'{step}, ms' for step in STEPS), 'GPU busy', 'memory, MiB', 'scoring, images/s']
    heads += ['first steps', 'mean of 50 steps'] if differences else []
    return table([*heads, 'VOC run, hours'], rows) if rows else ''


def _inference(good: dict[str, dict[str, Any]]) -> str:
    rows = {name: result for name, result in good.items() if name.startswith('inference ')}
    if not rows:
        return ''
    heads = list(next(iter(rows.values())))
    cells = [[name, *(f'{row[head]:.1f}' for head in heads)] for name, row in rows.items()]
    return table(['images/s', *heads], cells)


def _others(good: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, result in good.items():
        if name.startswith('loading'):
            lines.append(f'{name}: {result["images"]:.0f} images/s, {result["milliseconds"]:.1f} ms a batch')
        elif name.startswith('cycle'):
            stages = ', '.join(f'{key} {value:.1f} ms' for key, value in result['milliseconds'].items())
            waits = ', '.join(f'{key} {value:.1%}' for key, value in result['loading'].items())
            lines.append(f'{name}: {result["seconds"]:.0f} s; {stages}; waiting for data: {waits}')
        elif name == 'selections':
            shares = ', '.join(f'{key} {value["same"]:.0%}' for key, value in result.items())
            lines.append(f'selected as float32 does: {shares}')
        elif name == 'side by side':
            rates = ', '.join(f'{count}: {rate:.0f}' for count, rate in result['steps'].items())
            lines.append(f'label steps per second by number of processes: {rates}')
        elif name == 'CUDA graphs':
            lines.append(f'CUDA graphs with TF32: label step {result["milliseconds"]["label step"]:.1f} ms')
    losses = good.get('devices', {}).get('losses')
    if losses:
        rows = [[name, f'{here:.6f}', f'{cpu:.6f}'] for name, (here, cpu) in losses.items()]
        lines.append('\n' + table(['loss', 'device', 'CPU'], rows))
    return '\n'.join(lines)
