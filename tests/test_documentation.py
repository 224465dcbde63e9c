"""The documentation: paths and links exist, both languages say the same, examples run, the site builds."""

from __future__ import annotations

import ast
import doctest
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mmdet_miaod.apis import RunOptions, load_config, train
from mmdet_miaod.datasets.drawn.voc import draw_voc
from mmdet_miaod.models.dense_heads.loss_terms import LOSS_TERMS
from tests.browser import BROWSER, look_at
from tests.tiny_run import tiny_options

ROOT = Path(__file__).resolve().parent.parent
READMES = [ROOT / 'README.md', ROOT / 'README_zh-CN.md']
PAGES = sorted((ROOT / 'docs').rglob('*.md'))
DOCUMENTS = [*READMES, ROOT / 'CONTRIBUTING.md', *PAGES]
CHINESE = [page for page in DOCUMENTS if page.stem.endswith('zh-CN')]
ENGLISH_OF = {page: page.with_stem(re.sub(r'[._]zh-CN$', '', page.stem)) for page in CHINESE}

# Types into the search field and returns the addresses of the results.
SEARCH = """
(async () => {
  const open = document.querySelector('#__search')
  const query = document.querySelector('[data-md-component=search-query]')
  open.checked = true
  open.dispatchEvent(new Event('change'))
  query.value = WORD
  query.dispatchEvent(new Event('keyup', {bubbles: true}))
  for (let tries = 0; tries < 300; tries++) {
    const links = [...document.querySelectorAll('.md-search-result__link')]
    if (links.length) return links.map(link => link.href)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  return []
})()
"""

CODE_BLOCK = re.compile(r'^ *```(\w+)\n(.*?)^ *```$', re.DOTALL | re.MULTILINE)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    return path.read_text(encoding='utf-8')


def code_blocks(path: Path, language: str) -> list[str]:
    return [code for found, code in CODE_BLOCK.findall(text_of(path)) if found == language]


def prose(path: Path) -> str:
    return CODE_BLOCK.sub('', text_of(path))


def anchors(path: Path) -> list[str]:
    """Anchors of a page's headings in their order, as GitHub and MkDocs make them."""
    headings = re.findall(r'^#+ +(.+)$', prose(path), re.MULTILINE)
    return [re.sub(r'[^\w\s-]', '', heading).strip().lower().replace(' ', '-') for heading in headings]


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
    text = re.sub(r'\[[^\]]*\]\(https?:[^)]*\)', '', text_of(document))  # what is on the web is not here
    paths = set(re.findall(rf'(?<![\w/.-])(?:{folders})/[\w./-]*[\w/]', text))
    made_by_the_reader = {'configs/mine.py'}
    missing = {path for path in paths - made_by_the_reader if not (ROOT / path).exists()}
    assert not missing


@pytest.mark.parametrize('twin', CHINESE, ids=name_of)
def test_pages_in_both_languages_say_the_same(twin):
    page = ENGLISH_OF[twin]
    levels = [re.findall(r'^#+(?= )', prose(document), re.MULTILINE) for document in (page, twin)]
    assert levels[0] == levels[1]
    assert CODE_BLOCK.findall(text_of(page)) == CODE_BLOCK.findall(text_of(twin))
    for pattern in (r'`((?:bash|python) [^`]+)`', r'(\d\d\.\d\d)', r'`(--[a-z-]+)', r'^\| `([^`]+)`'):
        said, said_too = (
            sorted(re.findall(pattern, prose(document), re.MULTILINE)) for document in (page, twin)
        )
        assert said == said_too
    assert destinations(page) == destinations(twin)


def destinations(document: Path) -> list[str]:
    """What a page links to: its English page, and of a heading on it the place in the order of headings."""
    found = []
    for path, _, anchor in (
        target.partition('#') for target in re.findall(r'\]\(([^)\s]+)\)', prose(document))
    ):
        page = (document.parent / path).resolve() if path else document
        place = anchors(page).index(anchor) if anchor and not path.startswith('http') else None
        found.append(f'{path if path.startswith("http") else ENGLISH_OF.get(page, page)} {place}')
    return sorted(found)


@pytest.mark.parametrize('document', CHINESE, ids=name_of)
def test_no_line_is_broken_within_a_chinese_paragraph(document):
    """A line break would be shown as a space."""
    starts = re.compile(r' *([-|#>!]|\d+\. |```|$)')
    lines = prose(document).splitlines()
    broken = [after for before, after in zip(lines, lines[1:]) if before.strip() and not starts.match(after)]
    assert not broken


@pytest.mark.parametrize('document', DOCUMENTS, ids=name_of)
def test_python_blocks_parse(document):
    for code in code_blocks(document, 'python'):
        ast.parse(code)


@pytest.mark.parametrize('document', DOCUMENTS, ids=name_of)
def test_bash_blocks_parse(document):
    for code in code_blocks(document, 'bash'):
        checked = subprocess.run(['bash', '-n'], input=code, text=True, capture_output=True)
        assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    'page', [page for page in PAGES if code_blocks(page, 'pycon') and page not in CHINESE], ids=name_of
)
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
    for page, module in (('query-strategy', 'my_query'), ('heads', 'my_head')):
        code = code_blocks(ROOT / 'docs' / 'how-to' / f'{page}.md', 'python')[0]
        (tmp_path / f'{module}.py').write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    options = tiny_options(tiny_data, tmp_path, model__bbox_head__type='SharedTowerHead')
    options['custom_imports.imports'] = ['mmdet_miaod', 'my_query', 'my_head']
    options['query'] = dict(_delete_=True, type='doubt', k=50)
    __import__('my_query'), __import__('my_head')
    config = load_config(ROOT / 'configs' / 'MIAOD.py', options)
    run = train(config, RunOptions(run_name='own', progress=False))
    assert (run / 'X_L_1.npy').is_file()


