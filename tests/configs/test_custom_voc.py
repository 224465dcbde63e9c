"""configs/examples/custom_voc.py: data of one's own needs a short config and no code."""

import json
from pathlib import Path

import numpy as np
import pytest

from mmdet_miaod.apis import RunOptions, load_config, train
from mmdet_miaod.datasets.drawn.voc import draw_voc
from tests.tiny_run import REPOSITORY, TINY_OPTIONS

EXAMPLE = REPOSITORY / 'configs' / 'examples' / 'custom_voc.py'
# What the example itself says; the rest of the tiny config makes it small.
OF_THE_EXAMPLE = (
    'classes',
    'pool_lists',
    'pool_folders',
    'model.bbox_head.num_classes',
    'model.backbone.depth',
    'model.backbone.base_channels',
    'model.neck.in_channels',
)


def draw_custom_data(root: Path, classes: list[str]) -> Path:
    """The example's layout: lists and both folders directly in the data root."""
    folder = draw_voc(root / 'drawn', 12, 3, classes, seed=4, image_size=(64, 48)) / 'VOC2007'
    lists = folder / 'ImageSets' / 'Main'
    (lists / 'trainval.txt').rename(folder / 'train.txt')
    (lists / 'test.txt').rename(folder / 'test.txt')
    return folder.rename(root / 'my data')


def write_copy(path: Path, classes: list[str]) -> Path:
    """The example with other classes, as a reader would copy and change it."""
    text = EXAMPLE.read_text()
    old = next(line for line in text.splitlines() if line.startswith('classes = '))
    base = str(EXAMPLE.parent / 'small_pretrained.py')
    path.write_text(text.replace(old, f'classes = {classes!r}').replace('./small_pretrained.py', base))
    return path


@pytest.mark.parametrize('classes', [['disc', 'square', 'triangle'], ['star']])
def test_a_copy_of_the_example_trains(tmp_path, classes, caplog):
    root = draw_custom_data(tmp_path, classes)
    small = {key: value for key, value in TINY_OPTIONS.items() if key not in OF_THE_EXAMPLE}
    # A group of one channel has nothing to normalize where a level is one pixel large.
    small |= {f'model.{part}.norm_cfg.num_groups': 4 for part in ('neck', 'bbox_head')}
    config = load_config(write_copy(tmp_path / 'mine.py', classes), small, str(root))
    config.work_directory = str(tmp_path / 'runs')
    run = train(config, RunOptions(run_name='run', progress=False))

    metrics = json.loads((run / 'metrics.json').read_text())
    assert [entry['labeled'] for entry in metrics] == [4, 7]
    assert set(metrics[0]['AP']) == set(classes)
    names = (root / 'train.txt').read_text().split()
    labeled = [names[i] for i in np.load(run / 'X_L_1.npy')]
    assert (run / 'cycle1' / 'trainval_L_train.txt').read_text().split() == labeled
    (log,) = run.glob('*.log')
    # A softmax over one class is 1 whatever the branch learns, so that its loss would be about 0.
    assert ("One class: mil_activation='sigmoid'" in log.read_text()) == (len(classes) == 1)
    (records,) = run.glob('*.log.json')
    losses = [json.loads(line).get('loss_mil') for line in records.read_text().splitlines()]
    assert max(loss for loss in losses if loss is not None) > 0.01
