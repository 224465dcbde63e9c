"""What the documentation says exists: paths, keys, links, commands; its examples run; its site builds."""

from __future__ import annotations

import ast
import doctest
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from mmcv import Config

ROOT = Path(__file__).resolve().parent.parent
READMES = [ROOT / 'README.md', ROOT / 'README_zh-CN.md']
PAGES = sorted((ROOT / 'docs').rglob('*.md'))
DOCUMENTS = [*READMES, ROOT / 'CONTRIBUTING.md', *PAGES]

CODE_BLOCK = re.compile(r'^ *```(\w+)\n(.*?)^ *```$', re.DOTALL | re.MULTILINE)
# Read by the code where a config has them; configs/MIAOD.py leaves them at their defaults.
OPTIONAL_KEYS = {'X_U_0_from', 'score_chunk_size', 'data.test_samples_per_gpu'}
OPTIONAL_KEYS |= {'model.bbox_head.mil_activation', 'data.prefetch_factor', 'query_fraction'}
OPTIONAL_KEYS |= {'budget', 'exclude', 'include'}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    return path.read_text(encoding='utf-8')


def code_blocks(path: Path, language: str) -> list[str]:
    return [code for found, code in CODE_BLOCK.findall(text_of(path)) if found == language]


def prose(path: Path) -> str:
    return CODE_BLOCK.sub('', text_of(path))


def anchors(path: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r'^#+ +(.+)$', prose(path), re.MULTILINE)
    return {re.sub(r'[^\w\s-]', '', heading).strip().lower().replace(' ', '-') for heading in headings}


@pytest.mark.parametrize('document', DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document):
    for target in re.findall(r'\]\(([^)\s]+)\)', prose(document)):
        if re.match(r'(https?|mailto):', target):
            continue
        path, _, anchor = target.partition('#')
        linked = document.parent / path if path else document
        assert linked.exists(), f'{name_of(document)} links to {target}'
        if anchor:
            assert anchor in anchors(linked), f'{name_of(document)} links to {target}'


@pytest.mark.parametrize('document', DOCUMENTS, ids=name_of)
def test_paths_of_the_repository_exist(document):
    folders = 'scripts|tools|configs|tests|docs|mmdet_miaod|requirements|demo'
    paths = set(re.findall(rf'(?<![\w/.-])(?:{folders})/[\w./-]*[\w/]', text_of(document)))
    made_by_the_reader = {'configs/mine.py'}
    missing = {path for path in paths - made_by_the_reader if not (ROOT / path).exists()}
    assert not missing


def keys_of(config: dict, prefix: str = '') -> set[str]:
    keys = set()
    for name, value in config.items():
        keys.add(f'{prefix}{name}')
        if isinstance(value, dict):
            keys |= keys_of(value, f'{prefix}{name}.')
    return keys


@pytest.mark.parametrize('readme', READMES, ids=name_of)
def test_configuration_keys_exist(readme):
    section = re.search(r'\[start:keys\](.*?)\[end:keys\]', text_of(readme) + '', re.DOTALL)
    rows = section[1] if section else text_of(readme).split('## 配置')[1].split('\n## ')[0]
    named = {
        key for row in re.findall(r'^\| (`.*?) \|', rows, re.MULTILINE) for key in re.findall('`(.*?)`', row)
    }
    known, coco = (
        keys_of(Config.fromfile(str(ROOT / 'configs' / name))._cfg_dict.to_dict())
        for name in ('MIAOD.py', 'MIAOD_coco.py')
    )
    assert len(named) > 30
    assert named <= known | coco | OPTIONAL_KEYS
    assert named >= OPTIONAL_KEYS
    # and every key that a user is likely to set is named
    assert {key for key in known if '.' not in key} - named <= {
        'data', 'train_pipeline', 'unlabeled_pipeline', 'test_pipeline', 'img_norm_cfg', 'optimizer_config',
        'checkpoint_config', 'custom_imports', 'dist_params',
    }  # fmt: skip


@pytest.mark.parametrize('readme', READMES, ids=name_of)
def test_every_tool_is_named(readme):
    named = set(re.findall(r'^\| `python (tools/\w+\.py)', text_of(readme), re.MULTILINE))
    assert named == {path.relative_to(ROOT).as_posix() for path in (ROOT / 'tools').glob('*.py')}


def test_optional_keys_are_read():
    code = '\n'.join(text_of(path) for path in (ROOT / 'mmdet_miaod').rglob('*.py'))
    assert all(key.rsplit('.', 1)[-1] in code for key in OPTIONAL_KEYS)


def test_options_of_the_training_tool_exist():
    code = ''.join(
        text_of(path) for path in (ROOT / 'tools' / 'train.py', *ROOT.glob('mmdet_miaod/apis/*.py'))
    )
    for readme in READMES:
        options = set(re.findall(r'`(--[a-z-]+)', prose(readme)))
        options -= {'--eval', '--all', '--help', '--out', '--show-dir'}
        assert all(f"'{option}'" in code for option in options)


