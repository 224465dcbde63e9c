"""The tests mirror the package."""

import re
from pathlib import Path

from tests.tiny_run import REPOSITORY


def test_each_module_has_its_tests_or_the_page_says_where_they_are() -> None:
    tests, package = REPOSITORY / 'tests', REPOSITORY / 'mmdet_miaod'
    rows = re.findall(
        r'^\| (`.*) \| (`.*) \|$', (tests / 'README.md').read_text(encoding='utf-8'), re.MULTILINE
    )
    named = {module: files for modules, files in rows for module in re.findall('`([^`]+)`', modules)}
    assert [
        path
        for files in named.values()
        for path in re.findall('`([^`]+)`', files)
        if not (tests / path).is_file()
    ] == []
    modules = {
        path.relative_to(package).with_suffix('').as_posix()
        for path in package.rglob('*.py')
        if not path.name.startswith('__')
    }
    mirrored = {name for name in modules if (tests / name).with_name(f'test_{Path(name).name}.py').is_file()}
    assert sorted(modules - mirrored - named.keys()) == []
