"""Seven cycles end to end, and every way to go on from them."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.runner import RUNNERS

from mmdet_miaod.apis import StartingPoint, preflight, run_report
from mmdet_miaod.apis.data import unread_validation
from mmdet_miaod.apis.settings import load_settings
from mmdet_miaod.datasets.builder import build_dataset
from mmdet_miaod.engine import stage_checks
from mmdet_miaod.engine.detector import build_model
from mmdet_miaod.engine.runner import AlternatingEpochRunner
from mmdet_miaod.run.manifest import RunState
from tests.tiny_run import (
    CLASSES,
    NUM_TRAIN,
    assert_equal_weights,
    draw_tiny_data,
    load_weights,
    stopped_after,
    tiny_config,
    tiny_train,
)

SEVEN = list(range(7))
# 4 labeled images, 3 more in each cycle, of 24.
SIZES = [4 + 3 * cycle for cycle in SEVEN]
REPEATABLE = dict(deterministic=True)
BRIEF = [dict(name='label', labeled_losses=['loss_cls', 'loss_mil'])]


@pytest.fixture(scope='module')
def seven(tiny_data, tmp_path_factory) -> Path:
    """The run directory of all seven cycles."""
    return tiny_train(tiny_data, tmp_path_factory.mktemp('seven'), options=REPEATABLE, cycles=SEVEN)


def assert_same_cycles(run: Path, other: Path, cycles: list[int]) -> None:
    """Splits, weights and metrics are equal to the bit; scores too, but for the last cycle's."""
    for cycle in cycles:
        for name in (f'X_L_{cycle}.npy', f'X_U_{cycle}.npy'):
            assert (run / name).read_bytes() == (other / name).read_bytes()
        assert_equal_weights(run / f'cycle{cycle}/model.pth', other / f'cycle{cycle}/model.pth')
        if cycle != cycles[-1]:
            scores = f'cycle{cycle}/scores.npy'
            assert (run / scores).read_bytes() == (other / scores).read_bytes()
    for ours, theirs in zip(*(results_of(path, cycles) for path in (run, other)), strict=True):
        assert ours == theirs


def results_of(run: Path, cycles: list[int]) -> list[dict]:
    entries = json.loads((run / 'metrics.json').read_text())
    return [{**entry, 'seconds': None} for entry in entries if entry['cycle'] in cycles]


def log_text(run: Path) -> str:
    return ''.join(path.read_text() for path in sorted(run.glob('*.log')))


def test_splits_are_ascending_integers_that_grow_by_the_query(seven) -> None:
    before = np.empty(0, dtype=np.int64)
    for cycle, size in zip(SEVEN, SIZES, strict=True):
        for letter in 'LU':
            indices = np.load(seven / f'X_{letter}_{cycle}.npy')
            assert indices.dtype == np.int64
            assert len(indices) == size
            assert (np.diff(indices) > 0).all()
            assert indices[0] >= 0 and indices[-1] < NUM_TRAIN
        labeled = np.load(seven / f'X_L_{cycle}.npy')
        assert np.isin(before, labeled).all()
        before = labeled
    assert not list(seven.glob('X_?_7.npy'))


def test_lists_of_names_agree_with_the_splits(seven, tiny_data) -> None:
    pool = (tiny_data / 'VOC2007/ImageSets/Main/trainval.txt').read_text().split()
    for cycle in SEVEN:
        for letter in 'LU':
            names = (seven / f'cycle{cycle}/trainval_{letter}_07.txt').read_text().splitlines()
            assert names == [pool[i] for i in np.load(seven / f'X_{letter}_{cycle}.npy')]


def test_scores_are_of_the_unlabeled_images_and_choose_the_next_ones(seven) -> None:
    for cycle in SEVEN[:-1]:
        scores = np.load(seven / f'cycle{cycle}/scores.npy')
        labeled, following = (np.load(seven / f'X_L_{number}.npy') for number in (cycle, cycle + 1))
        assert scores.dtype == np.float32
        assert scores.shape == (NUM_TRAIN,)
        assert np.flatnonzero(np.isnan(scores)).tolist() == labeled.tolist()
        candidates = np.setdiff1d(np.arange(NUM_TRAIN), labeled)
        best = candidates[np.argsort(scores[candidates], kind='stable')[-3:]]
        assert np.setdiff1d(following, labeled).tolist() == sorted(best)
    assert not (seven / 'cycle6/scores.npy').exists()


