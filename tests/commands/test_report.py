"""miaod report: one page of one or several runs."""

import csv
import shutil

import pytest

from tests.commands.conftest import call, run


def test_a_page_with_its_plots(finished_run, tmp_path) -> None:
    directory = tmp_path / 'run'
    shutil.copytree(finished_run, directory)
    done = run('report', directory)
    assert done.returncode == 0
    assert done.stdout == f'{directory / "report.html"}\n'
    assert done.stderr.splitlines() == ['The report is written; open it in a browser.']
    page = (directory / 'report.html').read_text()
    # three test images (the best, the median, the worst), and the three selected ones
    assert page.count('alt="Detections in ') == 3
    assert page.count('alt="What the model saw in ') == 3
    plots = {path.name for path in (directory / 'report_plots').iterdir()}
    names = 'ap_by_class class_balance confusion_matrix detection_errors learning_curve losses'
    names += ' precision_recall score_histograms time_by_stage'
    assert plots == {f'{name}.{suffix}' for name in names.split() for suffix in ('svg', 'png', 'csv')}


def test_runs_of_several_seeds_in_one_page(finished_run, tmp_path, capsys) -> None:
    for name in ('a', 'b'):
        shutil.copytree(finished_run, tmp_path / name)
    out = tmp_path / 'both.html'
    assert call('report', tmp_path / 'a', tmp_path / 'b', '--out', out, '--images', '0') == 0
    assert capsys.readouterr().out == f'{out}\n'
    _, *rows = csv.reader((tmp_path / 'both_plots' / 'learning_curve.csv').open(newline=''))
    assert [row[:3] for row in rows] == [['a, b, 2 runs', name, cycle] for name in 'ab' for cycle in '01']
    assert (tmp_path / 'both_plots' / 'run2_losses.svg').is_file()
    assert 'alt="What the model saw in ' not in out.read_text()


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [(['no/run'], 1, 'error: no/run: this is no run directory'), ([], 2, 'required: RUN_DIR')],
)
def test_what_is_wrong_is_said(capsys, arguments, code, message) -> None:
    assert call('report', *arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ''
    assert message in captured.err and 'Traceback' not in captured.err


def test_data_that_is_not_there_is_said_in_the_page(finished_run, tmp_path) -> None:
    out = tmp_path / 'page.html'
    assert call('report', finished_run, '--out', out, '--data-root', tmp_path / 'nowhere') == 0
    assert 'the data cannot be read' in out.read_text()
