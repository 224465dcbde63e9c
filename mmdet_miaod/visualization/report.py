"""Report of one or several runs: a page that opens from the disk and loads nothing from elsewhere."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from ..engine.loss_watch import jump_message
from ..run.files import write_file
from ..version import __version__
from . import plots
from .figures import Plot, darkened, render, write_plot
from .learning_curve import common_axis, group_runs, learning_curves, mean_points
from .loss_plot import loss_curves
from .reference_curves import ReferenceCurve, curves_for
from .run_images import RunImages, balance, data_uri
from .run_reader import RunRecord, read_run

REPORT_NAME = 'report.html'
_SHOWN_REFERENCES = ('MI-AOD', 'random')

ImageSource = Callable[[RunRecord], RunImages]


@dataclass(frozen=True)
class Picture:
    """A plot as it is put into the page: data URIs of its light and its dark drawing."""

    plot: Plot
    light: str
    dark: str


@dataclass(frozen=True)
class PlotFolder:
    """Folder of the files of a page's plots.

    Attributes:
        path: the folder.
        png: whether each plot is written as PNG too, beside SVG and CSV.
    """

    path: Path
    png: bool

    def add(self, plot: Plot, prefix: str = '') -> Picture:
        """Draw a plot and write its files, their names beginning with a prefix."""
        svg, content = render(plot, self.png)
        write_plot(replace(plot, name=f'{prefix}{plot.name}'), svg, content, self.path)
        return Picture(plot, _svg_uri(svg), _svg_uri(darkened(svg)))


@dataclass
class RunSection:
    """Part of the page about one run."""

    record: RunRecord
    problems: list[str]
    references: Sequence[ReferenceCurve]
    pictures: list[Picture]
    queries: list[dict[str, Any]]
    doubtful: list[dict[str, Any]]
    legend: Sequence[str]


def write_report(
    directories: Sequence[str | Path],
    open_images: ImageSource,
    path: str | Path | None = None,
    *,
    images_per_cycle: int = 24,
    png: bool = True,
) -> Path:
    """Write the report of one or several runs.

    Args:
        directories: the run directories.
        open_images: gives the images of a run; its errors are told in the page.
        path: the page; by default ``report.html`` in the run directory, or beside the first of several.
        images_per_cycle: number of selected images that are shown per cycle; half as many of largest loss.
        png: write each plot as PNG too, beside SVG and CSV.

    Returns:
        The path of the page. The plots' files are in ``<stem>_plots`` beside it.

    Raises:
        FileNotFoundError: when a directory holds no run.
        ValueError: when no directory is given.
    """
    if not directories:
        raise ValueError('a report needs at least one run directory')
    records = [read_run(directory) for directory in directories]
    path = _default_path(records) if path is None else Path(path)
    plot_folder = PlotFolder(path.parent / f'{path.stem}_plots', png)
    sections = []
    for number, record in enumerate(records, 1):
        prefix = f'run{number}_' if len(records) > 1 else ''
        sections.append(_run_section(record, open_images, images_per_cycle, plot_folder, prefix=prefix))
    title = f'Run {records[0].name}' if len(records) == 1 else f'{len(records)} runs'
    page = _template().render(
        title=f'MI-AOD: {title}',
        css=Markup(_resource('report.css')),
        written=time.strftime('%Y-%m-%d %H:%M'),
        version=__version__,
        plots_folder=plot_folder.path.name,
        png=png,
        runs=sections,
        **_overview(sections, plot_folder),
    )
    write_file(path, lambda file: file.write(page.encode('utf-8', 'replace')))
    return path


def _default_path(records: Sequence[RunRecord]) -> Path:
    first = records[0].directory.resolve()
    return (first if len(records) == 1 else first.parent) / REPORT_NAME


def _overview(sections: Sequence[RunSection], plot_folder: PlotFolder) -> dict[str, Any]:
    """Learning curves of all runs, their table, and the sources of published curves among them."""
    records = [section.record for section in sections]
    axis = common_axis(records)
    shown = _SHOWN_REFERENCES if axis.key == 'labeled' else ()
    published = next((section.references for section in sections if section.references), ())
    references = [curve for curve in published if curve.method in shown]
    groups = group_runs(records, axis)
    plot = learning_curves({'': groups}, axis, references)
    return dict(
        learning=None if plot is None else plot_folder.add(plot),
        curves={name: mean_points(curves) for name, curves in groups.items()},
        references=references,
        labeled_title=axis.title,
    )


def _run_section(
    record: RunRecord,
    open_images: ImageSource,
    images_per_cycle: int,
    plot_folder: PlotFolder,
    *,
    prefix: str,
) -> RunSection:
    drawn = [loss_curves(record), plots.score_histograms(record)]
    drawn += [plots.stage_times(record), plots.class_precision(record)]
    problems = [*record.problems, *map(jump_message, record.loss_jumps)]
    images = None
    try:
        images = open_images(record)
        drawn.append(plots.class_balance(balance(record, images), images.classes))
    except (OSError, ValueError, KeyError, IndexError) as error:
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        problems.append(
            f'Images, boxes and class balance are not shown, because the data cannot be read: {message}'
        )
    if images is not None:
        classes: Sequence[str] = images.classes
    else:
        classes = list(record.metrics[-1].get('AP', ())) if record.metrics else []
    return RunSection(
        record,
        problems,
        references=curves_for(record.pool_size, classes, record.identity.get('model.bbox_head.type', '')),
        pictures=[plot_folder.add(plot, prefix) for plot in drawn if plot is not None],
        queries=[
            _query(record, cycle, images, images_per_cycle)
            for cycle in record.cycles
            if len(record.selected(cycle))
        ],
        doubtful=[_doubtful(record, cycle, images, images_per_cycle) for cycle in record.label_losses],
        legend=() if images is None else images.classes,
    )


def _query(record: RunRecord, cycle: int, images: RunImages | None, limit: int) -> dict[str, Any]:
    chosen = record.selected(cycle)
    shown = []
    for index in map(int, chosen[:limit]):
        score = record.score_of(cycle, index)
        shown.append(_image(index, f'score {"–" if score is None else f"{score:.4g}"}', images))
    return dict(cycle=cycle, total=len(chosen), images=shown)


def _doubtful(record: RunRecord, cycle: int, images: RunImages | None, limit: int) -> dict[str, Any]:
    """The labeled images of largest loss, which are most often labeled wrongly."""
    losses = record.label_losses[cycle]
    shown = [_image(index, f'loss {loss:.3g}', images) for index, loss in losses[: limit // 2]]
    return dict(cycle=cycle, total=len(losses), images=shown)


def _image(index: int, value: str, images: RunImages | None) -> dict[str, Any]:
    entry = dict(name=f'image {index}', value=value, uri='', contents='', problem='')
    if images is None:
        return entry
    entry['name'] = images.name(index)
    counts = images.class_counts([index])
    entry['contents'] = ', '.join(
        f'{name} × {count}' for name, count in zip(images.classes, counts, strict=True) if count
    )
    try:
        entry['uri'] = data_uri(images.thumbnail(index))
    except (OSError, ValueError) as error:
        entry['problem'] = f'cannot be read ({error})'
    return entry


def _svg_uri(svg: str) -> str:
    return f'data:image/svg+xml;base64,{base64.b64encode(svg.encode("utf-8", "replace")).decode()}'


def _resource(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding='utf-8')


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader('mmdet_miaod', 'visualization'), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template('report.html.j2')
