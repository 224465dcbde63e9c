"""The section of a page about one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..engine.loss_watch import jump_message
from . import plots
from .figures import Plot
from .findings import Findings, find
from .label_costs import cost_plots, cost_table
from .loss_plot import loss_curves
from .page_parts import PageImage, PagePlot, PageTable, PlotFolder, page_image
from .reference_curves import ReferenceCurve, curves_for
from .run_images import RunImages, balance, detections_picture
from .run_reader import RunRecord

ImageSource = Callable[[RunRecord], RunImages]
_SIDE, _SMALL_SIDE = 400, 220


@dataclass
class ImageGroup:
    """Images of a cycle, and how many there are in all."""

    cycle: int
    total: int
    images: list[PageImage]


@dataclass
class RunSection:
    """Part of the page about one run.

    Attributes:
        record: the run.
        facts: what, where and how it was run, as pairs of a term and a text.
        problems: what cannot be shown, and why.
        classes: class names, as far as known.
        references: published curves of its data and detector.
        labels: what its labels cost, None where they came with the data.
        label_plots: plots of it.
        findings: what its models find on the test set, None where that is not known.
        finding_plots: plots of it.
        training_plots: plots of losses, scores, times and classes.
        queries: the selected images, newest query first.
        missing_boxes: the labeled images of largest loss without a box, newest cycle first.
        wrong_boxes: those of largest loss in boxes.
    """

    record: RunRecord
    facts: list[tuple[str, str]]
    problems: list[str]
    classes: Sequence[str] = ()
    references: Sequence[ReferenceCurve] = ()
    labels: PageTable | None = None
    label_plots: list[PagePlot] = field(default_factory=list)
    findings: Findings | None = None
    finding_plots: list[PagePlot] = field(default_factory=list)
    training_plots: list[PagePlot] = field(default_factory=list)
    queries: list[ImageGroup] = field(default_factory=list)
    missing_boxes: list[ImageGroup] = field(default_factory=list)
    wrong_boxes: list[ImageGroup] = field(default_factory=list)


def run_section(
    record: RunRecord,
    open_images: ImageSource,
    plot_folder: PlotFolder,
    *,
    images_per_cycle: int,
    prefix: str,
) -> RunSection:
    """Put together what a page says about a run.

    Args:
        record: the run.
        open_images: gives its images; its errors become problems of the section.
        plot_folder: of the page.
        images_per_cycle: number of selected images that are shown of the newest query; fewer of others.
        prefix: of the names of the plots' files.
    """
    section = RunSection(record, [], [*record.problems, *map(jump_message, record.loss_jumps)])
    images = _attempt(section, 'Images, boxes and class balance', lambda: open_images(record))
    names = list(record.metrics[-1].get('AP', ())) if record.metrics else []
    section.classes = names if images is None else images.classes
    head = record.identity.get('model.bbox_head.type', '')
    section.references = curves_for(record.pool_size, section.classes, head)
    if images is not None:
        section.findings = _attempt(
            section,
            'Detections on the test set',
            lambda: find(record, images.test, images_per_cycle // 8) if images.test is not None else None,
        )
    section.training_plots = plot_folder.add_all(_training_plots(record, images), prefix)
    section.labels = cost_table(record)
    section.label_plots = plot_folder.add_all(cost_plots(record), prefix)
    section.finding_plots = plot_folder.add_all(section.findings.plots if section.findings else (), prefix)
    section.queries = _queries(record, images, images_per_cycle)
    section.missing_boxes = _doubtful(record, images, images_per_cycle // 2, 'without_box')
    section.wrong_boxes = _doubtful(record, images, images_per_cycle // 2, 'in_boxes')
    section.facts = _facts(record, section.classes, images)
    return section


def _training_plots(record: RunRecord, images: RunImages | None) -> list[Plot | None]:
    drawn = [loss_curves(record), plots.score_histograms(record), plots.class_precision(record)]
    drawn.append(plots.stage_times(record))
    if images is not None:
        drawn.append(plots.class_balance(balance(record, images), images.classes))
    return drawn


def _attempt(section: RunSection, what: str, action: Callable[[], Any]) -> Any:
    """Return the result of an action, or None and a problem in the section."""
    try:
        return action()
    except (OSError, ValueError, KeyError, IndexError) as error:
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        section.problems.append(f'{what} are not shown, because the data cannot be read: {message}')
        return None


def _facts(record: RunRecord, classes: Sequence[str], images: RunImages | None) -> list[tuple[str, str]]:
    newest = record.metrics[-1] if record.metrics else {}
    seconds = sum(sum(entry.get('seconds', {}).values()) for entry in record.metrics)
    names = ', '.join(classes[:20]) + (', …' if len(classes) > 20 else '')
    labeled = f', {len(record.labeled[max(record.labeled)])} labeled' if record.labeled else ''
    boxes = f' ({newest["boxes"]} boxes after cycle {newest["cycle"]})' if 'boxes' in newest else ''
    test = images.test if images is not None and record.detections else None
    facts = {
        'State': 'finished' if record.finished else 'not finished',
        'Cycles': f'{len(record.metrics)} evaluated',
        'Classes': f'{len(classes)}: {names}' if classes else '',
        'Pool': f'{record.pool_size} images{labeled}{boxes}' if record.pool_size else '',
        'Test set': f'{len(test)} images' if test is not None else '',
        'Query': record.identity.get('query.type', ''),
        'Schedule': _schedule(record.identity.get('schedule')),
        'Detector': record.identity.get('model.bbox_head.type', ''),
        'Seed': '' if record.seed is None else f'{record.seed}',
        'Time': f'{seconds / 60:.1f} min' if seconds else '',
        'Device': record.options.get('device', ''),
        'Command': record.options.get('command', ''),
        'Commit': record.environment.get('commit', ''),
    }
    return [(term, str(text)) for term, text in facts.items() if text]


def _schedule(value: Any) -> str:
    if isinstance(value, list):
        return ', '.join(str(stage.get('name', '?')) for stage in value if isinstance(stage, dict))
    return str(value or '')


def _queries(record: RunRecord, images: RunImages | None, limit: int) -> list[ImageGroup]:
    cycles = [cycle for cycle in reversed(record.cycles) if len(record.selected(cycle))]
    groups = []
    for cycle in cycles:
        chosen = record.selected(cycle)
        shown = chosen[: limit if cycle == cycles[0] else limit // 3]
        drawn = [_selected_image(record, cycle, int(i), images, cycle == cycles[0]) for i in shown]
        groups.append(ImageGroup(cycle, len(chosen), drawn))
    return groups


def _selected_image(
    record: RunRecord, cycle: int, index: int, images: RunImages | None, is_newest: bool
) -> PageImage:
    """A selected image as it was labeled and, of the newest query, what the model saw in it before."""
    score = record.score_of(cycle, index)
    value = f'score {"–" if score is None else f"{score:.4g}"}'
    found = record.selected_detections.get(cycle)
    if images is None:
        return PageImage(f'image {index}', value)
    if not is_newest or found is None:
        return _labeled_image(index, value, images)
    part = found[found['image'] == index]
    part = part[part['label'] < len(images.classes)]
    draw = {
        f'What the model saw in {images.name(index)}': lambda: detections_picture(
            images.index, index, part, side=_SIDE
        ),
        f'Labels of {images.name(index)}': lambda: images.thumbnail(index, _SIDE),
    }
    return page_image(images.name(index), value, draw, _contents(index, images))


def _doubtful(record: RunRecord, images: RunImages | None, limit: int, kind: str) -> list[ImageGroup]:
    """The labeled images of which one of the losses is largest."""
    groups = []
    for cycle in sorted(record.label_losses, reverse=True):
        losses = {loss.index: getattr(loss, kind) for loss in record.label_losses[cycle]}
        shown = sorted(losses, key=lambda index: -losses[index])[: limit if not groups else limit // 3]
        drawn = [
            PageImage(f'image {index}', f'loss {losses[index]:.3g}')
            if images is None
            else _labeled_image(index, f'loss {losses[index]:.3g}', images)
            for index in shown
        ]
        groups.append(ImageGroup(cycle, len(losses), drawn))
    return groups


def _labeled_image(index: int, value: str, images: RunImages) -> PageImage:
    name = images.name(index)
    draw = {f'Labels of {name}': lambda: images.thumbnail(index, _SMALL_SIDE)}
    return page_image(name, value, draw, _contents(index, images))


def _contents(index: int, images: RunImages) -> str:
    counts = images.class_counts([index])
    return ', '.join(f'{name} × {count}' for name, count in zip(images.classes, counts, strict=True) if count)
