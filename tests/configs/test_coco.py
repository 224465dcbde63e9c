"""The COCO config: the published values, and a whole run on tiny data."""

from __future__ import annotations

import json

import numpy as np

from mmdet_miaod.apis import RunOptions, load_config, train
from mmdet_miaod.apis.settings import RunSettings
from mmdet_miaod.datasets.coco import CocoDetectionDataset
from tests.datasets.coco_tree import draw_coco
from tests.tiny_run import REPOSITORY, TINY_OPTIONS


def test_the_config_has_the_published_values() -> None:
    """Sizes, schedule, learning rate and image scale of the published experiment."""
    config = load_config(REPOSITORY / 'configs' / 'MIAOD_coco.py')
    assert (config.X_L_0_size, config.X_S_size, list(config.cycles)) == (2345, 2345, [0, 1, 2, 3, 4])
    assert (config.X_U_0_from, config.query_fraction, config.query.k) == ('next', 1.0, 10000)
    assert (config.X_L_repeat, config.X_U_repeat, config.data.samples_per_gpu) == (2, 2, 2)
    assert [stage.epochs for stage in RunSettings.from_config(config).schedule] == [3, 1, 1, 3, 1, 1, 3]
    assert [stage.lr_step for stage in RunSettings.from_config(config).schedule] == [()] * 6 + [(2,)]
    assert dict(config.lr_config) == dict(
        policy='step', warmup='linear', warmup_iters=500, warmup_ratio=0.001, step=[2]
    )
    assert dict(config.optimizer) == dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4)
    head = config.model.bbox_head
    assert (head.num_classes, head.loss_dis.loss_weight) == (80, 0.5)
    assert config.data.train.only_with_boxes and config.data.pool.only_with_boxes
    resize = config.data.train.pipeline[2]
    assert (resize.type, tuple(resize.img_scale), resize.keep_ratio) == ('Resize', (1333, 800), True)


def test_whole_run_writes_image_ids_and_the_labeled_set_as_coco_json(tmp_path) -> None:
    root = draw_coco(tmp_path / 'data')
    kept = {key: value for key, value in TINY_OPTIONS.items() if not key.startswith('pool_')}
    options = {
        **kept,
        'classes': None,
        'model.bbox_head.num_classes': 2,
        'pool_json': 'boxes.json',
        'test_json': 'boxes.json',
        'pool_images': 'images',
        'test_images': 'images',
        'only_with_boxes': False,
        'X_L_0_size': 3,
        'X_S_size': 2,
        'query_fraction': 0.4,
        'work_directory': str(tmp_path),
        'schedule': [dict(name='label', epochs=1)],
    }
    config = load_config(REPOSITORY / 'configs' / 'MIAOD_coco.py', options, f'{root}/')
    run = train(config, RunOptions(run_name='run', progress=False))
    assert np.isfinite(np.load(run / 'cycle0' / 'scores.npy')).sum() == 2
    labeled = np.load(run / 'X_L_1.npy')
    content = json.loads((run / 'cycle1' / 'labeled.json').read_text())
    assert [image['id'] for image in content['images']] == [100 - i for i in labeled]
    assert {box['image_id'] for box in content['annotations']} <= {100 - i for i in labeled}
    assert (run / 'cycle1' / 'image_ids_L.txt').read_text().split() == [str(100 - i) for i in labeled]
    # The labeled set is a data set of its own.
    assert len(CocoDetectionDataset(str(run / 'cycle1' / 'labeled.json'), str(root / 'images'))) == 5
