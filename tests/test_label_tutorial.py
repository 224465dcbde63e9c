"""The how-to about labeling photographs: its commands, with a script in the person's place."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from mmcv import Config

from mmdet_miaod.annotation.batch import batch_folder, read_batch
from tests.photograph_run import make_photographs, photograph_options
from tests.test_documentation import ROOT, code_blocks
from tests.tiny_run import CLASSES

PAGE = ROOT / 'docs' / 'how-to' / 'label-photographs.md'
# As the page calls what the drawn images show; they have more classes than it names.
NAMES = dict(zip(CLASSES, ('bolt', 'nut', None), strict=True))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> tuple[Path, Mapping[str, Any]]:
    """The reader's folder, with photographs and a model that is tiny; and the boxes by SHA-256 of a file."""
    pytest.importorskip('jupyter_bbox_widget', reason='the extra "label" is not installed')
    photographs, labels = make_photographs(tmp_path, 150)
    config = Config.fromfile(str(ROOT / 'configs' / 'MIAOD_photographs.py'))
    # Such a model is sure of nothing, but it shall propose boxes.
    sure = dict(annotator__score_thr=0.0, model__test_cfg__score_thr=0.0)
    small = photograph_options(photographs, tmp_path, annotator__max_boxes=5, **sure)
    config.merge_from_dict(small)
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'configs' / 'MIAOD_photographs.py').write_text(config.pretty_text)
    (tmp_path / 'tools').symlink_to(ROOT / 'tools')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PATH', f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}')
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    for name in ('DISPLAY', 'WAYLAND_DISPLAY'):  # no browser opens
        monkeypatch.delenv(name, raising=False)
    return tmp_path, labels


def label_as_script(command: str, labels: Mapping[str, Any]) -> str:
    """Run the command of the page's label page, and label there what is not decided; returns its output."""
    process = subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().strip()
    for image in requests.get(f'{address}images.json', timeout=60).json()['images']:
        content = requests.get(f'{address}images/{image["uid"]}', timeout=60).content
        found = labels[hashlib.sha256(content).hexdigest()]
        boxes = [
            dict(name=NAMES[name], corners=list(corners))
            for corners, name in found
            if NAMES[name] is not None
        ]
        said = dict(uid=image['uid'], state='reviewed', boxes=boxes, seconds=6)
        requests.post(f'{address}labels', json=said, timeout=60).raise_for_status()
    requests.post(f'{address}finish', timeout=60)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out


@pytest.mark.slow
def test_the_commands_of_the_page_lead_to_the_second_batch(folder) -> None:
    place, labels = folder
    lines = [line for line in code_blocks(PAGE, 'bash')[0].splitlines() if not line.startswith('#')]
    tools = [line for line in lines if line.startswith('python tools/annotate.py label ')]
    assert len(lines) <= 5 and len(tools) == 2
    codes = {}
    for line in lines:
        if line in tools:
            assert 'Resume with: ' in label_as_script(line, labels)
        else:
            codes[line] = subprocess.run(line, shell=True, timeout=600).returncode
    assert list(codes.values()) == [0, 4]
    run = place / 'work_dirs' / 'bolts'
    batches = [read_batch(batch_folder(run, number)) for number in (1, 2, 3)]
    assert [(batch.purpose, len(batch.images)) for batch in batches] == [
        ('test', 60),
        ('train', 40),
        ('train', 40),
    ]
    assert all(image.boxes for image in batches[2].images)
    assert 'Labels spent' in (run / 'report.html').read_text()
    status = subprocess.run(
        f'python tools/annotate.py status {run}', shell=True, capture_output=True, text=True
    )
    rows = [[cell.strip() for cell in row.strip('| ').split('|')] for row in status.stdout.splitlines()]
    assert [row[-1] for row in rows[2:5]] == ['used', 'used', 'ready'] and rows[5][0] == 'sum'
    assert rows[5][-1] == '14.0'
