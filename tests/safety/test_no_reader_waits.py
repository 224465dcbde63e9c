"""No reader waits for a pipe, a socket or a device in the place of a file."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdet_miaod.active.label_losses import read_label_losses
from mmdet_miaod.annotation.sources import read_xml
from mmdet_miaod.apis import load_config
from mmdet_miaod.config.files import run_config
from mmdet_miaod.datasets.coco_json import read_coco
from mmdet_miaod.datasets.image_files import decode, read_header
from mmdet_miaod.datasets.image_lists import read_image_list, text_lines
from mmdet_miaod.datasets.voc_xml import parse_voc_xml
from mmdet_miaod.experiments.records import read_records
from mmdet_miaod.run.checked_json import read_checked_json
from mmdet_miaod.run.file_record import DamagedFileError, FileRecord, verify
from mmdet_miaod.run.files import load_array, load_checkpoint
from mmdet_miaod.run.manifest import MANIFEST_NAME, RunState
from mmdet_miaod.visualization import box_drawing
from mmdet_miaod.visualization.run_reader import read_run


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """A test that waits fails."""

    def fail(number, frame) -> None:
        raise TimeoutError('a reader waits')

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


READERS: dict[str, Callable[[Path], object]] = {
    'COCO file': read_coco,
    'config': load_config,
    'image list': read_image_list,
    'list of classes': text_lines,
    'annotation': lambda path: parse_voc_xml(path, {}),
    'export': read_xml,
    'image, header': read_header,
    'image': decode,
    'weights': load_checkpoint,
    'array': load_array,
    'checked JSON': read_checked_json,
    'file of the run': lambda path: verify(FileRecord(path, 0, '')),
    'records': read_records,
    'losses of labels': read_label_losses,
}


@pytest.mark.parametrize('device', [False, True], ids=['pipe', 'device'])
@pytest.mark.parametrize('name', READERS)
def test_a_pipe_or_device_is_refused(tmp_path, name, device) -> None:
    path = tmp_path / 'given'
    if device:
        path.symlink_to('/dev/zero')
    else:
        os.mkfifo(path)
    with pytest.raises((OSError, ValueError), match='given: .*is a (pipe|device)'):
        READERS[name](path)


def test_files_of_a_run_may_be_pipes(tmp_path) -> None:
    for name in ('metrics.json', 'a.log.json', 'config.py'):
        os.mkfifo(tmp_path / name)
    (tmp_path / MANIFEST_NAME).write_text('{}')
    found = read_run(tmp_path)
    assert sum('is a pipe' in problem for problem in found.problems) >= 2
    with pytest.raises((OSError, ValueError)):
        run_config(tmp_path)
    (tmp_path / MANIFEST_NAME).unlink()
    os.mkfifo(tmp_path / MANIFEST_NAME)
    with pytest.raises(DamagedFileError, match='is a pipe'):
        RunState.load(tmp_path)


def test_a_base_config_may_be_no_pipe(tmp_path) -> None:
    os.mkfifo(tmp_path / 'base.py')
    (tmp_path / 'config.py').write_text("_base_ = ['base.py']\n")
    with pytest.raises(ValueError, match=r'base\.py'):
        load_config(tmp_path / 'config.py')


def test_values_of_no_bytes_are_refused(tmp_path) -> None:
    text = "{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117) + '\n'
    (tmp_path / 'a.npy').write_bytes(b'\x93NUMPY\x01\x00v\x00' + text.encode())
    with pytest.raises(ValueError, match=r'a\.npy: .*have no bytes'):
        load_array(tmp_path / 'a.npy')


def test_pictures_of_thousands_of_boxes_have_captions_on_the_first_ones(monkeypatch) -> None:
    drawn = []
    monkeypatch.setattr(box_drawing, '_caption_place', lambda *place: drawn.append(place) or (0, 0, 9, 9))
    boxes = np.tile(np.array([[5.0, 5, 20, 20]], np.float32), (1000, 1))
    box_drawing.draw_boxes(Image.new('RGB', (64, 48)), boxes, ['a'] * 1000, ['red'] * 1000)
    assert len(drawn) == 300
