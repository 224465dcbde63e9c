"""Reports while a run is running."""

from pathlib import Path

from mmdet_miaod.apis import run_report
from mmdet_miaod.apis.run_report import RunReports


def test_reports_after_cycles_take_a_fiftieth_of_the_time(monkeypatch) -> None:
    now, written = [100.0], []

    def write(directory: Path, *given, last: bool) -> None:
        written.append((now[0], last))
        now[0] += 2

    monkeypatch.setattr(run_report, 'refresh_report', write)
    monkeypatch.setattr(run_report.time, 'monotonic', lambda: now[0])
    reports = RunReports(Path(), None, lambda: None)
    for second in (100, 150, 199, 200, 250, 299, 300):
        now[0] = second
        reports.after_cycle()
    reports.write(last=True)
    assert written == [(100, False), (200, False), (300, False), (302, True)]