def test_metrics_tell_of_every_cycle(seven) -> None:
    entries = json.loads((seven / 'metrics.json').read_text())
    assert [entry['cycle'] for entry in entries] == SEVEN
    assert [entry['labeled'] for entry in entries] == SIZES
    for entry in entries:
        assert list(entry['AP']) == list(CLASSES)
        known = [value for value in entry['AP'].values() if value is not None]
        assert entry['mAP'] == pytest.approx(np.mean(known))
        stages = ['label', 'minimize', 'maximize', 'evaluate', *(['score'] if entry['cycle'] < 6 else [])]
        assert list(entry['seconds']) == stages
        assert all(seconds > 0 for seconds in entry['seconds'].values())


def test_the_manifest_is_whole_and_vouches_for_the_files(seven) -> None:
    state = RunState.load(seven)
    assert state.rewind_to_intact() == []
    assert state.steps[-1].kind == 'end'
    recorded = {name for step in state.steps for name in step.files}
    for cycle in SEVEN:
        expected = {f'X_L_{cycle}.npy', f'X_U_{cycle}.npy', f'cycle{cycle}/model.pth'}
        assert expected <= recorded
    assert state.identity.seed == 666
    assert state.identity.pool_size == NUM_TRAIN
    assert {'torch', 'mmdet', 'numpy'} <= set(state.environment)


def test_checkpoints_are_of_the_newest_label_set_stage(seven) -> None:
    assert sorted(path.name for path in seven.glob('epoch_*.pth')) == ['epoch_1.pth']
    for name in ('epoch_1.pth', 'latest.pth'):
        checkpoint = torch.load(seven / name, weights_only=True)
        meta = checkpoint['meta']
        assert (meta['cycle'], meta['stage'], meta['epoch']) == (6, 3, 1)
        assert meta['CLASSES'] == list(CLASSES)
        assert_equal_weights(seven / name, seven / 'cycle6/model.pth')
    # Nothing else is left of what was needed to resume, or half written.
    assert list(seven.rglob('*scores_part*')) == list(seven.rglob('.writing-*')) == []
    assert [path.name for path in (seven / 'checkpoints').glob('*')] == ['cycle6_stage3_epoch1.pth']


def test_every_cycle_trains_a_model_of_its_own(seven) -> None:
    weights = [load_weights(seven / f'cycle{cycle}/model.pth') for cycle in SEVEN]
    name = 'bbox_head.f_r_retina.weight'
    assert len({entry[name].numpy().tobytes() for entry in weights}) == 7
    # Frozen stages of the backbone are the same ones: each cycle starts from the same random weights.
    assert len({entry['backbone.conv1.weight'].numpy().tobytes() for entry in weights}) == 1


def test_the_first_cycle_trains_the_model_that_was_checked(tiny_data, tmp_path, monkeypatch) -> None:
    built = []
    for module in (preflight, stage_checks):
        monkeypatch.setattr(module, 'build_model', lambda *given: built.append(1) or build_model(*given))
    tiny_train(tiny_data, tmp_path, cycles=[0, 1], schedule=BRIEF)
    assert len(built) == 2


def test_the_report_is_written_once_a_cycle(tiny_data, tmp_path, monkeypatch) -> None:
    written = []
    monkeypatch.setattr(run_report, 'refresh_report', lambda *given, last: written.append(last))
    tiny_train(tiny_data, tmp_path, options=dict(report=True), cycles=[0, 1], schedule=BRIEF)
    assert written == [False, True]


