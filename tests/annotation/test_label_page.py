"""What the label page saves and how it is read back, and what it serves to whom."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from mmdet_miaod.annotation.answers import LabelBox, compare
from mmdet_miaod.annotation.batch import Batch
from mmdet_miaod.annotation.formats import read_annotation_file
from mmdet_miaod.annotation.found import ReviewState
from mmdet_miaod.annotation.label_page import FORMAT, PAGE_FILE, PageLabels
from mmdet_miaod.annotation.labels import ImportedFile, merge, no_labels, write_labels
from tests.annotation.batches import save_json
from tests.annotation.label_page_job import PROPOSED, write_page_batch

BOX = dict(name='nut', corners=[1, 2.125, 30, 40])


def entry(uid: str, state: str = 'reviewed', boxes: Any = (BOX,), seconds: Any = 6) -> dict[str, Any]:
    """What the page says about an image."""
    return dict(
        uid=uid, state=state, boxes=list(boxes) if isinstance(boxes, tuple) else boxes, seconds=seconds
    )


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / 'run/batches/2'


@pytest.fixture
def batch(folder) -> Batch:
    return write_page_batch(folder, 4)


def test_what_was_said_is_imported_as_it_was_said(folder, batch) -> None:
    page = PageLabels.open(folder)
    uids = [image.uid for image in batch.images]
    page.say(entry(uids[0]))
    page.say(entry(uids[1], boxes=()))
    page.say(entry(uids[2], 'skipped'))
    page.say(entry(uids[3], 'untouched'))
    found = read_annotation_file(folder / PAGE_FILE, batch)
    assert found.remarks == ('1 images have boxes, but "Done" was not pressed; they count as untouched',)
    answers = compare(batch, found, PAGE_FILE).by_uid
    assert [answers[uid].state.value for uid in uids] == ['reviewed', 'reviewed', 'skipped', 'untouched']
    assert answers[uids[0]].boxes == (LabelBox('nut', (1, 2.12, 30, 40)),)
    assert [answers[uid].boxes for uid in uids[1:]] == [(), (), ()]
    assert answers[uids[0]].seconds == 6
    again = PageLabels.open(folder)
    assert again.entries() == page.entries()


def test_images_that_nobody_opened_are_untouched(folder, batch) -> None:
    PageLabels.open(folder).say(entry(batch.images[1].uid))
    answers = compare(batch, read_annotation_file(folder / PAGE_FILE, batch), PAGE_FILE)
    assert not answers.missing
    assert answers.by_uid[batch.images[0].uid].state is ReviewState.UNTOUCHED


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(uid=5), 'has no uid'),
        (dict(uid='b9-0001-00000000'), 'are not of batch 2'),
        (dict(state='looked at'), "its state is 'looked at'"),
        (dict(boxes={}), 'no list'),
        (dict(boxes=[5]), 'is no box with a name'),
        (dict(boxes=[dict(name='nut', corners=[1, 2, 3])]), 'is no box with a name and four corners'),
        (dict(boxes=[dict(name='nut', corners=[1, 2, 3, 'x'])]), "is 'x': a number is needed"),
        (dict(boxes=[dict(name='nut', corners=[1, 2, 3, float('inf')])]), 'a number is needed'),
        (dict(boxes=[dict(name='Nut', corners=[1, 2, 3, 4])]), "'Nut' is no class of the run"),
        (dict(boxes=[dict(name='nut', corners=[9, 9, 9, 20])]), 'none of its 1 boxes has an area'),
        (dict(seconds='long'), "seconds is 'long'"),
    ],
)
def test_what_cannot_be_used_is_refused_and_changes_nothing(folder, batch, changes, message) -> None:
    page = PageLabels.open(folder)
    page.say(entry(batch.images[0].uid))
    before = (folder / PAGE_FILE).read_bytes()
    with pytest.raises(ValueError, match=message):
        page.say({**entry(batch.images[0].uid), **changes})
    assert (folder / PAGE_FILE).read_bytes() == before
    assert page.entries() == PageLabels.open(folder).entries()


@pytest.mark.parametrize(
    'content, message',
    [
        (dict(format='mmdet_miaod label page 9', images=[]), 'is no file of the label page'),
        (dict(format=FORMAT), 'is no file of the label page'),
        (dict(format=FORMAT, images=['x']), 'has no uid'),
    ],
)
def test_files_of_the_page_that_were_damaged_are_refused(folder, batch, content, message) -> None:
    with pytest.raises(ValueError, match=message):
        read_annotation_file(save_json(folder / PAGE_FILE, content), batch)
    with pytest.raises(ValueError, match=r'has no uid|is no file of the label page'):
        PageLabels.open(folder)


def test_the_page_takes_up_what_another_tool_said_since(folder, batch) -> None:
    page = PageLabels.open(folder)
    first, second = (image.uid for image in batch.images[:2])
    page.say(entry(first))
    page.say(entry(second, 'skipped'))
    file = ImportedFile('other.json', '0' * 64, 'COCO')
    path = shutil.copy(folder / PAGE_FILE, folder / 'other.json')
    answers = compare(batch, read_annotation_file(path, batch), path)
    answers.by_uid[first] = answers.by_uid[second]
    write_labels(folder, merge(batch, no_labels(batch), answers, file)[0])
    os.utime(folder / PAGE_FILE, (1, 1))
    assert [said['state'] for said in PageLabels.open(folder).entries()[:2]] == ['skipped', 'skipped']


@pytest.fixture
def client(folder, batch) -> Client:
    pytest.importorskip('jupyter_bbox_widget', reason='the extra "label" is not installed')
    from mmdet_miaod.annotation.label_page_server import LabelPage

    page = LabelPage([PageLabels.open(folder)], lambda: None)
    client = Client(page)
    client.token = page.token
    client.page = page
    return client


def ask(client: Client, path: str, method: str = 'GET', **more: Any) -> TestResponse:
    """Ask for a path below the page's address."""
    return client.open(f'/{client.token}/{path}', 'http://127.0.0.1:8000', method=method, **more)


