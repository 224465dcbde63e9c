"""A checkpoint on the test set: the numbers of the run that made it, whatever kind of checkpoint it is."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from mmdet_miaod.apis.evaluation import evaluate_checkpoint, load_test_set
from mmdet_miaod.engine.detector import load_detector
from mmdet_miaod.run.files import load_checkpoint, save_checkpoint
from tests.tiny_run import CLASSES, NUM_TEST, tiny_settings, tiny_train


@pytest.fixture(scope='module')
def run(tmp_path_factory, tiny_data) -> Path:
    return tiny_train(tiny_data, tmp_path_factory.mktemp('runs'), cycles=[0])


@pytest.fixture
def settings(tiny_data, tmp_path):
    return tiny_settings(tiny_data, tmp_path)


def test_numbers_are_those_of_the_run(run, settings):
    counts, totals = [], []

    def live(total):
        totals.append(total)
        return nullcontext(counts.append)

    result = evaluate_checkpoint(settings, run / 'cycle0' / 'model.pth', live=live)
    (entry,) = json.loads((run / 'metrics.json').read_text())
    assert result.metrics == {name: entry[name] for name in ('mAP', 'AP', 'AP50')}
    assert [len(by_class) for by_class in result.detections] == [len(CLASSES)] * NUM_TEST
    assert (sum(counts), totals) == (NUM_TEST, [NUM_TEST])


@pytest.mark.parametrize('kind', ['epoch', 'released', 'weights'])
def test_every_kind_of_checkpoint_is_taken(run, settings, tmp_path, kind):
    path = run / 'cycle0' / 'model.pth'
    weights = load_checkpoint(path)['state_dict']
    expected = {name: value.clone() for name, value in weights.items()}
    if kind == 'epoch':
        path = run / 'epoch_1.pth'  # of the last stage, which is its last epoch
    else:
        # what the published code saves, and bare weights
        meta = dict(epoch=3, iter=9, CLASSES=CLASSES, env_info='PyTorch: 1.4.0', time='Mon')
        contents = dict(meta=meta, state_dict=weights, optimizer=dict(state={}, param_groups=[]))
        path = tmp_path / 'checkpoint.pth'
        save_checkpoint(path, contents if kind == 'released' else weights)
    model = load_detector(settings.model, path, CLASSES)
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
    assert model.CLASSES == CLASSES


def test_pretrained_weights_are_not_asked_for(run, tiny_data, tmp_path):
    pretrained = dict(type='Pretrained', checkpoint='no/such/weights.pth')
    overrides = dict(model__backbone__init_cfg=pretrained, load_from='no/such/model.pth')
    settings = tiny_settings(tiny_data, tmp_path, **overrides)
    load_detector(settings.model, run / 'cycle0' / 'model.pth', CLASSES)
    assert settings.model.load_from == 'no/such/model.pth'
    assert settings.model.detector['backbone']['init_cfg'] == pretrained


def test_other_classes_are_refused(run, tiny_data, tmp_path):
    settings = tiny_settings(tiny_data, tmp_path, classes=list(reversed(CLASSES)))
    with pytest.raises(ValueError, match=r'trained on the classes .*disc.*the data set has .*triangle'):
        evaluate_checkpoint(settings, run / 'cycle0' / 'model.pth')


def test_another_number_of_classes_is_refused(tiny_data, tmp_path):
    settings = tiny_settings(tiny_data, tmp_path, model__bbox_head__num_classes=2)
    with pytest.raises(ValueError, match='num_classes is 2'):
        load_test_set(settings)


def test_another_model_is_refused(run, tiny_data, tmp_path):
    settings = tiny_settings(tiny_data, tmp_path, model__bbox_head__stacked_convs=2)
    with pytest.raises(ValueError, match=r'model\.pth: does not fit the model of the config'):
        load_detector(settings.model, run / 'cycle0' / 'model.pth', CLASSES)


def test_missing_and_damaged_checkpoints_are_refused(settings, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nothing\.pth'):
        load_detector(settings.model, tmp_path / 'nothing.pth', CLASSES)
    (tmp_path / 'half.pth').write_bytes(b'PK\x03\x04 half')
    with pytest.raises(ValueError, match=r'half\.pth'):
        load_detector(settings.model, tmp_path / 'half.pth', CLASSES)


def test_a_device_that_is_not_there_is_refused(settings, tmp_path):
    with pytest.raises(ValueError, match='cuda:99'):
        evaluate_checkpoint(settings, tmp_path / 'nothing.pth', 'cuda:99')