def test_text_and_json_log_name_the_loss_terms_of_each_stage(seven) -> None:
    lines = [json.loads(line) for path in seven.glob('*.log.json') for line in path.read_text().splitlines()]
    entries = [line for line in lines if line.get('mode') == 'train']
    always = {'mode', 'epoch', 'iter', 'lr', 'time', 'data_time', 'cycle', 'stage', 'eta_run', 'memory'}
    always |= {'epoch_iter', 'stage_number', 'stage_epoch'}
    terms = {}
    for entry in entries:
        terms.setdefault(entry['stage'], set()).update(entry.keys() - always)
    assert terms == {
        'label': {'loss_cls', 'loss_bbox', 'loss_mil', 'loss'},
        'minimize': {
            'loss_cls', 'loss_bbox', 'loss_mil', 'loss', 'loss_dis', 'loss_mil_pseudo', 'loss_unlabeled'
        },
        'maximize': {'loss_cls', 'loss', 'loss_dis_max', 'loss_unlabeled'},
    }  # fmt: skip
    assert {entry['cycle'] for entry in entries} == set(SEVEN)
    # An epoch is a pass over the labeled images, in batches of 2: four stages of one epoch a cycle.
    assert len(entries) == sum(4 * -(-size // 2) for size in SIZES)
    text = log_text(seven)
    for term in ('loss_cls', 'loss_bbox', 'loss_mil', 'loss_dis', 'loss_mil_pseudo', 'loss_dis_max'):
        assert f'{term}: ' in text
    assert 'labeled images' in text


def test_the_config_is_kept_as_it_was_run(seven) -> None:
    (dumped,) = seven.glob('*.py')
    text = dumped.read_text()
    assert 'cycles = [0, 1, 2, 3, 4, 5, 6]' in text
    assert 'X_L_0_size = 4' in text


def test_a_rerun_with_loader_workers_is_equal_to_the_bit(seven, tiny_data, tmp_path) -> None:
    run = tiny_train(tiny_data, tmp_path, options=REPEATABLE, data__workers_per_gpu=1)
    assert_same_cycles(run, seven, [0, 1])


def test_annotations_of_unlabeled_images_are_never_opened(seven, tiny_data, tmp_path) -> None:
    data = shutil.copytree(tiny_data, tmp_path / 'data')
    names = (data / 'VOC2007/ImageSets/Main/trainval.txt').read_text().split()
    labeled = np.load(seven / 'X_L_1.npy')
    for i in set(range(NUM_TRAIN)) - set(labeled.tolist()):
        (data / f'VOC2007/Annotations/{names[i]}.xml').unlink()
    run = tiny_train(data, tmp_path, options=REPEATABLE)
    assert_same_cycles(run, seven, [0, 1])


def test_another_seed_is_another_run(seven, tiny_data, tmp_path) -> None:
    run = tiny_train(tiny_data, tmp_path, seed=1, cycles=[0], schedule=BRIEF)
    assert (run / 'X_L_0.npy').read_bytes() != (seven / 'X_L_0.npy').read_bytes()


def test_a_run_goes_on_from_a_published_split_and_model(seven, tiny_data, tmp_path) -> None:
    for letter in 'LU':
        np.save(tmp_path / f'X_{letter}.npy', np.load(seven / f'X_{letter}_1.npy').astype(np.float64))
    start = StartingPoint(
        str(tmp_path / 'X_L.npy'), str(tmp_path / 'X_U.npy'), 1, str(seven / 'cycle1/model.pth')
    )
    run = tiny_train(tiny_data, tmp_path, options=dict(REPEATABLE, start=start), cycles=[0, 1, 2])
    assert_same_cycles(run, seven, [1, 2])
    assert not (run / 'X_L_0.npy').exists()
    assert [entry['cycle'] for entry in json.loads((run / 'metrics.json').read_text())] == [1, 2]
    assert 'training on 7 labeled images' not in log_text(run)


def test_a_run_goes_on_from_a_split_alone(seven, tiny_data, tmp_path) -> None:
    start = StartingPoint(str(seven / 'X_L_2.npy'), str(seven / 'X_U_2.npy'), 2)
    run = tiny_train(tiny_data, tmp_path, options=dict(REPEATABLE, start=start), cycles=[0, 1, 2])
    assert_same_cycles(run, seven, [2])


@pytest.mark.parametrize('steps', [0, 1])
def test_a_run_that_stopped_before_its_given_beginning_was_there(seven, tiny_data, tmp_path, steps) -> None:
    """Killed between its first manifest and the records of the given split and model."""
    given = [tmp_path / name for name in ('X_L.npy', 'X_U.npy', 'model.pth')]
    for path, name in zip(given, ('X_L_1.npy', 'X_U_1.npy', 'cycle1/model.pth'), strict=True):
        shutil.copy(seven / name, path)
    start = StartingPoint(str(given[0]), str(given[1]), 1, str(given[2]))
    run = tiny_train(tiny_data, tmp_path, options=dict(REPEATABLE, start=start), cycles=[0, 1, 2])
    state = RunState.load(run)
    state.steps = state.steps[:steps]
    state.save()
    resumed = dict(REPEATABLE, run_name=None, resume=str(run))
    tiny_train(tiny_data, tmp_path, options=resumed, cycles=[0, 1, 2])
    assert_same_cycles(run, seven, [1, 2])
    state.save()
    given[2].write_bytes(b'another model')
    with pytest.raises(ValueError, match=r'model\.pth.*begin a new run with --init-split'):
        tiny_train(tiny_data, tmp_path, options=resumed, cycles=[0, 1, 2])


def test_a_given_split_has_to_fit_the_lists_of_the_config(seven, tiny_data, tmp_path) -> None:
    labeled, unlabeled = (str(seven / f'X_{letter}_1.npy') for letter in 'LU')
    start = StartingPoint(labeled, unlabeled, 1)
    other = np.setdiff1d(np.arange(NUM_TRAIN), np.load(labeled))[:1].tolist()
    for wrong in (dict(exclude=np.load(labeled)[:1].tolist()), dict(include=other)):
        with pytest.raises(ValueError, match=f'the given split has .*{next(iter(wrong))}'):
            tiny_train(tiny_data, tmp_path, options=dict(start=start), **wrong)


def test_a_learning_rate_that_never_drops_is_said(tiny_data, tmp_path) -> None:
    lr_config = dict(policy='step', step=[8, 11])
    run = tiny_train(tiny_data, tmp_path, cycles=[0], epoch_ratio=[1, 1], lr_config=lr_config)
    assert "Stage 'label' has 1 epochs: its learning rate never drops at epoch 8, 11" in log_text(run)


def test_a_validation_set_that_is_not_read_is_said_once(tiny_data, tmp_path) -> None:
    other = dict(type='VOCDetectionDataset', ann_file='val.txt', img_prefix='')
    said = 'data.val is not read; data.test, which differs from it, is evaluated'
    assert log_text(tiny_train(tiny_data, tmp_path, cycles=[0], data__val=other)).count(said) == 1
    config = tiny_config(tiny_data, tmp_path)
    assert unread_validation(config.data) == ''
    config.data.val = config.data.test.copy()
    assert unread_validation(config.data) == ''


@pytest.mark.parametrize('kind', ['chunk', 'scores'])
def test_a_query_that_was_changed_by_force_scores_all_images_itself(tiny_data, tmp_path, kind) -> None:
    """Stopped after the first chunk of one strategy's scores, or after all, gone on with another one."""
    settings = dict(schedule=BRIEF, cycles=[0, 1], score_chunk_size=9)
    entropy = dict(_delete_=True, type='entropy', aggregation='sum')
    whole = dict(run_name='whole')
    expected = tiny_train(tiny_data, tmp_path, options=whole, query=dict(entropy), **settings)
    with stopped_after(lambda step: step.kind == kind):
        tiny_train(tiny_data, tmp_path, **settings)
    resumed = dict(run_name=None, resume=str(tmp_path / 'run'), force=True)
    run = tiny_train(tiny_data, tmp_path, options=resumed, query=dict(entropy), **settings)
    scores = [np.load(path / 'cycle0' / 'scores.npy') for path in (expected, run)]
    np.testing.assert_array_equal(*scores)


def test_a_finished_run_gets_another_cycle_by_force(tiny_data, tmp_path) -> None:
    settings = dict(schedule=BRIEF)
    whole = tiny_train(tiny_data, tmp_path, options=dict(run_name='whole'), cycles=[0, 1], **settings)
    run = tiny_train(tiny_data, tmp_path, cycles=[0], **settings)
    resumed = dict(run_name=None, resume=str(run), force=True)
    tiny_train(tiny_data, tmp_path, options=resumed, cycles=[0, 1], **settings)
    assert_same_cycles(run, whole, [0, 1])
    assert RunState.load(run).steps[-1].kind == 'end'


def test_resuming_a_finished_run_changes_nothing(tiny_data, tmp_path) -> None:
    settings = dict(schedule=BRIEF, cycles=[0, 1])
    run = tiny_train(tiny_data, tmp_path, **settings)
    kept = {path: path.read_bytes() for path in run.rglob('*') if path.suffix in ('.npy', '.pth', '.txt')}
    metrics = (run / 'metrics.json').read_text()
    assert tiny_train(tiny_data, tmp_path, options=dict(run_name=None, resume=str(run)), **settings) == run
    assert {path: path.read_bytes() for path in kept} == kept
    assert (run / 'metrics.json').read_text() == metrics


LONG = [pytest.param(kind, marks=pytest.mark.slow) for kind in ('model', 'evaluation', 'scores')]


@pytest.mark.parametrize('stop_at', ['epoch', 'chunk', *LONG])
def test_a_resumed_run_is_equal_to_one_that_was_never_stopped(seven, tiny_data, tmp_path, stop_at) -> None:
    def is_last(step) -> bool:
        third_stage = step.kind == 'epoch' and step.number == 2
        return third_stage if stop_at == 'epoch' else step.kind == stop_at

    with stopped_after(is_last):
        tiny_train(tiny_data, tmp_path, options=REPEATABLE)
    run = tmp_path / 'run'
    assert not (run / 'X_L_1.npy').exists()
    tiny_train(tiny_data, tmp_path, options=dict(REPEATABLE, run_name=None, resume=str(run)))
    assert_same_cycles(run, seven, [0, 1])


def test_a_resumed_run_with_another_config_is_refused_with_the_difference(tiny_data, tmp_path) -> None:
    settings = dict(schedule=BRIEF, cycles=[0])
    run = tiny_train(tiny_data, tmp_path, **settings)
    with pytest.raises(ValueError, match='-X_S_size = 3\n\\+X_S_size = 2'):
        tiny_train(tiny_data, tmp_path, options=dict(resume=str(run)), X_S_size=2, **settings)


def test_a_pool_that_runs_out_ends_the_cycles_and_says_so(tmp_path) -> None:
    data = draw_tiny_data(tmp_path / 'data', num_train=6, num_test=1)
    run = tiny_train(data, tmp_path, cycles=[0, 1, 2, 3])
    assert np.load(run / 'X_L_1.npy').tolist() == np.load(run / 'X_U_1.npy').tolist() == [0, 1, 2, 3, 4, 5]
    assert not (run / 'X_L_2.npy').exists()
    entries = json.loads((run / 'metrics.json').read_text())
    assert [(entry['cycle'], entry['labeled']) for entry in entries] == [(0, 4), (1, 6)]
    text = log_text(run)
    assert 'the budget is 3 (unit: image), but the 2 images to select from give only 2' in text
    assert 'Every image of the pool is labeled: the run ends after cycle 1' in text
    assert RunState.load(run).steps[-1].kind == 'end'


def test_an_optimizer_with_options_by_parameter_trains(tiny_data, tmp_path) -> None:
    run = tiny_train(
        tiny_data,
        tmp_path,
        cycles=[0],
        optimizer__paramwise_cfg=dict(norm_decay_mult=0.0, custom_keys={'backbone': dict(lr_mult=0.1)}),
    )
    assert (run / 'cycle0/model.pth').is_file()


def test_a_run_logs_to_its_own_file_only(tiny_data, tmp_path) -> None:
    for name in ('one', 'two'):
        tiny_train(tiny_data, tmp_path, name, cycles=[0], schedule=BRIEF)
    for name in ('one', 'two'):
        assert log_text(tmp_path / name).count('The run is finished') == 1
    assert all(not isinstance(h, logging.FileHandler) for h in logging.getLogger('mmdet').handlers)


def test_a_registered_runner_that_the_config_names_trains_every_stage(tiny_data, tmp_path) -> None:
    stages: list[tuple] = []

    class NotingRunner(AlternatingEpochRunner):
        def __init__(self, *args, note: str, **kwargs) -> None:
            super().__init__(*args, **kwargs)
            self.note = note

        def train(self, loaders) -> None:
            stages.append((self.note, self.stage.name))
            super().train(loaders)

    RUNNERS.register_module(NotingRunner)
    try:
        run = tiny_train(tiny_data, tmp_path, cycles=[0], runner=dict(type='NotingRunner', note='mine'))
    finally:
        RUNNERS.module_dict.pop('NotingRunner')
    assert stages == [('mine', name) for name in ('label', 'minimize', 'maximize', 'label')]
    assert (run / 'cycle0' / 'model.pth').is_file()


def test_what_the_models_find_is_kept_for_the_report(tiny_data, tmp_path) -> None:
    overrides = dict(model__test_cfg__score_thr=1e-4, model__test_cfg__max_per_img=20, schedule=BRIEF)
    run = tiny_train(tiny_data, tmp_path, options=dict(command='train.py tiny.py'), **overrides)
    test = build_dataset(load_settings(run / 'MIAOD.py').data.test)
    for cycle, entry in enumerate(results_of(run, [0, 1])):
        found = np.load(run / f'cycle{cycle}/detections.npy')
        rows = np.concatenate([found['box'], found['score'][:, None]], axis=1)
        by_class = [
            [rows[(found['image'] == i) & (found['label'] == label)] for label in range(len(CLASSES))]
            for i in range(len(test))
        ]
        assert len(found) and test.evaluate(by_class, logger='silent')['mAP'] == entry['mAP']
    seen = np.load(run / 'cycle0/selected_detections.npy')
    selected = np.setdiff1d(np.load(run / 'X_L_1.npy'), np.load(run / 'X_L_0.npy'))
    assert len(seen) and set(seen['image']) <= set(selected)
    state = RunState.load(run)
    assert [step.cycle for step in state.steps if f'cycle{step.cycle}/detections.npy' in step.files] == [0, 1]
    assert state.options['command'] == 'train.py tiny.py' and state.options['device'].startswith('cpu (')
