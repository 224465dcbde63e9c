"""Chunks of a ranking: what is damaged is scored again, what is no chunk is left alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mmdet_miaod.run.partial_ranking import PartialRanking

IDENTITY = dict(checkpoint='a', format=2)


@pytest.fixture
def out(tmp_path) -> Path:
    """A ranking of which three chunks of two images are done."""
    partial = PartialRanking(tmp_path / 'r.csv', IDENTITY)
    assert partial.open()
    for number in range(3):
        for name in (f'{number}a.jpg', f'{number}b.jpg'):
            (tmp_path / name).write_bytes(b'image')
        partial.add([entry(tmp_path, f'{number}{letter}.jpg') for letter in 'ab'])
    return tmp_path / 'r.csv'


def entry(folder: Path, name: str) -> dict:
    return dict(image=str(folder / name), uncertainty=0.25, boxes=[])


def names(partial: PartialRanking) -> list[str]:
    return [Path(image).name for image in partial.entries]


def reopened(out: Path) -> PartialRanking:
    partial = PartialRanking(out, IDENTITY)
    assert partial.open()
    return partial


def test_whole_chunks_are_taken_over(out) -> None:
    assert names(reopened(out)) == ['0a.jpg', '0b.jpg', '1a.jpg', '1b.jpg', '2a.jpg', '2b.jpg']


@pytest.mark.parametrize(
    'damage',
    [
        lambda text: text.replace('0.25', '0.35', 1),
        lambda text: text.replace('0.25', 'NaN', 1),
        lambda text: text[: len(text) // 2],
        lambda text: '',
        lambda text: '[]',
        lambda text: json.dumps(json.loads(text)['entries']),
        lambda text: text.replace('"uncertainty"', '"uncertain"', 1),
        lambda text: '[' * 100_000,
        lambda text: '\udcff',
    ],
)
def test_a_damaged_chunk_is_scored_again(out, caplog, damage) -> None:
    chunk = Path(f'{out}.partial') / '000001.json'
    chunk.write_bytes(damage(chunk.read_text()).encode('utf-8', 'surrogateescape'))
    partial = reopened(out)
    assert names(partial) == ['0a.jpg', '0b.jpg', '2a.jpg', '2b.jpg']
    assert '000001.json: is damaged' in caplog.text and 'its images are scored again' in caplog.text
    partial.add([entry(out.parent, '1a.jpg'), entry(out.parent, '1b.jpg')])
    assert sorted(names(reopened(out))) == ['0a.jpg', '0b.jpg', '1a.jpg', '1b.jpg', '2a.jpg', '2b.jpg']


def test_an_image_that_changed_is_scored_again(out) -> None:
    (out.parent / '1a.jpg').write_bytes(b'another')
    (out.parent / '1b.jpg').unlink()
    assert names(reopened(out)) == ['0a.jpg', '0b.jpg', '2a.jpg', '2b.jpg']


def test_chunks_of_another_model_or_with_a_damaged_header_are_deleted(out) -> None:
    assert not PartialRanking(out, dict(IDENTITY, checkpoint='b')).open()
    assert os.listdir(f'{out}.partial') == ['scoring.json']
    header = Path(f'{out}.partial') / 'scoring.json'
    header.write_text(header.read_text().replace('"b"', '"a"'))
    assert PartialRanking(out, IDENTITY).open()  # nothing was lost
    assert reopened(out).entries == {}


@pytest.mark.parametrize('name', ['mine.json', '1.json', 'notes.txt', '000001.json.txt', '.hidden', 'sub'])
@pytest.mark.parametrize('is_used', [False, True])
def test_a_folder_of_somebody_is_left_alone(out, tmp_path, name, is_used) -> None:
    target = out if is_used else tmp_path / 'new.csv'
    folder = Path(f'{target}.partial')
    folder.mkdir(exist_ok=True)
    (folder / name).mkdir() if name == 'sub' else (folder / name).write_text('mine')
    before = sorted(folder.iterdir())
    for identity in (IDENTITY, dict(IDENTITY, checkpoint='b')):
        with pytest.raises(FileExistsError, match=f'{name}: is no part of a ranking.*another --out'):
            PartialRanking(target, identity).open()
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize('kind', ['file', 'link', 'pipe as chunk', 'link as chunk', 'way out'])
def test_nothing_else_is_taken_for_the_folder_or_a_chunk(out, tmp_path, kind) -> None:
    folder = tmp_path / 'new.csv.partial'
    if kind == 'file':
        folder.write_text('mine')
    elif kind in ('link', 'way out'):
        folder.symlink_to(f'{out}.partial' if kind == 'link' else tmp_path / 'nowhere')
    else:
        folder.mkdir()
        chunk = folder / '000000.json'
        os.mkfifo(chunk) if kind.startswith('pipe') else chunk.symlink_to(f'{out}.partial/000000.json')
    with pytest.raises(FileExistsError, match='is no part of a ranking'):
        PartialRanking(tmp_path / 'new.csv', IDENTITY).open()
    assert len(os.listdir(f'{out}.partial')) == 4


def test_the_end_deletes_own_files_alone(out) -> None:
    partial, folder = reopened(out), Path(f'{out}.partial')
    (folder / '.writing-12-0123456789abcdef').write_text('half')
    partial.close()
    assert os.listdir(folder) == ['.writing-12-0123456789abcdef']
    (folder / '.writing-12-0123456789abcdef').unlink()
    partial.close()
    assert not folder.exists()
