"""configs/_base_/voc0712.py: the published data, movable by one key."""

from pathlib import Path

import pytest
from mmcv import Config
from mmdet.utils import update_data_root

from mmdet_miaod.config.files import resolve_references
from mmdet_miaod.datasets import build_dataset
from mmdet_miaod.datasets.drawn.voc import draw_voc0712
from mmdet_miaod.datasets.seeding import Draw

CONFIG = str(Path(__file__).parents[2] / 'configs/_base_/voc0712.py')


@pytest.fixture(scope='module')
def kit(tmp_path_factory) -> Path:
    return draw_voc0712(tmp_path_factory.mktemp('voc') / 'kit', 2, 2, 3)


def check_built(config: Config, root: Path) -> None:
    train, pool, test = (build_dataset(config.data[name]) for name in ('train', 'pool', 'test'))
    for dataset in (train, pool):
        assert len(dataset) == 5
        assert dataset.index.tags == ('07', '12')
        assert dataset.index.list_ids.tolist() == [0, 0, 1, 1, 1]
        assert dataset.index.image_path(4).startswith(str(root / 'VOC2012/JPEGImages'))
    assert train.index.fingerprint() == pool.index.fingerprint()
    assert len(test) == 2
    assert test.index.image_path(0).startswith(str(root / 'VOC2007/JPEGImages'))


@pytest.mark.parametrize('slash', ['', '/'])
def test_data_root_alone_moves_everything(kit, slash):
    config = Config.fromfile(CONFIG)
    config.merge_from_dict({'data_root': f'{kit}{slash}'})
    check_built(resolve_references(config), kit)


def test_mmdet_datasets_moves_everything(kit, monkeypatch):
    monkeypatch.setenv('MMDET_DATASETS', f'{kit}/')
    config = resolve_references(Config.fromfile(CONFIG))
    update_data_root(config)
    check_built(config, kit)


def test_missing_data_says_what_to_set(tmp_path):
    config = Config.fromfile(CONFIG)
    config.data_root = str(tmp_path)
    with pytest.raises(FileNotFoundError, match=r'VOC2007/ImageSets/Main/trainval\.txt.*data_root'):
        build_dataset(resolve_references(config).data.pool)


def test_samples_have_the_published_shape(kit):
    config = Config.fromfile(CONFIG)
    config.data_root = str(kit)
    config = resolve_references(config)
    train, pool = build_dataset(config.data.train), build_dataset(config.data.pool)
    train.label(range(5))
    for i, (width, height) in enumerate(train.index.sizes.tolist()):
        scale = min(1000 / max(width, height), 600 / min(width, height))
        expected = [32 * -(-int(side * scale + 0.5) // 32) for side in (height, width)]
        labeled, unlabeled, scored = train[Draw(i, i)], pool[Draw(i, i)], pool.scoring_view()[i]
        assert set(labeled) == {'img', 'img_metas', 'gt_bboxes', 'gt_labels'}
        assert set(unlabeled) == set(scored) == {'img', 'img_metas'}
        for img in (labeled['img'].data, unlabeled['img'].data, scored['img'][0]):
            assert list(img.shape) == [3, *expected]
        # One draw, one augmentation: with and without labels.
        assert (labeled['img'].data == unlabeled['img'].data).all()
