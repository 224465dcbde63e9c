"""The real Label Studio: batches go there, a person labels, labels come back, a run trains on them."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdet_miaod.active.annotator import LabelsWanted
from mmdet_miaod.annotation.answers import compare
from mmdet_miaod.annotation.batch import Batch, BatchImage, batch_folder, image_uids, read_batch
from mmdet_miaod.annotation.folder import write_batch_folder
from mmdet_miaod.annotation.formats import read_annotation_file
from mmdet_miaod.annotation.importing import import_file, run_batches
from mmdet_miaod.annotation.label_studio_server import LabelStudioServer
from mmdet_miaod.annotation.labels import read_labels
from mmdet_miaod.annotation.run_server import fetch_exports, send_batches
from mmdet_miaod.annotation.statistics import count_labels
from mmdet_miaod.apis import RunOptions, train
from mmdet_miaod.run.file_record import hash_file
from tests.annotation import real_label_studio
from tests.annotation.batches import CLASSES, HEIGHT, WIDTH, random_boxes
from tests.photograph_run import make_photographs, photograph_config, region

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def executable(tmp_path_factory) -> Path:
    return real_label_studio.install(tmp_path_factory.mktemp('label_studio') / 'environment')


def _train(photographs: Path, folder: Path, **overrides) -> Path:
    run = folder / 'run'
    place = dict(resume=str(run)) if run.exists() else dict(run_name='run')
    # Weak boxes count: the model has hardly learned anything.
    overrides = dict(annotator__score_thr=0.0, annotator__max_boxes=3, **overrides)
    config = photograph_config(photographs, folder, **overrides)
    config.model.test_cfg.score_thr = 0.0
    return train(config, RunOptions(progress=False, report=False, **place))


def test_two_batches_through_the_real_thing(tmp_path, executable) -> None:
    photographs, labels = make_photographs(tmp_path, 30)
    sizes = dict(X_L_0_size=8, X_S_size=8, annotator__test_size=4)
    with pytest.raises(LabelsWanted):
        _train(photographs, tmp_path, **sizes)
    run = tmp_path / 'run'
    with real_label_studio.running(executable, tmp_path / 'studio', run / 'batches') as url:
        server = LabelStudioServer(url, real_label_studio.TOKEN)
        for _ in range(2):
            addresses = send_batches(run, [1, 2], server)
        assert len(set(addresses)) == 2
        for number, address in zip((1, 2), addresses):
            batch = read_batch(batch_folder(run, number))
            person = real_label_studio.Person(url, int(address.split('/')[-2]))
            tasks = person.tasks()
            assert [task['data']['uid'] for task in tasks] == [image.uid for image in batch.images]
            for image, task in zip(batch.images, tasks):
                assert (
                    person.picture(task)
                    == (batch_folder(run, number) / 'images' / image.file_name).read_bytes()
                )
                boxes = labels[image.sha256]
                person.submit(task, [region(batch, image, corners, name) for corners, name in boxes])
        for path in fetch_exports(run, server):
            import_file(run, path)
        for number in (1, 2):
            batch = read_batch(batch_folder(run, number))
            _, entry = _counts(run, number)
            assert entry.boxes == sum(len(labels[image.sha256]) for image in batch.images)
        with pytest.raises(LabelsWanted, match='Batch 3'):
            _train(photographs, tmp_path, **sizes)
        _label_in_every_way(run, url, server)
    assert _train(photographs, tmp_path, **sizes) == run
    assert len(np.load(run / 'X_L_1.npy')) == 8 + 6


def _counts(run: Path, number: int):
    batch = read_batch(batch_folder(run, number))
    return batch, count_labels(batch, read_labels(batch_folder(run, number), batch))


def _label_in_every_way(run: Path, url: str, server: LabelStudioServer) -> None:
    """Accept, move, delete and add boxes; nothing there, skipped, untouched, two annotators."""
    (address,) = send_batches(run, [3], server)
    batch = run_batches(run)[2]
    person = real_label_studio.Person(url, int(address.split('/')[-2]))
    tasks = person.tasks()
    proposed = [copy.deepcopy(task['predictions'][0]['result']) for task in tasks]
    assert all(len(boxes) == 3 for boxes in proposed)
    person.submit(tasks[0], proposed[0])
    proposed[1][0]['value'].update(x=0, y=0, width=50, height=50)
    person.submit(tasks[1], proposed[1])
    person.submit(tasks[2], proposed[2][1:])
    image = batch.images[3]
    added = region(batch, image, (0, image.height - 6, 6, image.height), batch.classes[0])
    person.submit(tasks[3], [*proposed[3], added])
    person.submit(tasks[4], [])
    person.submit(tasks[5], [], skip=True)
    person.submit(tasks[6], proposed[6])
    person.invite('colleague@example.com').submit(tasks[6], proposed[6][:1])
    (path,) = fetch_exports(run, server)
    (both,) = (task for task in json.loads(path.read_text()) if task['id'] == tasks[6]['id'])
    assert len({annotation['completed_by'] for annotation in both['annotations']}) == 2
    (done,) = import_file(run, path)
    assert any('several annotations' in remark for remark in done.answers.remarks)
    _, counts = _counts(run, 3)
    found = (
        counts.with_boxes,
        counts.empty,
        counts.skipped,
        counts.untouched,
        counts.missing,
        counts.conflicts,
    )
    assert found == (5, 1, 1, 1, 0, 1)
    assert counts.boxes == 3 + 3 + 2 + 4 + 1 and counts.minutes == pytest.approx(8 * 3 / 60)
    assert counts.proposed.kept >= 3 + 2 + 2 + 3 + 1 - 1
    assert import_file(run, path, accept_partial=True)[0].labels.is_complete(batch)


def test_a_batch_of_a_thousand_images(tmp_path, executable) -> None:
    (tmp_path / 'photos').mkdir()
    random, paths = np.random.default_rng(0), []
    for number in range(1000):
        paths.append(tmp_path / f'photos/{number}.jpg')
        Image.fromarray(random.integers(0, 255, (HEIGHT // 20, WIDTH // 20, 3), np.uint8)).resize(
            (WIDTH, HEIGHT)
        ).save(paths[-1])
    contents = [hash_file(path)[1] for path in paths]
    uids = image_uids('run', 1, contents)
    images = tuple(
        BatchImage(uid, i, f'{uid}.jpg', content, WIDTH, HEIGHT, None, random_boxes(random, 10))
        for i, (uid, content) in enumerate(zip(uids, contents))
    )
    batch = Batch(1, 'run', 0, 'train', 'f' * 64, CLASSES, images)
    folder = tmp_path / 'run/batches/1'
    write_batch_folder(folder, batch, dict(zip(uids, paths)), 'label-studio')
    with real_label_studio.running(executable, tmp_path / 'studio', folder.parent) as url:
        server = LabelStudioServer(url, real_label_studio.TOKEN)
        address = server.send(batch, folder)
        person = real_label_studio.Person(url, int(address.split('/')[-2]))
        for task in person.tasks():
            person.submit(task, task['predictions'][0]['result'])
        export = tmp_path / 'export.json'
        export.write_bytes(server.fetch(batch))
    answers = compare(batch, read_annotation_file(export, batch), 'export')
    for image in batch.images:
        expected = sorted((box.name, box.corners) for box in image.boxes)
        assert [(box.name, box.corners) for box in answers.by_uid[image.uid].boxes] == expected
