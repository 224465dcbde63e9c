"""A batch's folder: it stands alone, and names nothing twice."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mmdet_miaod.annotation.batch import Batch, BatchImage, image_uids, read_batch
from mmdet_miaod.annotation.folder import TOOLS, write_batch_folder, write_tool_files
from mmdet_miaod.annotation.formats import read_annotation_file
from mmdet_miaod.run.file_record import hash_file
from tests.annotation.batches import HEIGHT, WIDTH, make_batch, make_pictures


@pytest.fixture
def batch_and_sources(tmp_path) -> tuple[Batch, dict[str, Path]]:
    pictures = make_pictures(tmp_path / 'photos')
    batch = make_batch(3, 2, number=1)
    uids = image_uids('run', 1, list(pictures))
    images = tuple(
        BatchImage(uid, i, f'{uid}.jpg', sha256, WIDTH, HEIGHT, None, image.boxes)
        for i, (uid, sha256, image) in enumerate(zip(uids, pictures, batch.images, strict=True))
    )
    return replace(batch, images=images), dict(zip(uids, pictures.values(), strict=True))


@pytest.mark.parametrize('tool', TOOLS)
def test_a_folder_stands_alone(tmp_path, batch_and_sources, tool: str) -> None:
    batch, sources = batch_and_sources
    folder = tmp_path / 'run/batches/1'
    write_batch_folder(folder, batch, sources, tool)
    shutil.rmtree(tmp_path / 'photos')
    moved = shutil.move(folder, tmp_path / 'moved')
    assert read_batch(moved) == batch
    for image in batch.images:
        path = Path(moved) / 'images' / image.file_name
        assert not path.is_symlink() and hash_file(path)[1] == image.sha256
    text = (Path(moved) / 'README.txt').read_text()
    assert f'tools/annotate.py import {tmp_path / "run"}' in text and '3 images' in text


def test_each_tool_finds_the_images_where_they_are(tmp_path, batch_and_sources) -> None:
    batch, sources = batch_and_sources
    folder = tmp_path / 'run/batches/1'
    write_batch_folder(folder, batch, sources, 'label-studio')
    for tool in ('cvat', 'coco'):
        write_tool_files(folder, batch, tool)
    names = sorted(path.name for path in (folder / 'images').iterdir())
    for task in json.loads((folder / 'tasks.json').read_text()):
        relative = task['data']['image'].partition('?d=')[2]
        assert (folder.parent / relative).is_file()
    for name in ('annotations.xml', 'instances.json'):
        assert [image.name for image in read_annotation_file(folder / name, batch).images] == names


def test_writing_it_again_after_a_crash_changes_nothing(tmp_path, batch_and_sources) -> None:
    batch, sources = batch_and_sources
    folder = tmp_path / 'run/batches/1'
    write_batch_folder(folder, batch, sources, 'coco')
    before = {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}
    (folder / 'images' / batch.images[0].file_name).unlink()
    (folder / 'manifest.json').unlink()
    write_batch_folder(folder, batch, sources, 'coco')
    assert {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()} == before


def test_what_is_left_of_another_batch_goes_and_other_files_stay(tmp_path, batch_and_sources) -> None:
    batch, sources = batch_and_sources
    images = tmp_path / 'run/batches/1/images'
    (images / 'sub').mkdir(parents=True)
    for name in ('b1-0001-01234567.jpg', 'mine.txt', 'b2-0001-01234567.jpg'):
        (images / name).write_text('mine')
    write_batch_folder(images.parent, batch, sources, 'coco')
    names = {path.name for path in images.iterdir()} - {image.file_name for image in batch.images}
    assert names == {'sub', 'mine.txt', 'b2-0001-01234567.jpg'}


def test_an_image_that_changed_is_refused_and_a_symbolic_link_is_followed(
    tmp_path, batch_and_sources
) -> None:
    batch, sources = batch_and_sources
    first = sources[batch.images[0].uid]
    real = first.rename(tmp_path / 'elsewhere.jpg')
    first.symlink_to(real)
    write_batch_folder(tmp_path / 'run/batches/1', batch, sources, 'coco')
    assert not (tmp_path / 'run/batches/1/images' / batch.images[0].file_name).is_symlink()
    first.unlink()
    first.write_bytes(b'another')
    with pytest.raises(ValueError, match='the image changed since the batch was made'):
        write_batch_folder(tmp_path / 'run/batches/2', batch, sources, 'coco')
    assert not (tmp_path / 'run/batches/2/manifest.json').exists()


def test_an_unknown_tool_is_refused_with_those_that_are_known(tmp_path, batch_and_sources) -> None:
    with pytest.raises(ValueError, match=r"'paint': choose one of \['coco', 'cvat', 'label-studio'\]"):
        write_tool_files(tmp_path, batch_and_sources[0], 'paint')


def test_images_keep_their_names_where_there_are_no_hard_links(
    tmp_path, batch_and_sources, monkeypatch
) -> None:
    import errno
    import os

    def refuse(*arguments: object) -> None:
        raise OSError(errno.EXDEV, 'another file system')

    monkeypatch.setattr(os, 'link', refuse)
    batch, sources = batch_and_sources
    write_batch_folder(tmp_path / 'run/batches/1', batch, sources, 'coco')
    for image in batch.images:
        assert hash_file(tmp_path / 'run/batches/1/images' / image.file_name)[1] == image.sha256
