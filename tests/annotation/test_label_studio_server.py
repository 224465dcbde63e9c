"""A Label Studio server: what is made there, once, whatever fails."""

from __future__ import annotations

import pytest

from mmdet_miaod.annotation.label_studio_server import TOKEN_VARIABLE, LabelStudioServer
from tests.annotation.batches import accepted_tasks, make_batch
from tests.annotation.label_studio_stub import TOKEN, label_studio_stub


@pytest.fixture
def stub_and_url():
    with label_studio_stub() as found:
        yield found


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'batches/2/images').mkdir(parents=True)
    return tmp_path / 'batches/2'


def test_project_storage_and_tasks_are_made_and_nothing_twice(stub_and_url, folder) -> None:
    stub, url = stub_and_url
    batch = make_batch(430, 1)
    server = LabelStudioServer(url, TOKEN, pause=0.01)
    for _ in range(2):
        assert server.send(batch, folder) == f'{url}/projects/1/data'
    assert len(stub.projects) == len(stub.storages) == 1 and len(stub.tasks) == 430
    assert 3 <= len(stub.projects[0]['title']) <= 50
    assert stub.storages[0]['path'] == str(folder / 'images')
    assert stub.tasks[0]['data']['image'] == f'/data/local-files/?d=2/images/{batch.images[0].file_name}'
    assert [task['data']['uid'] for task in stub.tasks] == [image.uid for image in batch.images]
    assert not any('sync' in path for _, path in stub.requests)


@pytest.mark.parametrize(
    'faults', [['lost'] * 3, ['busy'] * 3, ['lost', 'busy', 'lost', 'lost', 'busy', 'lost']]
)
def test_requests_that_fail_are_tried_again_and_make_nothing_twice(stub_and_url, folder, faults) -> None:
    stub, url = stub_and_url
    stub.faults = list(faults)
    batch = make_batch(250, 1)
    LabelStudioServer(url, TOKEN, pause=0.01).send(batch, folder)
    assert len(stub.projects) == len(stub.storages) == 1
    assert sorted(task['data']['uid'] for task in stub.tasks) == [image.uid for image in batch.images]


def test_a_kill_at_any_request_leaves_nothing_that_is_made_twice(folder) -> None:
    batch, number = make_batch(250, 1), 1
    while True:
        with label_studio_stub() as (stub, url):
            stub.kill_at = number
            try:
                LabelStudioServer(url, TOKEN, pause=0.001).send(batch, folder)
                break
            except ValueError:  # as good as a kill: nothing follows
                LabelStudioServer(url, TOKEN, pause=0.001).send(batch, folder)
            assert len(stub.projects) == len(stub.storages) == 1
            assert sorted(task['data']['uid'] for task in stub.tasks) == [image.uid for image in batch.images]
        number += 1
    assert number > 8


def test_a_server_that_stays_broken_is_an_error(stub_and_url, folder) -> None:
    stub, url = stub_and_url
    stub.faults = ['busy'] * 99
    with pytest.raises(ConnectionError, match='answers with 503'):
        LabelStudioServer(url, TOKEN, pause=0.01).send(make_batch(), folder)


def test_an_export_is_fetched_whole(stub_and_url, folder) -> None:
    stub, url = stub_and_url
    batch = make_batch()
    stub.export = b' ' * 3_000_000 + b'[]'
    server = LabelStudioServer(url, TOKEN, pause=0.01)
    with pytest.raises(ValueError, match='has no project of batch 2; send it there first'):
        server.fetch(batch)
    server.send(batch, folder)
    assert server.fetch(batch) == stub.export
    stub.export = accepted_tasks(batch)
    assert b'rectanglelabels' in server.fetch(batch)


def test_a_personal_access_token_gives_short_lived_ones(stub_and_url, folder) -> None:
    stub, url = stub_and_url
    stub.authorization = 'Bearer short'
    LabelStudioServer(url, 'head.claims.signature', pause=0.01).send(make_batch(), folder)
    assert len(stub.tasks) == 3


def test_a_wrong_token_is_an_error_that_does_not_tell_it(stub_and_url, folder) -> None:
    _, url = stub_and_url
    with pytest.raises(ValueError, match=f'refuses the token of {TOKEN_VARIABLE}') as error:
        LabelStudioServer(url, 'b' * 40, pause=0.01).send(make_batch(), folder)
    assert 'bbbb' not in str(error.value)


def test_the_token_is_from_the_environment(monkeypatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with pytest.raises(ValueError, match=f'{TOKEN_VARIABLE} is not set'):
        LabelStudioServer.from_environment('http://localhost:8080')


@pytest.mark.parametrize(
    'url', ['localhost:8080', 'ftp://a', 'http://user:secret@host', 'http://a b', 'http://']
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match='is no address of a server'):
        LabelStudioServer(url, TOKEN)


def test_a_server_that_is_not_there_is_an_error(folder) -> None:
    with pytest.raises(ConnectionError, match='cannot be reached'):
        LabelStudioServer('http://127.0.0.1:9', TOKEN, pause=0.01).send(make_batch(), folder)


def test_a_server_that_is_none_is_an_error(stub_and_url, folder, monkeypatch) -> None:
    stub, url = stub_and_url
    monkeypatch.setattr(stub, 'answer', lambda *arguments: (200, b'<html>'))
    with pytest.raises(ValueError, match='is it Label Studio'):
        LabelStudioServer(url, TOKEN, pause=0.01).send(make_batch(), folder)


def test_images_have_to_be_below_the_document_root(stub_and_url, folder, tmp_path) -> None:
    _, url = stub_and_url
    for root in (tmp_path / 'elsewhere', folder / 'images'):
        with pytest.raises(ValueError, match='is not below the document root'):
            LabelStudioServer(url, TOKEN, document_root=root).send(make_batch(), folder)
