"""Runs of photographs that people label, batch by batch."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmdet_miaod.active.annotator import LabelsWanted
from mmdet_miaod.annotation.batch import batch_folder, read_batch
from mmdet_miaod.annotation.importing import import_file
from mmdet_miaod.apis import RunOptions, train
from mmdet_miaod.run.manifest import RunState
from tests.photograph_run import label_as_person, make_photographs, photograph_config


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    return make_photographs(tmp_path_factory.mktemp('photos'))


OPTIONS = RunOptions(run_name='run', progress=False, report=False)


def _begin(photographs: Path, folder: Path, **overrides) -> Path:
    with pytest.raises(LabelsWanted):
        train(photograph_config(photographs, folder, **overrides), OPTIONS)
    return folder / 'run'


def _resume(photographs: Path, folder: Path, **overrides) -> Path:
    options = replace(OPTIONS, run_name=None, resume=str(folder / 'run'))
    return train(photograph_config(photographs, folder, **overrides), options)


def _run_to_the_end(photographs: Path, labels: dict, folder: Path, **overrides) -> Path:
    run = _begin(photographs, folder, **overrides)
    for _ in range(5):
        for number in _open_batches(run):
            import_file(run, label_as_person(run, number, labels))
        try:
            return _resume(photographs, folder, **overrides)
        except LabelsWanted:
            pass
    raise AssertionError('the run wants labels for ever')


def _open_batches(run: Path) -> list[int]:
    state = RunState.load(run)
    taken = {step.number for step in state.of_kind('labels')}
    return [int(path.name) for path in sorted((run / 'batches').iterdir()) if int(path.name) not in taken]


def test_a_run_from_photographs_to_the_last_cycle(tmp_path, drawn) -> None:
    photographs, labels = drawn
    run = _run_to_the_end(photographs, labels, tmp_path, annotator__test_size=5)
    metrics = json.loads((run / 'metrics.json').read_text())
    assert [entry['labeled'] for entry in metrics] == [4, 7]
    assert all(isinstance(entry['mAP'], float) for entry in metrics)
    purposes = [read_batch(batch_folder(run, number)).purpose for number in (1, 2, 3)]
    assert purposes == ['test', 'train', 'train']
    tested = {image.index for image in read_batch(batch_folder(run, 1)).images}
    for cycle in (0, 1):
        for letter in 'LU':
            assert not tested & set(np.load(run / f'X_{letter}_{cycle}.npy').tolist())
    proposed = read_batch(batch_folder(run, 3))
    assert proposed.model_sha256 == RunState.load(run).find('model', 0).files['cycle0/model.pth'][1]
    scores = [image.acquisition for image in proposed.images]
    assert scores == sorted(scores, reverse=True)


def test_without_a_test_set_a_run_trains_and_selects_and_evaluates_nothing(tmp_path, drawn) -> None:
    photographs, labels = drawn
    run = _run_to_the_end(photographs, labels, tmp_path, annotator__first='coreset')
    metrics = json.loads((run / 'metrics.json').read_text())
    assert [(entry['mAP'], entry['labeled']) for entry in metrics] == [(None, 4), (None, 7)]
    assert metrics[0]['boxes'] > 0


def test_the_first_coreset_is_diverse_and_repeatable(tmp_path, drawn) -> None:
    photographs, _ = drawn
    chosen = []
    for name in 'ab':
        run = _begin(photographs, tmp_path / name, annotator__first='coreset', include=['one/000004.jpg'])
        chosen.append([image.index for image in read_batch(batch_folder(run, 1)).images])
    assert chosen[0] == chosen[1] and len(set(chosen[0])) == 4
    assert (run / 'images.json').exists()
    names = json.loads((run / 'images.json').read_text())['names']
    assert names.index('one/000004.jpg') in chosen[0]


def test_a_run_waits_until_its_batch_is_imported_and_keeps_the_batch(tmp_path, drawn) -> None:
    photographs, labels = drawn
    run = _begin(photographs, tmp_path)
    before = {path: path.read_bytes() for path in (run / 'batches').rglob('*') if path.is_file()}
    with pytest.raises(
        LabelsWanted, match=r'Batch 1: 4 images wait for labels \(4 of them undecided\)'
    ) as wanted:
        _resume(photographs, tmp_path)
    assert wanted.value.directory == run and wanted.value.batches == (1,)
    export = label_as_person(run, 1, labels, lambda i, boxes: 'leave' if i == 2 else boxes)
    import_file(run, export)
    with pytest.raises(LabelsWanted, match=r'1 of them undecided'):
        _resume(photographs, tmp_path)
    assert {path: path.read_bytes() for path in before} == before


def test_what_was_not_reviewed_returns_to_the_pool_and_what_was_skipped_does_not(tmp_path, drawn) -> None:
    photographs, labels = drawn
    run = _begin(photographs, tmp_path)
    decide = {0: 'leave', 1: None}
    export = label_as_person(run, 1, labels, lambda i, boxes: decide.get(i, boxes))
    import_file(run, export, accept_partial=True)
    left, skipped, *labeled = [image.index for image in read_batch(batch_folder(run, 1)).images]
    with pytest.raises(LabelsWanted):
        _resume(photographs, tmp_path)
    assert np.load(run / 'X_L_0.npy').tolist() == sorted(labeled)
    unlabeled = np.load(run / 'X_U_0.npy').tolist()
    assert len(unlabeled) == 2 and skipped not in unlabeled
    scores = np.load(run / 'cycle0/scores.npy')
    assert np.isnan(scores[[skipped, *labeled]]).all() and np.isfinite(scores[left])


def test_reviewed_images_without_objects_are_negatives(tmp_path, drawn) -> None:
    photographs, labels = drawn
    run = _begin(photographs, tmp_path)
    images = read_batch(batch_folder(run, 1)).images
    first = next(i for i, image in enumerate(images) if labels[image.sha256])
    import_file(run, label_as_person(run, 1, labels, lambda i, boxes: boxes if i == first else []))
    with pytest.raises(LabelsWanted):
        _resume(photographs, tmp_path)
    (entry,) = json.loads((run / 'metrics.json').read_text())
    assert (entry['labeled'], entry['boxes']) == (4, len(labels[images[first].sha256]))


def test_a_first_batch_without_any_object_is_followed_by_another(tmp_path, drawn) -> None:
    photographs, labels = drawn
    run = _begin(photographs, tmp_path)
    import_file(run, label_as_person(run, 1, labels, lambda i, boxes: []))
    with pytest.raises(LabelsWanted, match='Batch 2: 4 images'):
        _resume(photographs, tmp_path)
    asked = [{image.index for image in read_batch(batch_folder(run, number)).images} for number in (1, 2)]
    assert not asked[0] & asked[1]
    import_file(run, label_as_person(run, 2, labels))
    with pytest.raises(LabelsWanted, match='Batch 3: 3 images'):
        _resume(photographs, tmp_path)
    assert set(np.load(run / 'X_L_0.npy').tolist()) == asked[0] | asked[1]


def test_labels_may_change_until_the_run_has_trained_on_them(tmp_path, drawn) -> None:
    photographs, labels = drawn
    run = _begin(photographs, tmp_path)
    import_file(run, label_as_person(run, 1, labels))
    export = label_as_person(run, 1, labels, lambda i, boxes: boxes[:1])
    (done,) = import_file(run, export)
    assert done.changes
    with pytest.raises(LabelsWanted):
        _resume(photographs, tmp_path)
    assert import_file(run, export)[0].labels == done.labels
    other = label_as_person(run, 1, labels, lambda i, boxes: [])
    with pytest.raises(ValueError, match='the run has trained on the labels of batch 1 already'):
        import_file(run, other)


def test_lost_labels_are_mended_by_the_same_import(tmp_path, drawn) -> None:
    photographs, labels = drawn
    run = _begin(photographs, tmp_path)
    export = label_as_person(run, 1, labels)
    import_file(run, export)
    with pytest.raises(LabelsWanted):
        _resume(photographs, tmp_path)
    path = run / 'batches/1/imported.json'
    content = path.read_bytes()
    for damage in (lambda: path.write_bytes(content[:100]), path.unlink):
        damage()
        with pytest.raises(ValueError, match='import the same files into the run again'):
            _resume(photographs, tmp_path)
        import_file(run, export)
        assert path.read_bytes() == content
    with pytest.raises(LabelsWanted, match='Batch 2'):
        _resume(photographs, tmp_path)


def test_a_run_that_was_renamed_writes_a_lost_batch_again_as_it_was(tmp_path, drawn) -> None:
    photographs, labels = drawn
    run = _begin(photographs, tmp_path)
    before = read_batch(batch_folder(run, 1))
    export = label_as_person(run, 1, labels)
    renamed = run.rename(tmp_path / 'other')
    (batch_folder(renamed, 1) / 'manifest.json').unlink()
    options = replace(OPTIONS, run_name=None, resume=str(renamed))
    with pytest.raises(LabelsWanted):
        train(photograph_config(photographs, tmp_path), options)
    assert read_batch(batch_folder(renamed, 1)).images == before.images
    (done,) = import_file(renamed, export)
    assert done.labels.is_complete(done.batch)


def test_runs_of_one_name_have_other_batches_where_their_classes_differ(tmp_path, drawn) -> None:
    photographs, _ = drawn
    runs = [
        _begin(photographs, tmp_path / 'one'),
        _begin(photographs, tmp_path / 'two', classes=['disc', 'square', 'star']),
    ]
    names = [{image.uid for image in read_batch(batch_folder(run, 1)).images} for run in runs]
    assert not names[0] & names[1]


def test_photographs_that_are_added_later_join_at_the_end(tmp_path) -> None:
    photographs, labels = make_photographs(tmp_path)
    run = _begin(photographs, tmp_path, annotator__test_size=3)
    more, more_labels = make_photographs(tmp_path / 'more', 30)
    names = json.loads((run / 'images.json').read_text())['names']
    (photographs / 'another').mkdir()
    for path in sorted(more.rglob('*.jpg')):
        if more_labels.keys() - labels.keys():
            shutil.copy(path, photographs / 'another' / f'0{path.name}')
    labels = {**labels, **more_labels}
    for number in (1, 2):
        import_file(run, label_as_person(run, number, labels))
    with pytest.raises(LabelsWanted, match='Batch 3'):
        _resume(photographs, tmp_path, annotator__test_size=3)
    now = json.loads((run / 'images.json').read_text())
    assert now['names'][: len(names)] == names and len(now['names']) == len(names) + 30
    assert now['begun_with'] == len(names)
    import_file(run, label_as_person(run, 3, labels))
    _resume(photographs, tmp_path, annotator__test_size=3)
    assert json.loads((run / 'metrics.json').read_text())[1]['labeled'] == 7


def test_a_photograph_that_is_gone_is_named(tmp_path) -> None:
    photographs, _ = make_photographs(tmp_path)
    _begin(photographs, tmp_path)
    (photographs / 'one/000004.jpg').unlink()
    with pytest.raises(FileNotFoundError, match=r'one/000004.jpg'):
        _resume(photographs, tmp_path)


def test_copies_are_told(tmp_path, caplog) -> None:
    photographs, _ = make_photographs(tmp_path)
    shutil.copy(photographs / 'one/000004.jpg', photographs / 'one/copy.jpg')
    _begin(photographs, tmp_path)
    assert '1 photographs are copies of others, to the bit: one/copy.jpg = one/000004.jpg' in caplog.text


@pytest.mark.parametrize(
    'overrides, message',
    [
        (dict(annotator__test_size=24), 'annotator.test_size is 24, but there are 24 images'),
        (dict(annotator__tool='paint'), "annotator.tool is 'paint'"),
        (dict(annotator__first='best'), "annotator.first is 'best'"),
        (dict(annotator__wait=1), "annotator has \\['wait'\\]"),
        (dict(annotator__type='oracle'), "annotator.type is 'oracle'"),
        (dict(annotator__score_thr='high'), "annotator.score_thr is 'high'"),
        (dict(annotator=dict(_delete_=True, type='simulated')), 'people label a PersonLabeledDataset'),
        (dict(budget=dict(unit='box', size=9)), 'people label whole batches of images'),
        (dict(photographs='no/such'), 'no such folder of photographs'),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path, drawn, overrides, message) -> None:
    photographs = overrides.get('photographs', drawn[0])
    overrides = {key: value for key, value in overrides.items() if key != 'photographs'}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        train(photograph_config(photographs, tmp_path, **overrides), OPTIONS)
    assert not (tmp_path / 'run').exists()


def test_a_pool_of_photographs_as_their_pixels_lie_is_refused(tmp_path, drawn) -> None:
    names = [path.relative_to(drawn[0]).with_suffix('').as_posix() for path in drawn[0].rglob('*.jpg')]
    (tmp_path / 'names.txt').write_text('\n'.join(names))
    places = dict(ann_file=str(tmp_path / 'names.txt'), img_prefix=f'{drawn[0]}/', img_subdir='.')
    pipelines = dict(pipeline='${unlabeled_pipeline}', score_pipeline='${test_pipeline}')
    pool = dict(type='ImagePoolDataset', **places, **pipelines)
    _begin(drawn[0], tmp_path, data__pool=dict(pool, _delete_=True))
    pool = dict(pool, exif='ignore', _delete_=True)
    with pytest.raises(ValueError, match="data.pool has exif='ignore', but people see"):
        train(photograph_config(drawn[0], tmp_path, data__pool=pool), OPTIONS)
