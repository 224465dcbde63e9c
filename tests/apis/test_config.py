"""Reading configs: overrides, data roots, schedules, and what makes a run another run."""

from __future__ import annotations

import pytest
from mmcv import Config

from mmdet_miaod.apis.settings import RunSettings, load_settings
from mmdet_miaod.config.files import config_identity, load_config
from tests.tiny_run import REPOSITORY, tiny_config

VOC = REPOSITORY / 'configs' / 'MIAOD.py'


def test_the_published_experiment() -> None:
    config = load_config(VOC)
    assert (config.X_L_0_size, config.X_S_size, config.cycles) == (827, 413, [0, 1, 2, 3, 4, 5, 6])
    assert (config.k, config.query.k, config.model.bbox_head.loss_dis.loss_weight) == (10000, 10000, 0.5)
    assert (config.optimizer.lr, config.optimizer.weight_decay) == (1e-3, 5e-4)
    assert config.data.samples_per_gpu == 2
    stages = [(stage.name, stage.epochs, stage.lr_step) for stage in RunSettings.from_config(config).schedule]
    around = [('minimize', 1, ()), ('maximize', 1, ())]
    assert stages == [('label', 3, ()), *around, ('label', 3, ()), *around, ('label', 3, (2,))]


def test_values_that_refer_to_others_follow_an_override() -> None:
    config = load_config(VOC, {'k': 7, 'param_lambda': 0.25})
    assert (config.query.k, config.model.bbox_head.loss_dis.loss_weight) == (7, 0.25)


@pytest.mark.parametrize('root', ['/elsewhere', '/elsewhere/'])
def test_a_data_root_takes_the_place_of_the_configs(root) -> None:
    config = load_config(VOC, data_root=root)
    for part in ('train', 'pool', 'test'):
        assert config.data[part].data_root.rstrip('/') == '/elsewhere'


def test_a_data_root_takes_the_place_of_whole_folders_only(tmp_path) -> None:
    config = load_config(VOC, {'data_root': 'VOC', 'data.test.data_root': 'VOC2'}, data_root='/new')
    assert config.data.pool.type == 'ImagePoolDataset' and config.data.train.type == 'VOCDetectionDataset'
    assert (config.data.pool.data_root, config.data.test.data_root) == ('/new', 'VOC2')
    config = load_config(VOC, {'data_root': '.', 'data.pool.img_prefix': '.'}, data_root='other')
    assert (config.data.pool.data_root, config.data.pool.img_prefix) == ('other', '.')


def test_the_supervised_schedule_has_the_same_epochs_and_the_drop_before_the_last() -> None:
    (stage,) = RunSettings.from_config(load_config(VOC, {'schedule': 'supervised'})).schedule
    assert (stage.epochs, stage.lr_step, stage.unlabeled_losses) == (13, (12,), ())
    assert stage.labeled_losses == ('loss_cls', 'loss_bbox')


def test_a_run_stays_the_same_wherever_it_is_and_however_it_loads(tmp_path) -> None:
    one = tiny_config(tmp_path / 'a', tmp_path / 'work')
    other = tiny_config(
        tmp_path / 'b', tmp_path / 'else', data__workers_per_gpu=3, log_config__interval=7, log_level='DEBUG'
    )
    assert config_identity(one) == config_identity(other)


@pytest.mark.parametrize(
    'change, item',
    [
        (dict(X_S_size=2), ('X_S_size', 2)),
        (dict(optimizer__lr=0.5), ('optimizer.lr', 0.5)),
        (dict(data__samples_per_gpu=3), ('data.samples_per_gpu', 3)),
        (dict(seed=5), ('seed', 5)),
    ],
)
def test_what_changes_the_numbers_makes_it_another_run(tmp_path, change, item) -> None:
    one = config_identity(tiny_config(tmp_path, tmp_path))
    other = config_identity(tiny_config(tmp_path, tmp_path, **change))
    assert {key: value for key, value in other.items() if one.get(key) != value} == dict([item])