def test_the_page_its_parts_and_the_images_are_served(client, folder, batch) -> None:
    for name, kind in (('', 'html'), ('label_page.js', 'javascript'), ('widget.js', 'javascript')):
        answer = ask(client, name)
        assert answer.status_code == 200 and kind in answer.mimetype
        assert answer.headers['Referrer-Policy'] == 'no-referrer'
        assert "default-src 'none'" in answer.headers['Content-Security-Policy']
    image = batch.images[0]
    answer = ask(client, f'images/{image.uid}')
    assert answer.data == (folder / 'images' / image.file_name).read_bytes()
    assert answer.mimetype == 'image/jpeg'
    listed = ask(client, 'images.json').json
    assert listed['images'][0]['proposed'] == [dict(name='bolt', corners=list(PROPOSED.corners))]
    assert [listed['images'][0][key] for key in ('width', 'height', 'begun')] == [320, 200, False]


@pytest.mark.parametrize(
    'path',
    [
        'images/../manifest.json', 'images/%2e%2e/manifest.json', 'images/..%2fmanifest.json', '../',
        'images/', 'images', 'manifest.json', 'label_page.py', 'images//etc/passwd', '%2fetc%2fpasswd',
        'images/b2-0001', 'labels',
    ],
)  # fmt: skip
def test_nothing_else_is_served(client, path) -> None:
    assert ask(client, path).status_code == 404


@pytest.mark.parametrize('path', ['/', '/wrong/', '//', '/{token}x/', '/{token}', '/images.json'])
def test_there_is_nothing_without_the_token(client, path) -> None:
    path = path.format(token=client.token[:-1])
    assert client.get(path, 'http://127.0.0.1:8000').status_code == 404


def test_a_link_to_a_file_elsewhere_is_not_followed(client, folder, batch, tmp_path) -> None:
    secret = tmp_path / 'secret.jpg'
    secret.write_bytes(b'secret')
    path = folder / 'images' / batch.images[0].file_name
    path.unlink()
    assert ask(client, f'images/{batch.images[0].uid}').status_code == 404
    os.mkfifo(path)
    assert ask(client, f'images/{batch.images[0].uid}').status_code == 404
    path.unlink()
    path.symlink_to(secret)
    answer = ask(client, f'images/{batch.images[0].uid}')
    assert answer.status_code == 404 and b'secret' not in answer.data


@pytest.mark.parametrize(
    'host', ['evil.example', 'evil.example:8000', '127.0.0.1.evil.example', '', '0.0.0.0']
)
def test_pages_elsewhere_whose_name_was_pointed_here_get_nothing(client, host) -> None:
    answer = ask(client, 'images.json', headers={'Host': host})
    assert answer.status_code == 400 and b'images' not in answer.data


@pytest.mark.parametrize('host', ['127.0.0.1:1', 'localhost:8888', 'localhost'])
def test_browsers_of_this_machine_and_tunnels_to_it_are_let_in(client, host) -> None:
    assert ask(client, 'images.json', headers={'Host': host}).status_code == 200


def test_what_is_said_is_saved_and_mistakes_are_answered_in_a_sentence(client, folder, batch) -> None:
    said = entry(batch.images[0].uid)
    assert ask(client, 'labels', 'POST', json=said).status_code == 200
    saved = json.loads((folder / PAGE_FILE).read_text())
    assert saved['images'][0]['state'] == 'reviewed'
    for wrong in (
        {**said, 'uid': 'b1-0001'},
        {**said, 'boxes': [dict(name='x', corners=[0, 0, 9, 9])]},
        {**said, 'boxes': [[]] * 3},
        [1],
        5,
    ):
        answer = ask(client, 'labels', 'POST', json=wrong)
        assert answer.status_code == 400 and answer.text
    for raw in (b'', b'{', b'[' * 100_000, b'\xff', b'{"uid": NaN}'):
        assert ask(client, 'labels', 'POST', data=raw).status_code == 400
    assert ask(client, 'labels', 'POST', data=b' ' * (5 << 20)).status_code == 413
    assert json.loads((folder / PAGE_FILE).read_text()) == saved


def test_a_command_that_has_ended_takes_nothing_more(client, folder, batch) -> None:
    client.page.close()
    assert ask(client, 'labels', 'POST', json=entry(batch.images[0].uid)).status_code == 410
    assert not (folder / PAGE_FILE).exists()
