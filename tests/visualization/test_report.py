"""The report: what it says, that nothing in it is markup that should be text, and how a browser shows it."""

import csv
import logging
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from mmdet_miaod.apis.run_report import refresh_report
from mmdet_miaod.visualization.reference_curves import VOC_CLASSES, curves_for
from mmdet_miaod.visualization.report import write_report
from mmdet_miaod.visualization.run_images import RunImages
from mmdet_miaod.visualization.run_reader import RunRecord
from tests.browser import BROWSER, look_at
from tests.visualization.recorded_run import HOSTILE, FakeLabels, fake_images, write_run

# Width of the page with everything unfolded, and what reaches beyond the window although nothing scrolls it.
MEASURED = """(() => {
  document.querySelectorAll('details').forEach(part => part.open = true);
  const wide = [...document.body.querySelectorAll('*')].filter(
    part => !part.closest('.scroll') && part.getBoundingClientRect().right > innerWidth + 1);
  return [document.documentElement.scrollWidth, wide.map(part => part.outerHTML.slice(0, 80))];
})()"""


class Tags(HTMLParser):
    """Collects tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.links, self.text = [], [], ''
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ('src', 'srcset', 'href')]
        assert not any(name.startswith('on') for name, _ in attrs)

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('report')


@pytest.fixture(scope='module')
def page(folder: Path) -> Path:
    images = fake_images(folder / 'images')
    return write_report([write_run(folder / '<i>run')], open_images=lambda record: images)


def test_nothing_of_the_data_becomes_markup(page: Path) -> None:
    found = Tags(page.read_text())
    assert 'script' not in found.tags and 'i' not in found.tags and 'b' not in found.tags
    assert all(link.startswith('data:image/') for link in found.links)
    assert HOSTILE.replace('/', '_') + '7.jpg' in found.text
    assert f'# {HOSTILE}' in found.text
    assert '<b>disc</b> × 1' in found.text  # image 9


def test_it_says_scores_numbers_and_environment(page: Path) -> None:
    text = re.sub(r'\s+', ' ', Tags(page.read_text()).text)
    for part in ('score 0.5', '50.00', '70.00', 'torch2.11.0'):
        assert part in text.replace('torch ', 'torch')
    assert 'Cycle 0: 2 images selected' in text
    assert "default-src 'none'" in page.read_text()


def test_it_shows_the_labeled_images_of_largest_losses_first(page: Path) -> None:
    text = re.sub(r'\s+', ' ', Tags(page.read_text()).text)
    assert text.count('Cycle 0: 3 labeled images') == 2
    missing, wrong = text.index('that may lack boxes'), text.index('whose boxes may be wrong')
    order = ['2.jpgloss 1.5', '0.jpgloss 0.25', '1.jpgloss 0.125', '0.jpgloss 0.7', '1.jpgloss 0.5']
    places = [text.index(part) for part in [*order, '2.jpgloss 0.3']]
    assert places == sorted(places) and missing < places[0] and places[2] < wrong < places[3]


def test_every_plot_has_svg_png_and_csv(page: Path) -> None:
    names = ['ap_by_class', 'class_balance', 'confusion_matrix', 'detection_errors', 'learning_curve']
    names += ['losses', 'precision_recall', 'score_histograms', 'time_by_stage']
    plots = page.parent / 'report_plots'
    assert sorted(path.name for path in plots.iterdir()) == [
        f'{name}.{suffix}' for name in names for suffix in ('csv', 'png', 'svg')
    ]
    rows = list(csv.DictReader((plots / 'class_balance.csv').open(newline='')))
    boxes = {(row['cycle'], row['images'], row['class']): int(row['boxes']) for row in rows}
    assert boxes['0', 'labeled', 'triangle'] == 1
    assert boxes['0', 'selected', 'square $'] == 1  # image 7
    assert boxes['0', 'pool so far', 'square $'] == 2
    counts = list(csv.DictReader((plots / 'score_histograms.csv').open(newline='')))
    assert sum(int(row['unlabeled_images']) for row in counts) == 9
    assert sum(int(row['selected_images']) for row in counts) == 2


def test_the_table_of_cycles_has_published_numbers_beside_those_of_the_runs(folder: Path) -> None:
    page = write_report([write_run(folder / 'table', precision=0.4)], nothing, png=False)
    text = re.sub(r'\s+', ' ', re.sub(r'<[^>]+>', ' ', page.read_text()))
    assert 'run cycle labeled images mAP (%) std runs table 0 3 40.00 – 1 table 1 5 60.00 – 1' in text


def nothing(record: RunRecord) -> RunImages:
    raise FileNotFoundError('data/VOCdevkit: no such <folder>')


def test_runs_with_a_budget_of_boxes_are_drawn_against_boxes(folder: Path) -> None:
    runs = [write_run(folder / f'boxes{n}', n, boxes=boxes) for n, boxes in ((1, (10, 30)), (2, (12, 31)))]
    page = write_report(runs, nothing, folder / 'boxes.html', png=False)
    assert 'labeled boxes' in Tags(page.read_text()).text


def test_published_curves_come_with_the_published_data_only() -> None:
    curves = curves_for(16551, VOC_CLASSES, 'MIAODRetinaHead')
    first = next(curve for curve in curves if curve.method == 'MI-AOD')
    assert first.labeled[:2] == (827, 1240)
    assert first.values == (47.18, 58.41, 64.02, 67.72, 69.79, 71.07, 72.27)
    assert all(curve.source for curve in curves)
    assert curves_for(292, VOC_CLASSES, 'MIAODRetinaHead') == []
    assert curves_for(16551, VOC_CLASSES, 'MIAODATSSHead') == []
    assert [c.std[0] for c in curves_for(16551, VOC_CLASSES, 'MIAODSSDHead')] == [2.15]


def test_it_says_when_the_data_is_not_there(folder: Path) -> None:
    page = write_report([write_run(folder / 'no_data')], open_images=nothing, png=False)
    text = Tags(page.read_text()).text
    assert 'the data cannot be read: data/VOCdevkit: no such <folder>' in text
    assert 'image 7' in text


def test_a_report_that_fails_is_a_warning(folder: Path, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        data = SimpleNamespace(pool=None, labeled=None)
        refresh_report(folder / 'nowhere', data, lambda: None)
    assert 'The report could not be written (FileNotFoundError' in caplog.text


def test_the_report_of_a_running_run_reads_the_labels_it_has(folder: Path, caplog) -> None:
    directory = write_run(folder / 'running')
    images = fake_images(folder / 'images')
    data = SimpleNamespace(pool=SimpleNamespace(index=images.index), labeled=FakeLabels())
    refresh_report(directory, data, lambda: None)
    assert (directory / 'report.html').is_file() and not caplog.records
    assert not list((directory / 'report_plots').glob('*.png'))


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason='there is no Chromium here')
@pytest.mark.parametrize('width', [390, 1200])
@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_a_browser_shows_it(page: Path, tmp_path: Path, width: int, scheme: str) -> None:
    picture = tmp_path / 'page.png'
    look = look_at(page, tmp_path / 'profile', picture, width, scheme=scheme, script=MEASURED)
    assert look['value'] == [width, []]  # nothing is wider than the window
    assert not {'Page.javascriptDialogOpening', 'Runtime.exceptionThrown', 'Log.entryAdded'} & set(
        look['events']
    )
    assert set(look['requested']) == {'file', 'data'}
    image = Image.open(picture).convert('L')
    assert image.width == width
    corner = image.getpixel((2, 2))
    assert corner < 60 if scheme == 'dark' else corner > 200
    low, high = image.getextrema()
    assert high - low > 150