def test_the_second_look_of_the_how_to_page_selects(tmp_path, tiny_data):
    codes = code_blocks(ROOT / 'docs' / 'how-to' / 'query-strategy.md', 'python')
    exec(next(code for code in codes if 'looks_again' in code), {})
    options = tiny_options(tiny_data, tmp_path, query=dict(_delete_=True, type='unlike'))
    run = train(
        load_config(ROOT / 'configs' / 'MIAOD.py', options), RunOptions(run_name='own', progress=False)
    )
    assert len(np.load(run / 'X_L_1.npy')) == 7


@pytest.mark.parametrize('readme', READMES, ids=name_of)
def test_the_config_of_own_data_is_one(readme, tmp_path):
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    path = tmp_path / 'configs' / 'mine.py'
    path.write_text(next(code for code in code_blocks(readme, 'python') if '_base_' in code))
    config = load_config(path)
    assert config.data.pool.ann_file == ['ImageSets/Main/trainval.txt']
    assert (config.model.bbox_head.num_classes, config.X_S_size) == (2, 25)


def test_the_python_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    monkeypatch.chdir(tmp_path)
    example = next(code for code in code_blocks(READMES[0], 'python') if 'score_images' in code)
    assert example.count('\n') <= 10
    with Path('configs/MIAOD_demo.py').open('a') as file:
        file.write('X_L_repeat = X_U_repeat = epoch = 1\nepoch_ratio = [1, 1]\nlr_config = dict(step=[])\n')
    config = load_config('configs/MIAOD_demo.py')
    draw_voc(config.data_root, **dict(config.drawing, num_train=36, num_test=4))
    exec(example, {})
    lines = re.findall(r'^(0\.\d{5})  \d+ boxes  (\S+)$', capsys.readouterr().out, re.MULTILINE)
    assert len(lines) == 5
    assert [score for score, _ in lines] == sorted((score for score, _ in lines), reverse=True)
    assert all(Path(path).is_file() for _, path in lines)


def config_file(folder: Path, text: str) -> Path:
    """A config of a page as a file beside copies of the project's configs."""
    shutil.copytree(ROOT / 'configs', folder / 'configs')
    path = folder / 'configs' / 'page.py'
    path.write_text(text)
    return path


def test_the_config_of_another_dense_head_trains(tmp_path, tiny_data):
    path = config_file(tmp_path, code_blocks(ROOT / 'docs' / 'how-to' / 'heads.md', 'python')[-1])
    options = tiny_options(tiny_data, tmp_path, param_lambda=2.0, query=dict(type='entropy', _delete_=True))
    options['model.bbox_head.norm_cfg'] = dict(type='GN', num_groups=4)
    config = load_config(path, options)
    assert config.model.bbox_head.loss_dis.loss_weight == 2.0
    run = train(config, RunOptions(run_name='atss', progress=False))
    assert (run / 'cycle1' / 'model.pth').is_file()


def test_the_loss_term_of_the_how_to_page_trains(tmp_path, tiny_data, monkeypatch):
    module, config_text = code_blocks(ROOT / 'docs' / 'how-to' / 'loss-terms.md', 'python')
    (tmp_path / 'my_loss.py').write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(LOSS_TERMS, 'loss_entropy', None)  # so that its row is gone after this test
    config = load_config(config_file(tmp_path, config_text), tiny_options(tiny_data, tmp_path, cycles=[0]))
    run = train(config, RunOptions(run_name='entropy', progress=False))
    lines = [json.loads(line) for line in next(run.glob('*.log.json')).read_text().splitlines()]
    stages, losses = zip(
        *((line['stage'], line['loss_entropy']) for line in lines if 'loss_entropy' in line), strict=True
    )
    assert set(stages) == {'be sure'}
    # Every class begins with probability 0.01, of entropy 0.056: two classifiers, five levels, weight 0.1.
    assert losses == pytest.approx([2 * 5 * 0.1 * 0.0560] * len(losses), rel=0.02)


def test_the_site_names_all_pages():
    named = set(re.findall(r': ([\w/.-]+\.md)$', text_of(ROOT / 'mkdocs.yml'), re.MULTILINE))
    assert named == {page.relative_to(ROOT / 'docs').as_posix() for page in PAGES}


@pytest.fixture(scope='module')
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('docs') / 'site'
    command = ['bash', str(ROOT / 'scripts' / 'docs.sh'), str(folder)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.mark.slow
def test_site_builds_without_warnings_and_needs_no_network(site):
    loaded = re.compile(r'(?:<script[^>]*src|<link[^>]*rel="?stylesheet"?[^>]*href|<img[^>]*src)="?https?:')
    pages = list(site.rglob('*.html'))
    assert len(pages) > 15
    assert not [page for page in pages if loaded.search(text_of(page))]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason='no Chromium here')
@pytest.mark.parametrize('page, word, found', [
    ('index.html', 'latest.pth', 'reference/run-directory.html'),
    ('reference/models.html', 'epoch_ratio', 'reference/configuration.html'),
])  # fmt: skip
def test_search_works_in_pages_opened_from_disk(site, tmp_path, page, word, found):
    search = SEARCH.replace('WORD', repr(word))
    look = look_at(site / page, tmp_path / 'profile', tmp_path / 'shot.png', 1200, script=search)
    assert any(found in link for link in look['value'])
    assert look['requested'] <= {'file', 'data'}
