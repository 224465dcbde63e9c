"""Values of any type for any documented key: it works, or it is one clear line that names the key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from mmdet_miaod.apis import RunOptions, load_config
from mmdet_miaod.apis.preflight import check_before_start
from mmdet_miaod.apis.settings import RunSettings
from mmdet_miaod.cli.command_line import run_tool
from mmdet_miaod.engine import detector
from tests.tiny_run import REPOSITORY, tiny_options

ODD = [None, -1, float('nan'), 1.5, 'abc', [], {}, [1.5], True, 10**400, '\ud800', 'a\0b']


def documented_keys() -> list[str]:
    """Keys of the table in ``docs/reference/configuration.md``, and keys below them."""
    page = (REPOSITORY / 'docs/reference/configuration.md').read_text(encoding='utf-8')
    rows = page.split('## Keys')[1].split('## Stages')[0].splitlines()
    keys = [
        key for row in rows if row.startswith('| `') for key in re.findall(r'`([^`]+)`', row.split('|')[1])
    ]
    return [*dict.fromkeys(keys + FURTHER)]


FURTHER = [
    *('data', 'data.train', 'data.train.type', 'data.train.pipeline', 'data.pool.pipeline', 'data.test'),
    *('data.pool.score_pipeline', 'data.test.pipeline', 'data.pool.ann_file', 'data.pool.img_prefix'),
    *('data.pool.tags', 'data.pool.img_subdir', 'data.train.classes', 'data.test.test_mode'),
    *('model.type', 'model.backbone', 'model.backbone.type', 'model.backbone.depth', 'model.neck'),
    *('model.neck.out_channels', 'model.bbox_head', 'model.bbox_head.type', 'model.bbox_head.num_classes'),
    *('model.bbox_head.anchor_generator', 'model.bbox_head.loss_cls', 'model.train_cfg', 'model.test_cfg'),
    *('model.train_cfg.assigner', 'model.test_cfg.score_thr', 'optimizer.type', 'optimizer.lr'),
    *('optimizer.momentum', 'lr_config.policy', 'lr_config.step', 'lr_config.warmup'),
    *('lr_config.warmup_iters', 'optimizer_config', 'optimizer_config.grad_clip.max_norm'),
    *('log_config.interval', 'log_config.hooks', 'evaluation.metric', 'evaluation.iou_thr', 'query.type'),
    *(
        'query.k',
        'budget.size',
        'budget.unit',
        'amp.dtype',
        'checkpoint_config',
        'checkpoint_config.interval',
    ),
    *('annotator.type', 'runner.type', 'dist_params', 'img_scale', 'custom_imports', 'a(b+)+$'),
]
# Of a run that is refused because of what a value names: the file or folder stands in the message.
FILES = ('_lists', '_folders', 'ann_file', 'img_prefix', 'img_subdir', 'load_from', 'clude', 'data_root')


def message_of(key: str, value: Any, data, work, capsys) -> str:
    """What the checks before a run say of a value, '' where they pass."""

    def check() -> None:
        options = {**tiny_options(data, work), key: value}
        config = load_config(REPOSITORY / 'configs' / 'MIAOD.py', options)
        check_before_start(RunSettings.from_config(config), RunOptions())

    code = run_tool(check)
    message = capsys.readouterr().err
    assert (code == 0) == ('error: ' not in message)
    assert 'Traceback' not in message, (key, value, message)
    return message.partition('error: ')[2].strip() if code else ''


@pytest.mark.slow
@pytest.mark.parametrize('key', documented_keys())
def test_odd_values_are_refused_in_a_line_that_names_the_key(tmp_path, tiny_data, capsys, monkeypatch, key):
    monkeypatch.setattr(detector.logging, 'raiseExceptions', False)
    for value in ODD:
        message = message_of(key, value, tiny_data, tmp_path, capsys)
        if message:
            last = key.rpartition('.')[2]
            named = key in message or last in message or key.partition('.')[0] in message
            assert named or any(part in key for part in FILES), (key, value, message)
            assert '\n' not in message, (key, value, message)


@pytest.mark.parametrize(
    'key, value, expected',
    [
        ('k', float('nan'), 'k is nan: a finite number is needed'),
        ('optimizer_config.grad_clip.max_norm', -1, 'optimizer_config.grad_clip.max_norm is -1'),
        ('exclude', [1.5], 'exclude is [1.5]: a file of image names, or a list'),
        ('param_lambda', float('nan'), 'param_lambda is nan'),
        ('img_scale', 'abc', "img_scale is 'abc': two whole numbers"),
        ('score_chunk_size', 1.5, 'score_chunk_size is 1.5: a whole number'),
        ('log_config.interval', -1, 'log_config.interval is -1: a whole number of at least 1'),
        ('data.workers_per_gpu', 100_000, 'data.workers_per_gpu is 100000: a whole number from 0 to 256'),
        ('img_scale', None, 'img_scale is None: two whole numbers'),
        ('epoch', 10**8, 'epoch is 100000000: a whole number from 0 to 10000'),
        ('model.type', 'NoSuchNet', 'NoSuchNet is not in the models registry'),
        ('model.type', 1, 'model.type is 1: a text is needed'),
        ('amp', 5, 'amp is 5: a dict is needed'),
        ('data', 5, "the config has no 'data.train'"),
        ('model.neck.out_channels', 16, 'model.backbone, model.neck, model.bbox_head: does not work'),
        ('data.pool.pipeline', [], 'data.pool.pipeline is []: a list of transforms is needed'),
        ('work_directory', 'a\ud800', "work_directory is 'a\\ud800': a text of Unicode characters is needed"),
        ('model.bbox_head.num_classes', None, "model.bbox_head.num_classes"),
        ('a(b', 1, "the config has ['a(b'], which nothing here reads"),
        ('model.train_cfg', None, "model has no 'train_cfg'"),
    ],
)  # fmt: skip
def test_a_value_that_nothing_can_work_with_is_told_with_what_is_expected(
    tmp_path, tiny_data, capsys, key, value, expected
) -> None:
    assert expected in message_of(key, value, tiny_data, tmp_path, capsys)


@pytest.mark.parametrize(
    'key', ['data.workers_per_gpu', 'query_fraction', 'schedule', 'score_chunk_size', 'log_level']
)
def test_none_counts_as_not_given(tmp_path, tiny_data, key) -> None:
    def settings(**more: Any) -> Iterator[Any]:
        options = {**tiny_options(tiny_data, tmp_path), **more}
        found = RunSettings.from_config(load_config(REPOSITORY / 'configs' / 'MIAOD.py', options))
        return found.loaders, found.labeling, found.schedule, found.scoring, found.log_level

    defaults = {'data.workers_per_gpu': 0}
    assert settings(**{key: None}) == settings(**({key: defaults[key]} if key in defaults else {}))


def test_mixed_keys_of_dicts_do_not_matter(tmp_path, tiny_data) -> None:
    options = {**tiny_options(tiny_data, tmp_path), 'dist_params': {1: 2, 'a': 3}}
    config = load_config(REPOSITORY / 'configs' / 'MIAOD.py', options)
    assert json.dumps(RunSettings.from_config(config).identity)
