"""Single models of a study."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mmdet_miaod.apis import RunOptions, train
from mmdet_miaod.experiments.collapse import read_records
from mmdet_miaod.experiments.single_models import Study, load_study, train_models
from tests.tiny_run import REPOSITORY, TINY_OPTIONS, draw_tiny_data, tiny_config


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    return draw_tiny_data(tmp_path_factory.mktemp('data'))


def tiny_study(records, **changes) -> Study:
    study = Study(
        data='drawn',
        config=REPOSITORY / 'configs' / 'MIAOD.py',
        options={**TINY_OPTIONS, 'cycles': [0], 'schedule': 'supervised', 'optimizer': dict(lr=1e-3)},
        settings={'plain': {}, 'steep': {'optimizer.lr': 1e9}},
        seeds=[5],
        odd_images=(),
        odd={},
        records=records,
    )
    return replace(study, **changes)


def test_a_model_is_that_of_a_runs_first_cycle(tmp_path, data_root) -> None:
    study = tiny_study(tmp_path / 'records.jsonl', settings={'plain': {}})
    train_models(study, str(data_root), tmp_path / 'losses.jsonl')
    (record,) = read_records(study.records)
    config = tiny_config(data_root, tmp_path, cycles=[0], schedule='supervised', seed=5)
    run = train(config, RunOptions(run_name='run', progress=False, report=False))
    (entry,) = json.loads((run / 'metrics.json').read_text())
    assert (record.labeled, record.mAP) == (entry['labeled'], round(entry['mAP'], 4))
    (log,) = run.glob('*.log.json')
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    expected = [entry['loss_cls'] for entry in logged if entry.get('mode') == 'train']
    line = json.loads((tmp_path / 'losses.jsonl').read_text())
    assert line['losses'] == pytest.approx(expected, rel=1e-2)
    assert record.steps == len(expected)


def test_a_diverged_model_is_recorded_and_no_model_is_trained_twice(tmp_path, data_root, monkeypatch) -> None:
    study = tiny_study(tmp_path / 'records.jsonl')
    train_models(study, str(data_root))
    before = read_records(study.records)
    assert [(record.setting, bool(record.error)) for record in before] == [('plain', False), ('steep', True)]
    assert before[1].mAP == 0 and 'not finite' in before[1].error
    monkeypatch.setattr('mmdet_miaod.experiments.single_models.train_single_model', pytest.fail)
    train_models(study, str(data_root))
    assert read_records(study.records) == before


def test_listed_images_are_labeled_as_often_as_the_setting_says(tmp_path, data_root) -> None:
    names = [f'{number}' for number in range(24)]
    study = tiny_study(tmp_path, odd_images=['3', '5', '8'], odd={'plain': 2})
    settings = study.run_settings('plain', 5, str(data_root))
    split = study.split('plain', settings, names)
    assert len(split.labeled) == 4 and np.isin([3, 5, 8], split.labeled).sum() == 2
    none = replace(study, odd={'plain': 0}).split('plain', settings, names)
    assert not np.isin([3, 5, 8], [*none.labeled, *none.unlabeled]).any()


@pytest.mark.parametrize(('name', 'odd'), [('bccd_collapse', 12), ('dice_collapse', 0)])
def test_the_studies_of_collapses_read(name, odd) -> None:
    study = load_study(REPOSITORY / 'configs' / 'experiments' / f'{name}.py')
    assert len(study.odd_images) == odd
    for setting in study.settings:
        options = {**study.settings[setting], 'model.backbone.init_cfg': None}
        settings = replace(study, settings={setting: options}).run_settings(setting, 3, None)
        assert (settings.seed, settings.labeling.initial_size) == (3, 60)


def test_a_study_file_with_another_name_in_it_is_refused(tmp_path) -> None:
    path = tmp_path / 'study.py'
    known = "data = 'a'\nconfig = 'a.py'\nsettings = {}\nseeds = [1]\n"
    path.write_text(f"{known}records = 'r'\nsetings = {{}}\n_mine = 3\n")
    with pytest.raises(ValueError, match=r"\['setings'\] are not known"):
        load_study(path)
    path.write_text(known)
    with pytest.raises(KeyError, match="no 'records'"):
        load_study(path)
