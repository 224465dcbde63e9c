"""A CVAT server by CVAT's own client: what is made there, once, whatever fails. No live server was tried."""

from __future__ import annotations

import contextlib
from xml.etree.ElementTree import fromstring

import pytest

from mmdet_miaod.annotation import cvat
from mmdet_miaod.annotation.cvat_server import PASSWORD_VARIABLE, TOKEN_VARIABLE, USER_VARIABLE, CvatServer
from mmdet_miaod.annotation.run_server import find_server
from tests.annotation.batches import CLASSES, make_batch
from tests.annotation.cvat_stub import TOKEN, cvat_stub

pytest.importorskip('cvat_sdk', reason="CVAT's client is not installed (requirements/cvat.txt)")


@pytest.fixture
def stub_and_url():
    with cvat_stub() as found:
        yield found


@pytest.fixture
def batch():
    return make_batch()


@pytest.fixture
def folder(tmp_path, batch):
    (tmp_path / 'batches/2/images').mkdir(parents=True)
    for image in batch.images:
        (tmp_path / 'batches/2/images' / image.file_name).write_bytes(b'an image')
    return tmp_path / 'batches/2'


def _check_made(stub, batch) -> None:
    (project,), (task,) = stub.projects.values(), stub.tasks.values()
    assert [label['name'] for label in project['labels']] == [*CLASSES, 'reviewed', 'skipped']
    assert task['name'] == project['name'] == f'run {batch.images[0].uid}'
    assert task['project_id'] == project['id']
    assert task['images'] == [image.file_name for image in batch.images]
    assert task['annotations'] == cvat.write_annotations(batch)


def test_project_task_and_proposed_boxes_are_made_and_nothing_twice(stub_and_url, folder, batch) -> None:
    stub, url = stub_and_url
    for _ in range(2):
        assert CvatServer(url, TOKEN, pause=0.01).send(batch, folder) == f'{url}/tasks/2'
    _check_made(stub, batch)


def test_a_batch_without_boxes_gets_none(stub_and_url, folder) -> None:
    stub, url = stub_and_url
    batch = make_batch(boxes=0)
    for image in batch.images:
        (folder / 'images' / image.file_name).write_bytes(b'an image')
    CvatServer(url, TOKEN, pause=0.01).send(batch, folder)
    assert stub.tasks[2]['annotations'] is None


@pytest.mark.parametrize('fault', ['lost', 'busy'])
def test_whatever_request_fails_everything_is_made_once(fault, tmp_path, folder, batch) -> None:
    number = 1
    while True:
        with cvat_stub() as (stub, url):
            stub.faults = {number: fault}
            CvatServer(url, TOKEN, pause=0.001).send(batch, folder)
            _check_made(stub, batch)
            if stub.changes < number:
                break
        number += 1
    assert number > 8


def test_a_kill_at_any_request_leaves_nothing_that_is_made_twice(folder, batch) -> None:
    number = 1
    while True:
        with cvat_stub() as (stub, url):
            stub.faults = {number: 'refused'}
            with contextlib.suppress(ValueError):
                CvatServer(url, TOKEN, pause=0.001).send(batch, folder)
                break
            CvatServer(url, TOKEN, pause=0.001).send(batch, folder)
            _check_made(stub, batch)
        number += 1
    assert number > 8


def test_the_boxes_of_people_are_never_replaced(stub_and_url, folder, batch) -> None:
    stub, url = stub_and_url
    server = CvatServer(url, TOKEN, pause=0.01)
    server.send(batch, folder)
    stub.tasks[2]['annotations'] = b'of people'
    server.send(batch, folder)
    assert stub.tasks[2]['annotations'] == b'of people'


def test_images_of_completed_jobs_are_reviewed(stub_and_url, folder, batch) -> None:
    stub, url = stub_and_url
    server = CvatServer(url, TOKEN, pause=0.01)
    with pytest.raises(ValueError, match='has no task of batch 2; send it there first'):
        server.fetch(batch)
    server.send(batch, folder)
    stub.export, stub.jobs = cvat.write_annotations(batch), [('completed', 0, 1), ('in progress', 2, 2)]
    found = cvat.read_annotations(fromstring(server.fetch(batch)))
    assert [image.state and image.state.value for image in found.images] == ['reviewed', 'reviewed', None]


def test_a_server_that_stays_broken_is_an_error(stub_and_url, folder, batch) -> None:
    stub, url = stub_and_url
    stub.faults = dict.fromkeys(range(99), 'busy')
    with pytest.raises(ConnectionError, match='answers with 503'):
        CvatServer(url, TOKEN, pause=0.001).send(batch, folder)


def test_a_wrong_token_is_an_error_that_does_not_tell_it(stub_and_url, folder, batch) -> None:
    _, url = stub_and_url
    with pytest.raises(ValueError, match='refuses the token') as error:
        CvatServer(url, 'bbbb', pause=0.01).send(batch, folder)
    assert 'bbbb' not in str(error.value)


def test_a_server_that_is_not_there_is_an_error(folder, batch) -> None:
    with pytest.raises(ConnectionError, match='cannot be reached'):
        CvatServer('http://127.0.0.1:9', TOKEN, pause=0.001).send(batch, folder)


def test_who_we_are_is_in_the_environment(stub_and_url, folder, batch, monkeypatch) -> None:
    stub, url = stub_and_url
    for name in (TOKEN_VARIABLE, USER_VARIABLE, PASSWORD_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(USER_VARIABLE, 'person')
    with pytest.raises(ValueError, match=f'{TOKEN_VARIABLE} is not set'):
        find_server(url)
    monkeypatch.setenv(PASSWORD_VARIABLE, 'wrong')
    with pytest.raises(ValueError, match='answers with 400') as error:
        find_server(url)
    assert 'wrong' not in str(error.value)
    monkeypatch.setenv(PASSWORD_VARIABLE, TOKEN)
    find_server(url).send(batch, folder)
    _check_made(stub, batch)
    monkeypatch.setenv(TOKEN_VARIABLE, 'bbbb')
    with pytest.raises(ValueError, match='refuses the token'):
        find_server(url).send(batch, folder)