def test_sizes_follow_the_budget() -> None:
    options = {'X_L_0_size': 10, 'X_S_size': 8, 'cycles': [0, 1, 2, 3]}
    assert load_settings(VOC, options).labeling.sizes(100) == [10, 18, 26, 34]
    assert load_settings(VOC, options).labeling.sizes(20) == [10, 18, 20]
    images = load_settings(VOC, {**options, 'budget': dict(size=5)}).labeling
    assert (images.unit, images.budget) == ('image', 5)
    assert images.sizes(100) == [10, 15, 20, 25]
    boxes = load_settings(VOC, {**options, 'budget': dict(unit='box', size=500)}).labeling
    assert boxes.sizes(100) == [10, 18, 26, 34]  # a guess


def test_overrides_do_not_touch_the_file_or_each_other() -> None:
    options = {'cycles': [0]}
    first = load_config(VOC, options)
    first.cycles.append(9)
    assert load_config(VOC).cycles == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    'options, error, message',
    [
        ({'cycles': [1, 0]}, ValueError, r'cycles is \[1, 0\]'),
        ({'cycles': 3}, ValueError, 'list ascending numbers'),
        ({'seed': -1}, ValueError, 'seed is -1'),
        ({'X_L_0_size': 0}, ValueError, 'X_L_0_size is 0'),
        ({'checkpoint_config.max_keep_ckpts': 0}, ValueError, 'at least 1 is needed to resume'),
        ({'check_images': 'never'}, ValueError, "check_images is 'never'"),
        ({'optimizer': None}, KeyError, "no 'optimizer.type'"),
    ],
)
def test_values_that_make_no_sense_are_named(options, error, message) -> None:
    with pytest.raises(error, match=message):
        load_settings(VOC, options)


def test_a_list_file_counts_by_its_content(tmp_path) -> None:
    (tmp_path / 'never.txt').write_text('000001\n000002\n')
    options = dict(exclude=str(tmp_path / 'never.txt'))
    before = config_identity(tiny_config(tmp_path, tmp_path, **options))
    assert before['exclude'] == ['000001', '000002']
    (tmp_path / 'never.txt').write_text('000001\n')
    assert config_identity(tiny_config(tmp_path, tmp_path, **options)) != before


def test_an_override_sets_keys_of_what_is_none() -> None:
    options = {'optimizer_config.grad_clip.max_norm': 10, 'optimizer_config.grad_clip.norm_type': 1}
    config = load_config(VOC, options)
    assert config.optimizer_config.grad_clip == dict(max_norm=10, norm_type=1)
    assert load_config(VOC).optimizer_config.grad_clip is None
    with pytest.raises(ValueError, match='does not fit the config'):
        load_config(VOC, {'seed.x': 1})


def test_the_copy_of_a_config_is_python_whatever_it_was(tmp_path) -> None:
    config = tiny_config(tmp_path / 'data', tmp_path / 'work')
    (tmp_path / 'mine.json').write_text('{}')
    settings = RunSettings.from_config(Config(config._cfg_dict, filename=str(tmp_path / 'mine.json')))
    assert settings.file == 'mine.py'
    (tmp_path / settings.file).write_text(settings.text)
    assert load_settings(tmp_path / settings.file).seed == settings.seed


def test_a_variable_of_a_config_is_no_unread_key_and_its_copy_in_a_run_may_hold_it(tmp_path) -> None:
    path = tmp_path / 'mine.py'
    path.write_text(f'_base_ = [{str(VOC)!r}]\nmy_size = 3\nX_L_0_size = my_size\n')
    settings = load_settings(path)
    assert settings.labeling.initial_size == 3
    path.write_text(settings.text)
    assert load_settings(path).identity == settings.identity
    path.write_text(f'_base_ = [{str(VOC)!r}]\nmy_size = 3\n')
    with pytest.raises(ValueError, match=r"\['my_size'\], which nothing here reads"):
        load_settings(path)