def test_readmes_say_the_same():
    english, chinese = READMES
    levels = [re.findall(r'^#+(?= )', prose(readme), re.MULTILINE) for readme in READMES]
    assert levels[0] == levels[1]
    assert CODE_BLOCK.findall(text_of(english)) == CODE_BLOCK.findall(text_of(chinese))
    for pattern in (
        r'`((?:bash|python) [^`]+)`',
        r'\]\((?!README)([^)]+)\)',
        r'(\d\d\.\d\d)',
        r'`(--[a-z-]+)',
    ):
        assert sorted(re.findall(pattern, prose(english))) == sorted(re.findall(pattern, prose(chinese)))


def test_questions_are_answered_in_both_languages():
    pages = [ROOT / 'docs' / 'faq.md', ROOT / 'docs' / 'faq.zh-CN.md']
    assert len({len(re.findall(r'^### ', text_of(page), re.MULTILINE)) for page in pages}) == 1


@pytest.mark.parametrize('document', DOCUMENTS, ids=name_of)
def test_python_blocks_parse(document):
    for code in code_blocks(document, 'python'):
        ast.parse(code)


@pytest.mark.parametrize('document', DOCUMENTS, ids=name_of)
def test_bash_blocks_parse(document):
    for code in code_blocks(document, 'bash'):
        checked = subprocess.run(['bash', '-n'], input=code, text=True, capture_output=True)
        assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize('page', [page for page in PAGES if code_blocks(page, 'pycon')], ids=name_of)
def test_examples_give_what_they_show(page, tmp_path, monkeypatch):
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    monkeypatch.chdir(tmp_path)
    examples = '\n'.join(code_blocks(page, 'pycon'))
    test = doctest.DocTestParser().get_doctest(examples, {}, name_of(page), str(page), 0)
    report: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert outcome.attempted > 0
    assert outcome.failed == 0, ''.join(report)


def test_examples_of_own_parts_run(tmp_path, tiny_data, monkeypatch):
    """The query strategy and the head of the how-to pages train and select."""
    for page, module in (('query-strategy', 'my_query'), ('detector-head', 'my_head')):
        code = code_blocks(ROOT / 'docs' / 'how-to' / f'{page}.md', 'python')[0]
        (tmp_path / f'{module}.py').write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    from mmdet_miaod.apis import RunOptions, load_config, train
    from tests.tiny_run import tiny_options

    options = tiny_options(tiny_data, tmp_path, model__bbox_head__type='SharedTowerHead')
    options['custom_imports.imports'] = ['mmdet_miaod', 'my_query', 'my_head']
    options['query'] = dict(_delete_=True, type='doubt', k=50)
    __import__('my_query'), __import__('my_head')
    config = load_config(ROOT / 'configs' / 'MIAOD.py', options)
    run = train(config, RunOptions(run_name='own', progress=False))
    assert (run / 'X_L_1.npy').is_file()


def test_the_config_of_any_dense_head_trains(tmp_path, tiny_data):
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    (config_text,) = code_blocks(ROOT / 'docs' / 'how-to' / 'own-head.md', 'python')
    path = tmp_path / 'configs' / 'atss.py'
    path.write_text(config_text)
    from mmdet_miaod.apis import RunOptions, load_config, train
    from tests.tiny_run import tiny_options

    options = tiny_options(tiny_data, tmp_path, param_lambda=2.0, query=dict(type='entropy', _delete_=True))
    options['model.bbox_head.norm_cfg'] = dict(type='GN', num_groups=4)
    config = load_config(path, options)
    assert config.model.bbox_head.loss_dis.loss_weight == 2.0
    run = train(config, RunOptions(run_name='atss', progress=False))
    assert (run / 'cycle1' / 'model.pth').is_file()


def test_the_site_names_pages_that_exist():
    named = set(re.findall(r': ([\w/.-]+\.md)$', text_of(ROOT / 'mkdocs.yml'), re.MULTILINE))
    assert named <= {page.relative_to(ROOT / 'docs').as_posix() for page in PAGES}


@pytest.mark.slow
def test_site_builds_without_warnings_and_needs_no_network(tmp_path):
    built = subprocess.run(
        ['bash', str(ROOT / 'scripts' / 'docs.sh'), str(tmp_path / 'site')], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stdout + built.stderr
    loaded = re.compile(r'(?:<script[^>]*src|<link[^>]*rel="?stylesheet"?[^>]*href|<img[^>]*src)="?https?:')
    pages = list((tmp_path / 'site').rglob('*.html'))
    assert len(pages) > 15
    assert not [page for page in pages if loaded.search(text_of(page))]
