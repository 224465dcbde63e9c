"""``annotate label``: its page is there until the person is finished, and what was said is imported."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from mmcv import Config

from mmdet_miaod.annotation.batch import Batch, batch_folder, read_batch
from mmdet_miaod.annotation.label_page import PAGE_FILE, PageLabels
from mmdet_miaod.annotation.labels import read_labels
from tests.commands.conftest import call, command
from tests.photograph_run import make_photographs, photograph_options
from tests.tiny_run import CLASSES, REPOSITORY

pytest.importorskip('jupyter_bbox_widget', reason='the extra "label" is not installed')


@pytest.fixture(scope='module')
def begun(tmp_path_factory) -> Path:
    """A run whose first batch of 4 images waits; tests say something about images of it."""
    root = tmp_path_factory.mktemp('label')
    photographs, _ = make_photographs(root, 12)
    config = Config.fromfile(str(REPOSITORY / 'configs' / 'MIAOD_photographs.py'))
    config.merge_from_dict(photograph_options(photographs, root))
    (root / 'base.py').write_text(config.pretty_text)
    sizes = ['--first-size', '4', '--batch-size', '3', '--cycles', '2', '--device', 'cpu']
    out = ['--out', root / 'bolts', '--base', root / 'base.py']
    assert call('annotate', 'start', photographs, '--classes', *CLASSES, *out, *sizes) == 0
    return root / 'bolts'


class LabelCommand:
    """The command in a process of its own, its page open."""

    def __init__(self, run: Path) -> None:
        words = command('annotate', 'label', run, '--no-browser')
        pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.process = subprocess.Popen(words, **pipes)
        self.address = self.process.stdout.readline().strip()
        self.batch: Batch = read_batch(batch_folder(run, 1))

    def say(self, number: int, state: str = 'reviewed', boxes: Any = ()) -> bool:
        """Say something about an image; tells whether it was acknowledged."""
        said = dict(uid=self.batch.images[number].uid, state=state, boxes=list(boxes), seconds=3)
        try:
            return requests.post(f'{self.address}labels', json=said, timeout=10).ok
        except requests.ConnectionError:
            return False

    def end(self) -> tuple[int, str, str]:
        """Wait for its end; returns exit code, stdout and stderr."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def label(begun) -> Iterator[LabelCommand]:
    label = LabelCommand(begun)
    yield label
    label.process.kill()
    label.process.wait()


def box(number: int) -> dict[str, Any]:
    return dict(name=CLASSES[0], corners=[1, 2, 10 + number, 20])


def test_finish_imports_what_was_said_and_tells_how_to_go_on(begun, label) -> None:
    assert label.address.startswith('http://127.0.0.1:')
    assert label.say(0, boxes=[box(0)])
    assert call('annotate', 'import', begun, begun / 'images.json') == 1  # one writer at a time
    requests.post(f'{label.address}finish', timeout=10)
    code, out, err = label.end()
    assert code == 0 and 'Traceback' not in err
    assert 'reviewed with boxes: 1 (1 boxes)' in out and 'minutes: 0.1' in out
    assert f'3 images are not decided. Go on with: python {REPOSITORY}/tools/annotate.py label {begun}' in out
    assert len(read_labels(batch_folder(begun, 1), label.batch).answers) == 4


def test_ctrl_c_does_the_same(begun, label) -> None:
    for number in range(4):
        assert label.say(number, boxes=[box(number)] if number else [])
    label.process.send_signal(signal.SIGINT)
    code, out, _ = label.end()
    assert code == 0
    assert out.splitlines()[-1] == f'Resume with: python {REPOSITORY}/tools/train.py --resume {begun}'
    answers = read_labels(batch_folder(begun, 1), label.batch).answers
    assert [len(answers[image.uid].boxes) for image in label.batch.images] == [0, 1, 1, 1]


def test_a_kill_while_it_saves_loses_nothing_that_was_acknowledged(begun) -> None:
    for delay in (0.05, 0.2, 0.5):
        label = LabelCommand(begun)
        acknowledged = [0]

        def say_much(label=label, acknowledged=acknowledged) -> None:
            while label.say(1, boxes=[box(number) for number in range(acknowledged[0] + 1)]):
                acknowledged[0] += 1

        thread = threading.Thread(target=say_much)
        thread.start()
        thread.join(delay)
        label.process.kill()
        label.process.wait()
        thread.join()
        saved = PageLabels.open(batch_folder(begun, 1)).images[label.batch.images[1].uid]
        # The one that was being saved may be there, or may not.
        assert len(saved.boxes) - acknowledged[0] in (0, 1)
        assert acknowledged[0] > 0
    assert call('annotate', 'import', begun, batch_folder(begun, 1) / PAGE_FILE) == 0


@pytest.mark.parametrize('words', [['--batch', '7'], ['--port', '99999999']])
def test_what_cannot_be_done_is_said(begun, capsys, words) -> None:
    assert call('annotate', 'label', begun, *words) in (1, 2)
    assert 'batches that wait for labels: 1' in (error := capsys.readouterr().err) or '--port' in error
