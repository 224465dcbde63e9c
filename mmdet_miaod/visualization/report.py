"""Report of one or several runs: a page that opens from the disk and loads nothing from elsewhere."""

import time
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from ..run.files import write_file
from ..run.outputs import check_outputs, claimed
from ..run.own_paths import own_path
from ..version import __version__
from .detection_errors import BACKGROUND_IOU, KINDS
from .findings import LETTERS
from .learning_curve import common_axis, group_runs, learning_curves, mean_points
from .page_parts import Overview, PageTable, PlotFolder
from .reference_curves import ReferenceCurve
from .run_images import MAX_SHOWN, SHOWN_SCORE
from .run_reader import RunRecord, read_run
from .run_section import ImageSource, RunSection, run_section

REPORT_NAME = 'report.html'
# Stands at the end of the page.
_MARK = ' The files of each plot (SVG, CSV'
_SHOWN_REFERENCES = ('MI-AOD', 'random')


def write_report(
    directories: Sequence[str | Path],
    open_images: ImageSource,
    path: str | Path | None = None,
    *,
    images_per_cycle: int = 24,
    png: bool = True,
    overview: Overview | None = None,
) -> Path:
    """Write the report of one or several runs.

    Args:
        directories: the run directories.
        open_images: gives the images of a run; its errors are told in the page.
        path: the page; by default ``report.html`` in the run directory, or beside the first of several.
        images_per_cycle: selected images that are shown of the newest query; a third as many of each other,
            half as many labeled images by each of their losses, an eighth of the best, median and worst test
            images.
        png: write each plot as PNG too, beside SVG and CSV.
        overview: title, learning curves and tables of all runs; by default they are made of the runs.

    Returns:
        The path of the page. The plots' files are in ``<stem>_plots`` beside it.

    Raises:
        FileNotFoundError: when a directory holds no run.
        FileExistsError: when there is such a file that is no report, or the folder of its plots.
        OSError: when that folder is a symbolic link, or another process writes the page.
        ValueError: when no directory is given.
    """
    if not directories:
        raise ValueError('a report needs at least one run directory')
    records = [read_run(directory) for directory in directories]
    in_run = path is None and len(records) == 1
    path = _default_path(records) if path is None else Path(path)
    folder = PlotFolder(_plot_folder(path, in_run), png)
    with claimed(path):
        sections = _sections(records, open_images, folder, images_per_cycle)
        _write_page(path, overview or _overview(sections), sections, folder)
    return path


def _write_page(path: Path, overview: Overview, sections: Sequence[RunSection], folder: PlotFolder) -> None:
    page = _template().render(
        overview=overview,
        learning=None if overview.learning is None else folder.add(overview.learning),
        css=Markup(Path(__file__).with_name('report.css').read_text(encoding='utf-8')),
        written=time.strftime('%Y-%m-%d %H:%M'),
        version=__version__,
        plots_folder=folder.path.name,
        png=folder.png,
        runs=sections,
        kinds=KINDS,
        letters=LETTERS,
        background_iou=BACKGROUND_IOU,
        shown_score=SHOWN_SCORE,
        max_shown=MAX_SHOWN,
    )
    write_file(path, lambda file: file.write(page.encode('utf-8', 'replace')))


def _sections(
    records: Sequence[RunRecord], open_images: ImageSource, folder: PlotFolder, images_per_cycle: int
) -> list[RunSection]:
    options = dict(images_per_cycle=images_per_cycle)
    return [
        run_section(record, open_images, folder, prefix=f'run{number}_' * (len(records) > 1), **options)
        for number, record in enumerate(records, 1)
    ]


def _plot_folder(path: Path, in_run: bool) -> Path:
    """Return the folder of a page's plots; page and folder may be written."""
    folder = own_path(path.parent, f'{path.stem}_plots')
    check_outputs([path], marks=[_MARK])
    if not in_run and not path.exists() and folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f'{folder}: is not empty, and the plots of {path} would go there')
    return folder


def _default_path(records: Sequence[RunRecord]) -> Path:
    first = records[0].directory.resolve()
    return (first if len(records) == 1 else first.parent) / REPORT_NAME


def _overview(sections: Sequence[RunSection]) -> Overview:
    """Learning curves of all runs with their table, and published curves of the same data."""
    records = [section.record for section in sections]
    axis = common_axis(records)
    shown = _SHOWN_REFERENCES if axis.key == 'labeled' else ()
    published = next((section.references for section in sections if section.references), ())
    references = [curve for curve in published if curve.method in shown]
    groups = group_runs(records, axis)
    rows = [
        [
            name,
            f'{point.cycle}',
            f'{point.labeled:.0f}',
            f'{100 * point.mean:.2f}',
            '–' if point.std is None else f'{100 * point.std:.2f}',
            f'{point.runs}',
        ]
        for name, curves in groups.items()
        for point in mean_points(curves)
    ]
    heads = ['run', 'cycle', axis.title, 'mAP (%)', 'std', 'runs']
    title = f'Run {records[0].name}' if len(records) == 1 else f'{len(records)} runs'
    rows += [row for curve in references for row in _reference_rows(curve)]
    table = PageTable('Cycles', heads, rows, _sources(references))
    return Overview(f'MI-AOD: {title}', learning_curves({'': groups}, axis, references), [table])


def _reference_rows(curve: ReferenceCurve) -> list[list[str]]:
    stds = curve.std or [None] * len(curve.values)
    return [
        [f'published: {curve.method}', '–', f'{labeled}', f'{value:.2f}', f'{std:.2f}' if std else '–', '–']
        for labeled, value, std in zip(curve.labeled, curve.values, stds, strict=True)
    ]


def _sources(references: Sequence[ReferenceCurve]) -> str:
    if not references:
        return ''
    sources = '; '.join(f'{curve.method}: {curve.source}' for curve in references)
    return f'Published curves: {sources}. A “~” marks values read off a figure.'


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader('mmdet_miaod', 'visualization'), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template('report.html.j2')
