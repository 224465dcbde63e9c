"""The config in a run directory is data: it is read from the manifest, and never run."""

from __future__ import annotations

import pytest

from mmdet_miaod.run.config_copy import (
    DUMPED,
    config_facts,
    config_text,
    config_to_resume,
    parse_config,
    recorded_config,
)


def test_plain_values_are_what_python_would_make_of_them() -> None:
    text = f"""{DUMPED}a = dict(b=[1, -2.5, (3, 'x', None)], c={{'d-e': True, 2: dict()}})
f = ('one', )
g = -1e-3
"""
    expected = dict(a=dict(b=[1, -2.5, (3, 'x', None)], c={'d-e': True, 2: {}}), f=('one',), g=-1e-3)
    assert parse_config(text, 'a.py') == expected


def test_a_config_is_written_as_it_is_read() -> None:
    long = [dict(type='Resize', img_scale=(256, 192), keep_ratio=True), dict(type='Pad', size_divisor=32)] * 2
    values = dict(
        a={'b': [1, -2.5, (3, 'x\n"', None), ()], 'class': 1, 2: {}, 'e.f': float('1e-7')},
        g=('one',),
        pipeline=dict(train=dict(transforms=long, note='')),
    )
    text = config_text(values)
    assert parse_config(text, 'a.py') == values
    assert max(map(len, text.splitlines())) < 112
    assert text.splitlines()[-7:] == [
        "            dict(type='Pad', size_divisor=32),",
        "            dict(type='Resize', img_scale=(256, 192), keep_ratio=True),",
        "            dict(type='Pad', size_divisor=32),",
        '        ],',
        "        note='',",
        '    ),',
        ')',
    ]


@pytest.mark.parametrize(
    'line',
    [
        'import os',
        "a = __import__('os')",
        "a = dict(b=[open('x')])",
        'a = [i for i in range(3)]',
        'a = dict(**{1: 2})',
        'a = dict([(1, 2)])',
        'a = b',
        'a.b = 1',
        'a, b = 1, 2',
        'a = (lambda: 1)()',
        "a = f'{1}'",
        '(' * 5000,
        'a = ' + '-' * 5000 + '1',
        'a = "',
    ],
)
def test_anything_else_is_refused_and_not_run(line) -> None:
    with pytest.raises(ValueError, match=r'a\.py: is the copy of a run.s config.*not run as Python'):
        parse_config(f'{DUMPED}x = 1\n{line}\n', 'a.py')


def test_the_manifest_says_which_config_a_run_has(tmp_path) -> None:
    (tmp_path / 'aaa.py').write_text(f'{DUMPED}a = 1\n')
    (tmp_path / 'bccd.py').write_text(f'{DUMPED}a = 2\n')
    options = config_facts('bccd.py', f'{DUMPED}a = 3\n')
    assert recorded_config(tmp_path, options) == ('bccd.py', f'{DUMPED}a = 3\n')
    assert config_to_resume(tmp_path, options) == ('bccd.py', f'{DUMPED}a = 2\n')
    (tmp_path / 'bccd.py').unlink()
    assert config_to_resume(tmp_path, options) == recorded_config(tmp_path, options)


@pytest.mark.parametrize('name', ['../outside.py', '/outside.py', 5, None])
def test_a_manifest_names_no_copy_elsewhere(tmp_path, name) -> None:
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'a.py').write_text('import this\n')
    (tmp_path / 'run' / 'b.py').write_text(f'{DUMPED}a = 2\n')
    options = dict(config_file=name, config_text='a = 3\n')
    assert recorded_config(tmp_path / 'run', options) == ('b.py', f'{DUMPED}a = 2\n')
    (tmp_path / 'run' / 'b.py').unlink()
    with pytest.raises(FileNotFoundError, match='no copy of its config'):
        recorded_config(tmp_path / 'run', options)
