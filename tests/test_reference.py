"""The reference pages: keys, tools, options, files and strategies that they name are those of the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mmcv import Config, ConfigDict
from mmcv.utils import Registry
from mmdet.datasets import DATASETS
from mmdet.models import HEADS

from mmdet_miaod.active.query.base import QUERY_STRATEGIES
from mmdet_miaod.apis import RunOptions, train
from mmdet_miaod.commands.__main__ import load_command
from mmdet_miaod.config.files import resolve_references
from mmdet_miaod.models.dense_heads.loss_terms import LOSS_TERMS
from tests.tiny_run import tiny_config

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / 'docs' / 'reference'
LANGUAGES = ['.md', '.zh-CN.md']
# Keys that a config may have and those of the repository leave at their defaults.
OPTIONAL_KEYS = {'X_U_0_from', 'score_chunk_size', 'data.test_samples_per_gpu', 'data.prefetch_factor'}
OPTIONAL_KEYS |= {'data.pool.exif', 'data.test.exif', 'data.train.unknown_classes', 'data.train.reviewed'}
OPTIONAL_KEYS |= {'data.pool.links', 'data.test.links'}
OPTIONAL_KEYS |= {'model.bbox_head.mil_activation', 'query_fraction', 'budget', 'exclude', 'include'}
OPTIONAL_KEYS |= {'runner'}


def reference(name: str, language: str = '.md') -> str:
    return (REFERENCE / f'{name}{language}').read_text(encoding='utf-8')


def first_cells(text: str) -> list[str]:
    return re.findall(r'^\| (`[^|]*) \|', text, re.MULTILINE)


def documented_keys(language: str = '.md') -> set[str]:
    heading = '## Keys' if language == '.md' else '## 键'
    table = reference('configuration', language).split(f'{heading}\n')[1].split('\n## ')[0]
    return {key for cell in first_cells(table) for key in re.findall('`(.*?)`', cell)}


def keys_of(config: dict, prefix: str = '') -> Iterator[str]:
    for name, value in config.items():
        yield f'{prefix}{name}'
        if isinstance(value, dict):
            yield from keys_of(value, f'{prefix}{name}.')


def config_keys(name: str) -> set[str]:
    return set(keys_of(Config.fromfile(str(ROOT / 'configs' / name))._cfg_dict.to_dict()))


def test_every_module_is_on_the_page_of_its_room():
    package = ROOT / 'mmdet_miaod'
    rooms = {path for path in package.iterdir() if (path / '__init__.py').is_file()}
    for room in rooms - {package / 'commands'}:  # their page is for people, see below
        modules = [path.relative_to(ROOT) for path in room.rglob('*.py') if path.name != '__init__.py']
        documented = re.findall(r'^::: (.+)$', reference(room.name), re.MULTILINE)
        assert sorted(documented) == sorted('.'.join(path.with_suffix('').parts) for path in modules)


@pytest.mark.parametrize('language', LANGUAGES)
def test_all_configs_are_named(language):
    configs = {path.relative_to(ROOT).as_posix() for path in (ROOT / 'configs').rglob('*.py')}
    named = re.findall(r'^\| `(configs/[^`]+)`', reference('configuration', language), re.MULTILINE)
    assert sorted(named) == sorted(path for path in configs if '/_base_/' not in path)


@pytest.mark.parametrize('language', LANGUAGES)
def test_keys_exist(language):
    named, known = documented_keys(language), config_keys('MIAOD.py')
    assert len(named) > 30
    assert (
        OPTIONAL_KEYS
        <= named
        <= known | config_keys('MIAOD_coco.py') | config_keys('MIAOD_photographs.py') | OPTIONAL_KEYS
    )
    # and every key that a user is likely to set is named
    assert {key for key in known if '.' not in key} - named <= {
        'data', 'train_pipeline', 'unlabeled_pipeline', 'test_pipeline', 'img_norm_cfg', 'optimizer_config',
        'checkpoint_config', 'custom_imports', 'dist_params',
    }  # fmt: skip


@pytest.fixture
def keys_read(monkeypatch) -> set[str]:
    """Last names of all config keys that are asked for from here on, by whatever way."""
    read: set[str] = set()
    for method in ('__getattr__', '__getitem__', 'get', 'pop', '__contains__'):
        original = getattr(ConfigDict, method)

        def spy(self, name, *args, original=original):
            read.add(name)
            return original(self, name, *args)

        monkeypatch.setattr(ConfigDict, method, spy)
    return read


def test_keys_are_read(tiny_data, tmp_path, keys_read):
    config = tiny_config(tiny_data, tmp_path, cycles=[0, 1], query_fraction=0.5)
    config.read_by_nothing = 1
    # some values are there to be named by others, such as '${data_root}'
    texts = ''.join(path.read_text() for path in (ROOT / 'configs').rglob('*.py'))
    keys_read |= set(re.findall(r"'\$\{(\w+)\}'", texts))
    train(config, RunOptions(progress=False, report=False))
    assert 'read_by_nothing' not in keys_read
    unread = {key for key in documented_keys() if key.rsplit('.', 1)[-1] not in keys_read}
    # arguments of what is built from a dict
    assert unread == {
        *('model.bbox_head.mil_activation', 'data.test.use_legacy_coordinate'),
        *('data.train.unknown_classes', 'data.train.reviewed'),
    }


@pytest.mark.parametrize('registry, name, key', [
    (HEADS, 'MIAODRetinaHead', 'mil_activation'),
    (DATASETS, 'VOCDetectionDataset', 'use_legacy_coordinate'),
    (DATASETS, 'VOCDetectionDataset', 'unknown_classes'),
    (DATASETS, 'CocoDetectionDataset', 'unknown_classes'),
    (DATASETS, 'CocoDetectionDataset', 'reviewed'),
    (DATASETS, 'ImagePoolDataset', 'exif'),
    (DATASETS, 'VOCDetectionDataset', 'exif'),
    (DATASETS, 'CocoPoolDataset', 'exif'),
    (DATASETS, 'CocoDetectionDataset', 'exif'),
    (DATASETS, 'ImagePoolDataset', 'links'),
    (DATASETS, 'VOCDetectionDataset', 'links'),
    (DATASETS, 'CocoPoolDataset', 'links'),
    (DATASETS, 'CocoDetectionDataset', 'links'),
])  # fmt: skip
def test_keys_of_what_is_built_are_arguments(registry: Registry, name: str, key: str):
    assert any(key in inspect.signature(kind.__init__).parameters for kind in registry.get(name).__mro__)


def test_values_that_name_others_are_resolved():
    config = Config.fromfile(str(ROOT / 'configs' / 'MIAOD.py'))
    assert '${' not in str(resolve_references(config)._cfg_dict.to_dict())


def test_loss_terms_are_those_of_the_table():
    page = (ROOT / 'docs' / 'how-to' / 'loss-terms.md').read_text(encoding='utf-8')
    rows = re.findall(r'^\| `(loss_\w+)` \| `(\w+)` \| (.*?) \|(.*?)\|(.*?)\|$', page, re.MULTILINE)
    assert [tuple(cell.strip() for cell in row) for row in rows] == [
        (
            name,
            term.function.__name__,
            ', '.join(term.trains),
            ', '.join(term.reads),
            'needed' if term.needs_labels else '',
        )
        for name, term in LOSS_TERMS.items()
    ]
    for language in LANGUAGES:
        named = re.findall(r'^\| `(loss_\w+)` \|', reference('configuration', language), re.MULTILINE)
        assert named == list(LOSS_TERMS)


@pytest.mark.parametrize('language', LANGUAGES)
def test_every_tool_is_named(language):
    named = set(re.findall(r'^\| `python (tools/\w+\.py)', reference('commands', language), re.MULTILINE))
    assert named == {path.relative_to(ROOT).as_posix() for path in (ROOT / 'tools').glob('[!_]*.py')}


def options_in_help(tool: str, capsys, *words: str) -> set[str]:
    with pytest.raises(SystemExit):
        load_command(tool).run(tool, [*words, '--help'])
    return set(re.findall(r'(?<![\w-])--?[a-z][a-z-]*', capsys.readouterr().out))


def test_all_options_of_the_training_tool_are_named(capsys):
    cells = ' '.join(first_cells(reference('commands').split('## Options')[1]))
    known = options_in_help('train', capsys)
    assert set(re.findall(r'`(--?[a-z][a-z-]*)', cells)) == known - {'-h', '--help', '--quiet', '--verbose'}


def test_options_of_other_tools_exist(capsys):
    rows = re.findall(r'^\| `python tools/(\w+)\.py ?([a-z]*)(.*)', reference('commands'), re.MULTILINE)
    named = {row[:2]: set(re.findall(r'--[a-z-]+', row[2])) for row in rows if re.search('[ `]--', row[2])}
    assert {('test', ''), ('score', ''), ('visualize', 'uncertainty'), ('annotate', 'start')} <= named.keys()
    for (tool, subcommand), options in named.items():
        assert options <= options_in_help(tool, capsys, *filter(None, [subcommand]))


def test_all_query_strategies_are_named():
    pages = [ROOT / 'README.md', ROOT / 'README_zh-CN.md', ROOT / 'docs' / 'how-to' / 'compare.md']
    for page in pages:
        cells = first_cells(page.read_text(encoding='utf-8').split('`query.type`')[1].split('\n## ')[0])
        named = {name for cell in cells for name in re.findall('`(.*?)`', cell)}
        shipped = {
            name
            for name, kind in QUERY_STRATEGIES.module_dict.items()
            if kind.__module__.startswith('mmdet_miaod')
        }
        assert shipped <= named


def test_files_of_a_run_are_named_and_can_be_read_as_shown(tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tiny_config(tiny_data, Path('work_dirs/MI-AOD'), query=dict(type='coreset', _delete_=True))
    run = train(config, RunOptions(run_name='RUN', progress=False))
    table = reference('run-directory').split('```python')[0]
    names = {name for cell in first_cells(table) for name in re.findall('`(.*?)`', cell)}
    assert names == {
        name
        for cell in first_cells(reference('run-directory', '.zh-CN.md'))
        for name in re.findall('`(.*?)`', cell)
    }
    # this run's data has one list, no COCO file, labels of its own, and its query asks for no quality
    names -= {name for name in names if '_12' in name or 'image_ids' in name or name == 'labeled.json'}
    names -= {'batches/{n}/', 'images.json', 'cycle{c}/class_quality.npy'}
    patterns = {name: re.sub(r'\{\w+\}|<\w+>', '*', name).removeprefix('cycle*/') for name in names}
    written = [path for path in run.rglob('*') if path.is_file() and path.name != '.lock']
    found = {
        path: [name for name, pattern in patterns.items() if is_meant(path, run, pattern)] for path in written
    }
    assert [path for path, matches in found.items() if not matches] == []
    assert names == {name for matches in found.values() for name in matches}

    (example,) = re.findall(r'```python\n(.*?)```', reference('run-directory'), re.DOTALL)
    values: dict[str, Any] = {}
    exec(example, values)
    assert [labeled for labeled, _ in values['curve']] == [4, 7]


def is_meant(path: Path, run: Path, pattern: str) -> bool:
    return path.match(pattern) or path.relative_to(run).as_posix().startswith(pattern)
