"""COCO's format: boxes, order, evaluation, a whole run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmdet_miaod.apis import RunOptions, load_config, train
from mmdet_miaod.apis.config import schedule_of
from mmdet_miaod.datasets.coco import CocoDetectionDataset, CocoPoolDataset
from tests.datasets.coco_tree import draw_coco
from tests.tiny_run import REPOSITORY, TINY_OPTIONS


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return draw_coco(tmp_path_factory.mktemp('coco') / 'data')


def dataset(root, **changes) -> CocoDetectionDataset:
    return CocoDetectionDataset('boxes.json', 'images', data_root=str(root), **changes)


def test_boxes_are_those_of_labeled_images_only(root) -> None:
    labeled = dataset(root)
    assert labeled.CLASSES == ('cat', 'dog') and labeled.image_id(1) == 99
    labeled.label([0])
    info = labeled.get_ann_info(0)
    assert info['bboxes'].tolist() == [[0, 2, 20, 12]] and info['labels'].tolist() == [0]
    assert info['bboxes_ignore'].tolist() == [[30, 20, 50, 35]]
    with pytest.raises(KeyError, match='not labeled'):
        labeled.get_ann_info(1)
    assert labeled.problems[0][0].endswith('boxes.json, image 100')


def test_classes_choose_and_order_categories(root) -> None:
    labeled = dataset(root, classes=['dog'])
    labeled.label([0, 1])
    assert [labeled.get_cat_ids(i) for i in (0, 1)] == [[], [0]]
    with pytest.raises(ValueError, match='bird'):
        dataset(root, classes=['bird'])


def test_pool_has_the_files_order_and_may_leave_out_images_without_boxes(root) -> None:
    everything = CocoPoolDataset('boxes.json', 'images', data_root=str(root))
    assert len(everything) == 8 and everything.index.names[1] == '001.png'
    assert len(CocoPoolDataset('boxes.json', 'images', data_root=str(root), only_with_boxes=True)) == 7
    with pytest.raises(ValueError, match='its 7 images are not the 8 of the pool'):
        dataset(root, only_with_boxes=True, index=everything.index)


@pytest.mark.parametrize('classes', [['cat', 'dog'], ['dog', 'cat']])
def test_evaluation_by_class(root, classes) -> None:
    test = dataset(root, classes=classes, test_mode=True)
    none = np.zeros((0, 5), np.float32)
    results = []
    for i in range(8):
        boxes = test.get_ann_info(i)['bboxes']
        scored = np.column_stack([boxes, np.full(len(boxes), 0.9)]).astype(np.float32)
        # Cats are found, dogs are not.
        results.append([scored if name == 'cat' and i % 2 == 0 else none for name in classes])
    found = test.evaluate(results, logger='silent')
    assert found['AP'] == {'cat': pytest.approx(1), 'dog': pytest.approx(0)}
    assert found['mAP'] == pytest.approx(0.5) and found['AP50'] == pytest.approx(0.5)
    assert np.isnan(found['AP_large'])
    with pytest.raises(ValueError, match='7 results'):
        test.evaluate(results[:7])


def test_malformed_files(root, tmp_path) -> None:
    (tmp_path / 'bad.json').write_text('{"images": []}')
    with pytest.raises(ValueError, match='not in the format of COCO'):
        CocoPoolDataset(str(tmp_path / 'bad.json'), str(root))
    with pytest.raises(FileNotFoundError, match='no such annotation file'):
        CocoPoolDataset(str(tmp_path / 'none.json'), str(root))


def test_whole_run_writes_image_ids_and_the_labeled_set_as_coco_json(root, tmp_path) -> None:
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


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda c: c['images'][2].pop('width'), r"entry 2 of images has no \['width'\]"),
        (lambda c: c['images'][0].update(height=0), 'entry 0 of images has the size 60 x 0'),
        (lambda c: c['categories'][0].pop('name'), "KeyError: 'name'"),
        (
            lambda c: [i.update(id=str(i['id'])) for i in c['images']],
            "image ids are such as '100', image_id of boxes such as 100",
        ),
        (lambda c: c['annotations'][1].update(bbox=[]), r'entry 1 of annotations has the box \[\]'),
        (lambda c: c['annotations'][0].update(bbox=['1', 2, 3, 4]), 'entry 0 of annotations has the box'),
        (
            lambda c: c['categories'].append(dict(c['categories'][0], id=77)),
            'category names .* more than once',
        ),
        (
            lambda c: c['categories'].append(dict(c['categories'][0], name='x')),
            'category ids .* more than once',
        ),
    ],
    ids=[
        *('no width', 'no height', 'no name', 'ids of another type', 'no box', 'text in a box'),
        *('a name twice', 'a category id twice'),
    ],
)
def test_a_malformed_file_is_named_with_what_is_wrong(root, tmp_path, spoil, message) -> None:
    content = json.loads((root / 'boxes.json').read_text())
    spoil(content)
    (tmp_path / 'bad.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f'bad.json: .*{message}'):
        CocoDetectionDataset(str(tmp_path / 'bad.json'), 'images', data_root=str(root))


def test_a_file_may_begin_with_a_byte_order_mark(root, tmp_path) -> None:
    (tmp_path / 'bom.json').write_text((root / 'boxes.json').read_text(), encoding='utf-8-sig')
    assert len(CocoDetectionDataset(str(tmp_path / 'bom.json'), 'images', data_root=str(root))) == 8


def test_the_config_has_the_published_values() -> None:
    """Sizes, schedule, learning rate and image scale of the published experiment."""
    config = load_config(REPOSITORY / 'configs' / 'MIAOD_coco.py')
    assert (config.X_L_0_size, config.X_S_size, list(config.cycles)) == (2345, 2345, [0, 1, 2, 3, 4])
    assert (config.X_U_0_from, config.query_fraction, config.query.k) == ('next', 1.0, 10000)
    assert (config.X_L_repeat, config.X_U_repeat, config.data.samples_per_gpu) == (2, 2, 2)
    assert [stage.epochs for stage in schedule_of(config)] == [3, 1, 1, 3, 1, 1, 3]
    assert [stage.lr_step for stage in schedule_of(config)] == [()] * 6 + [(2,)]
    assert dict(config.lr_config) == dict(
        policy='step', warmup='linear', warmup_iters=500, warmup_ratio=0.001, step=[2]
    )
    assert dict(config.optimizer) == dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4)
    head = config.model.bbox_head
    assert (head.num_classes, head.loss_dis.loss_weight) == (80, 0.5)
    assert config.data.train.only_with_boxes and config.data.pool.only_with_boxes
    resize = config.data.train.pipeline[2]
    assert (resize.type, tuple(resize.img_scale), resize.keep_ratio) == ('Resize', (1333, 800), True)


def test_labels_of_another_file_are_refused_though_it_has_as_many_images(root, tmp_path) -> None:
    content = json.loads((root / 'boxes.json').read_text())
    content['images'].reverse()
    (tmp_path / 'boxes (1).json').write_text(json.dumps(content))
    index = CocoPoolDataset('boxes.json', 'images', data_root=str(root)).index
    with pytest.raises(ValueError, match='are not the 8 of the pool in its order'):
        CocoDetectionDataset(str(tmp_path / 'boxes (1).json'), 'images', data_root=str(root), index=index)
    assert CocoPoolDataset(str(tmp_path / 'boxes (1).json'), 'images', data_root=str(root)).index.tags == (
        'boxes__1_',
    )


def test_boxes_that_do_not_count_may_be_incomplete(root, tmp_path) -> None:
    content = json.loads((root / 'boxes.json').read_text())
    content['annotations'] += [
        dict(id=90, image_id=99, category_id=55),
        dict(id=91, image_id=99, category_id=3, ignore=1),
    ]
    (tmp_path / 'boxes.json').write_text(json.dumps(content))
    test = CocoDetectionDataset(str(tmp_path / 'boxes.json'), 'images', data_root=str(root), test_mode=True)
    empty = [[np.zeros((0, 5), np.float32)] * 2 for _ in range(len(test))]
    assert test.evaluate(empty, logger='silent')['mAP'] == 0
