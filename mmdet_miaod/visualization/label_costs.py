"""Costs of the labels of people in a run, proposed boxes that were kept or changed, and the mAP reached."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .figures import GRID, Plot, draw_stacked, styled
from .page_parts import PageTable
from .run_reader import RunRecord

_FATES = ('kept', 'moved', 'deleted', 'added')
_HEADS = ('batch', 'for', 'images', 'with boxes', 'empty', 'skipped', 'not reviewed', 'boxes', 'minutes')


def cost_table(record: RunRecord) -> PageTable | None:
    """List what each batch cost and what became of its proposed boxes; None where nobody labeled."""
    if not record.labels:
        return None
    rows = [_row(entry) for entry in record.labels]
    counts = [entry['counts'] for entry in record.labels]
    total = {
        key: sum(each[key] for each in counts) for key in counts[0] if key not in ('minutes', 'proposed')
    }
    # Where nothing was proposed, all boxes are added ones, which says nothing.
    fates = [each['proposed'] for each in counts if _number_proposed(each)]
    proposed = {fate: sum(each[fate] for each in fates) for fate in _FATES}
    known = [each['minutes'] for each in counts if each['minutes'] is not None]
    total.update(minutes=sum(known) if known else None, proposed=proposed)
    rows.append(_cells('sum', '', total))
    return PageTable(
        'Labels spent',
        [*_HEADS, *_FATES, 'accepted unchanged'],
        rows,
        'Kept, moved and deleted are proposed boxes; added ones were not proposed. Minutes as far as the '
        'annotation tool tells them.',
    )


def _row(entry: Mapping[str, Any]) -> list[str]:
    purpose = 'test set' if entry['purpose'] == 'test' else f'cycle {entry["cycle"]}'
    return _cells(f'{entry["batch"]}', purpose, entry['counts'])


def _cells(batch: str, purpose: str, counts: Mapping[str, Any]) -> list[str]:
    minutes = '–' if counts['minutes'] is None else f'{counts["minutes"]:.1f}'
    numbers = [f'{counts[key]}' for key in ('images', 'with_boxes', 'empty', 'skipped')]
    numbers += [f'{counts["untouched"] + counts["missing"]}', f'{counts["boxes"]}']
    fates = counts['proposed']
    proposed = _number_proposed(counts)
    shown = [f'{fates[fate]}' for fate in _FATES] if proposed else ['–'] * len(_FATES)
    share = f'{fates["kept"] / proposed:.0%}' if proposed else '–'
    return [batch, purpose, *numbers, minutes, *shown, share]


def _number_proposed(counts: Mapping[str, Any]) -> int:
    return sum(counts['proposed'][fate] for fate in ('kept', 'moved', 'deleted'))


def cost_plots(record: RunRecord) -> list[Plot]:
    """Plot mAP against boxes and minutes, and what became of proposed boxes, as far as there is something."""
    return [plot for plot in (_cost_curves(record), _proposed_boxes(record)) if plot is not None]


def _spent(record: RunRecord, cycle: int) -> tuple[int, float | None]:
    """Boxes and minutes of the training labels that a cycle was trained on; minutes only if all are known."""
    counts = [
        entry['counts'] for entry in record.labels if entry['purpose'] == 'train' and entry['cycle'] <= cycle
    ]
    minutes = [each['minutes'] for each in counts]
    known = None if None in minutes else round(sum(minutes), 2)
    return sum(each['boxes'] for each in counts), known


def _cost_curves(record: RunRecord) -> Plot | None:
    rows = [
        (entry['cycle'], entry['labeled'], *_spent(record, entry['cycle']), entry['mAP'])
        for entry in record.metrics
        if record.labels and entry.get('mAP') is not None
    ]
    if not rows:
        return None
    axes_of = {'labeled boxes': 2}
    if all(row[3] for row in rows):
        axes_of['minutes of labeling'] = 3

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(axes_of), sharey=True, squeeze=False)[0]
        for axes, (title, column) in zip(panels, axes_of.items(), strict=True):
            axes.plot([row[column] for row in rows], [100 * row[-1] for row in rows], **styled(0))
            axes.set(xlabel=title)
            axes.set_xlim(left=0)
            axes.set_ylim(0, 1.06 * max(axes.dataLim.y1, 1e-9))
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.grid(color=GRID)
        panels[0].set_ylabel('mAP (%)')

    return Plot(
        'label_costs',
        'What the labels bring',
        f'Mean average precision on the test set against {" and ".join(axes_of)} of training images.',
        ('cycle', 'labeled', 'boxes', 'minutes', 'mAP'),
        rows,
        draw,
        (4.6, 2.8),
    )


def _proposed_boxes(record: RunRecord) -> Plot | None:
    rows = [
        (entry['batch'], entry['cycle'], *(entry['counts']['proposed'][fate] for fate in _FATES))
        for entry in record.labels
        if _number_proposed(entry['counts'])
    ]
    if not rows:
        return None

    def draw(figure: Figure) -> None:
        _, cycles, *parts = zip(*rows)
        bars, parts = [f'cycle {cycle}' for cycle in cycles], dict(zip(_FATES, parts, strict=True))
        axes = draw_stacked(figure, bars, parts, {fate: number for number, fate in enumerate(_FATES)})
        axes.set(xlabel='boxes')
        figure.legend(loc='outside lower center', ncols=4)

    return Plot(
        'proposed_boxes',
        'Proposed boxes',
        'What people did with the boxes that the model proposed: kept as they are, moved or given another '
        'class, deleted; and boxes that they added.',
        ('batch', 'cycle', *_FATES),
        rows,
        draw,
        (4.6, min(1.5 + 0.28 * len(rows), 6)),
    )
