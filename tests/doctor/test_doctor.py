"""The doctor: healthy data passes, every kind of damage is named."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from mmdet_miaod.apis import RunOptions
from mmdet_miaod.apis.preflight import check_before_start
from mmdet_miaod.apis.settings import load_settings
from mmdet_miaod.doctor import diagnose as diagnose_module
from mmdet_miaod.doctor import environment_checks
from mmdet_miaod.doctor.data_checks import check_data
from mmdet_miaod.doctor.diagnose import diagnose
from mmdet_miaod.doctor.findings import Diagnosis, Finding
from mmdet_miaod.doctor.split_checks import check_split
from mmdet_miaod.doctor.step_timing import StepTimes
from mmdet_miaod.doctor.table import print_table
from tests.datasets.coco_tree import draw_coco
from tests.datasets.voc_tree import object_xml, write_xml
from tests.tiny_run import REPOSITORY, TINY_OPTIONS, tiny_settings, write_tiny_config


@pytest.fixture
def data(tiny_data, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_data, tmp_path / 'data'))


def by_name(findings) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def names_of(data: Path, part: str) -> list[str]:
    return (data / f'VOC2007/ImageSets/Main/{part}.txt').read_text().split()


def test_healthy_data_passes_with_estimates(tiny_data, tmp_path, monkeypatch) -> None:
    times = StepTimes(dict(label=1.0, minimize=3.0, maximize=2.0), score=0.5, evaluate=0.25)
    monkeypatch.setattr('mmdet_miaod.doctor.estimates.time_steps', lambda *_: times)
    settings = tiny_settings(tiny_data, tmp_path / 'runs')
    found = diagnose(settings, 'cpu', all_annotations=True)
    assert found.passed(), found.findings
    assert settings.data.check_images == 'decode'
    assert not (tmp_path / 'runs').exists()
    numbers = found.estimates
    # 4 then 7 images in batches of 2: 2 and 4 batches; label 2 epochs, minimize and maximize 1, 2 steps each.
    assert numbers['steps_by_cycle'] == [2 * 2 + 2 * 2 * 2, 2 * 4 + 2 * 2 * 4]
    assert numbers['seconds_by_part']['score'] == 0.5 * 20
    assert numbers['seconds_by_part']['evaluate'] == 0.25 * 4 * 2
    assert numbers['seconds_by_part']['train'] == (2 + 4) * (1 + 3 + 2 + 1)
    assert (numbers['images_to_label'], numbers['images_to_label_after_the_first']) == (7, 3)
    assert 0 < numbers['disk_bytes'] < 50e6
    assert {'forward and backward step', 'time', 'disk', 'labels to draw'} <= by_name(found.findings).keys()


def test_steps_are_timed_for_each_stage(tiny_data, tmp_path, monkeypatch) -> None:
    from mmdet_miaod.doctor import estimates, step_timing

    monkeypatch.setattr(step_timing, 'STEPS', 1)
    settings = tiny_settings(tiny_data, tmp_path)
    prepared = check_before_start(settings, RunOptions())
    parameters = sum(p.numel() for p in prepared.models[0].parameters())
    here = dict(card='Card', size=list(settings.config.img_scale), batch=2, parameters=parameters)
    times = {'label step': 1000.0, 'minimize pair': 3000.0, 'maximize pair': 2000.0}
    entry = dict(name='float32', setting=here, result=dict(milliseconds=times, score=2.0))
    findings, numbers = estimates.estimate(settings, prepared, [entry])
    assert set(numbers['seconds_by_iteration']) == {'label', 'minimize', 'maximize'}
    assert all(seconds > 0 for seconds in numbers['seconds_by_iteration'].values())
    assert all(seconds > 0 for seconds in numbers['seconds_by_part'].values())
    assert numbers['seconds_elsewhere'] == {'Card, float32': (2 + 4) * (1 + 3 + 2 + 1) + 0.5 * (20 + 4 * 2)}
    assert by_name(findings)['time on Card, float32'].detail == '0:00:56'


def test_odd_boxes_are_told_apart_by_the_images_true_size(data, tmp_path) -> None:
    settings = tiny_settings(data, tmp_path, X_L_0_size=24)
    xml = data / 'VOC2007/Annotations'
    pool = names_of(data, 'trainval')
    write_xml(xml / f'{pool[0]}.xml', object_xml('disc'), object_xml('disc', (5, 5, 5, 9)), size=(64, 48))
    write_xml(xml / f'{pool[1]}.xml', object_xml('disc', (9, 5, 5, 9)), size=(64, 48))
    # The file says 900 x 900; the image has 64 x 48.
    write_xml(xml / f'{pool[2]}.xml', object_xml('square', (1, 1, 65, 48)), size=(900, 900))
    write_xml(xml / f'{pool[3]}.xml', object_xml('hexagon'), object_xml('hexagon'))
    write_xml(xml / f'{pool[6]}.xml', object_xml('disc'), object_xml('disc'), size=(64, 48))
    (xml / f'{pool[4]}.xml').unlink()
    (xml / f'{pool[5]}.xml').write_text('<annotation>')
    found = by_name(check_data(settings))
    counts = {
        name: len(found[f'first labeled set: {name}'].items)
        for name in (
            'boxes without area',
            'inverted boxes',
            'boxes beyond the image',
            'boxes there twice',
            'unknown classes',
            'annotations',
        )
    }
    assert counts == {
        'boxes without area': 1,
        'inverted boxes': 1,
        'boxes beyond the image': 1,
        'boxes there twice': 1,
        'unknown classes': 1,
        'annotations': 2,
    }
    assert (
        found['first labeled set: boxes beyond the image']
        .items[0]
        .endswith(f'{pool[2]}.xml: object 1 (square) [1, 1, 65, 48] leaves the image of 64 x 48; kept')
    )
    empty = {Path(path).stem for path in found['first labeled set: images without boxes'].items}
    assert {pool[1], pool[3]} <= empty and not {pool[0], pool[2], pool[4]} & empty
    (unknown,) = found['first labeled set: unknown classes'].items
    assert unknown == f'hexagon (2) in {xml / pool[3]}.xml'
    sizes = found['first labeled set: sizes of images'].items
    assert f'{xml / pool[2]}.xml: 900 x 900 instead of 64 x 48' in sizes
    assert found['first labeled set: annotations'].status == 'error'
    assert found['test set: annotations'].status == 'ok'


def test_pool_annotations_are_read_only_on_request(data, tmp_path) -> None:
    settings = tiny_settings(data, tmp_path)
    kept = set(labeled_names(settings, data))
    for name in set(names_of(data, 'trainval')) - kept:
        (data / f'VOC2007/Annotations/{name}.xml').unlink()
    assert 'error' not in {finding.status for finding in check_data(settings)}
    found = by_name(check_data(settings, all_annotations=True))
    assert len(found['pool: annotations'].items) == 20


def test_annotations_of_coco_are_checked_against_the_images(tmp_path) -> None:
    root = tmp_path / 'coco'
    draw_coco(root)
    content = json.loads((root / 'boxes.json').read_text())
    content['images'][0]['width'] = 50  # the images have 60 x 40
    content['annotations'][1]['bbox'] = [50, 30, 20, 10]
    content['annotations'][2].update(bbox=[5, 5, 0, 4], area=0)
    content['annotations'][3]['category_id'] = 99
    (root / 'boxes.json').write_text(json.dumps(content))
    options = {
        **{key: value for key, value in TINY_OPTIONS.items() if not key.startswith('pool_')},
        **dict(classes=None, only_with_boxes=False, pool_json='boxes.json', test_json='boxes.json'),
        **dict(pool_images='images', test_images='images'),
    }
    settings = load_settings(REPOSITORY / 'configs' / 'MIAOD_coco.py', options, f'{root}/')
    found = by_name(check_data(settings, all_annotations=True))
    for title in ('pool', 'test set'):
        assert found[f'{title}: annotations'].status == 'ok'
        (size,) = found[f'{title}: sizes of images'].items
        assert size.endswith('image 100: 50 x 40 instead of 60 x 40')
        (outside,) = found[f'{title}: boxes beyond the image'].items
        assert outside.endswith('image 99: box 2 (dog) [50, 30, 20, 10] leaves the image of 60 x 40; kept')
        assert len(found[f'{title}: boxes without area'].items) == 1
        assert len(found[f'{title}: boxes smaller than a pixel'].items) == 1
        (unknown,) = found[f'{title}: unknown classes'].items
        assert unknown.startswith('category 99 (1) in ')
    names = by_name(check_data(settings)).keys()
    assert 'first labeled set: annotations' in names and 'pool: annotations' not in names


def labeled_names(settings, data: Path) -> list[str]:
    from mmdet_miaod.active.split import initial_split

    names = names_of(data, 'trainval')
    return [
        names[i] for i in initial_split(len(names), settings.labeling.initial_size, settings.seed).labeled
    ]


def test_damaged_and_equal_images_are_all_named(data, tmp_path) -> None:
    folder = data / 'VOC2007/JPEGImages'
    pool, test = names_of(data, 'trainval'), names_of(data, 'test')
    suffix = next(folder.iterdir()).suffix
    files = [folder / f'{name}{suffix}' for name in pool]
    files[0].write_bytes(files[0].read_bytes()[:200])
    files[1].write_bytes(b'no image')
    shutil.copy(files[2], files[3])
    shutil.copy(files[4], folder / f'{test[0]}{suffix}')
    found = by_name(check_data(tiny_settings(data, tmp_path)))
    assert [str(f) in item for f, item in zip(files, found['pool images'].items)] == [True, True]
    assert found['pool images'].status == 'error'
    assert found['duplicates within a set'].items == (f'{files[3]} = {files[2]}',)
    assert found['duplicates in pool and test set'].items == (f'{folder / (test[0] + suffix)} = {files[4]}',)


def test_a_missing_list_is_a_finding_and_the_rest_is_checked(data, tmp_path) -> None:
    (data / 'VOC2007/ImageSets/Main/trainval.txt').unlink()
    found = by_name(check_data(tiny_settings(data, tmp_path)))
    assert 'no such image list' in found['pool images'].detail
    assert found['test set: annotations'].status == 'ok'
    assert 'duplicates in pool and test set' not in found


def test_split_sizes_against_the_pool(tiny_data, tmp_path) -> None:
    settings = tiny_settings(tiny_data, tmp_path, X_L_0_size=10, X_S_size=8, cycles=[0, 1, 2])
    assert settings.labeling.sizes(24) == [10, 18, 24]
    found = by_name(check_split(settings.labeling, 24))
    assert found['labeled sets'].status == 'warning'
    assert '26 images would be labeled' in found['labeled sets'].detail
    assert 'from cycle 1 on' in found['unlabeled sets'].detail
    assert check_split(settings.labeling, 9)[0].status == 'error'


def test_training_and_the_quick_doctor_run_the_same_checks_once(tiny_data, tmp_path, monkeypatch) -> None:
    from mmdet_miaod.apis import preflight
    from mmdet_miaod.apis import train as train_module

    assert train_module.__globals__['check_before_start'] is check_before_start
    assert diagnose_module.check_before_start is check_before_start
    calls = []
    load_data = preflight.load_data
    monkeypatch.setattr(preflight, 'load_data', lambda *given: calls.append(given) or load_data(*given))
    found = diagnose(tiny_settings(tiny_data, tmp_path), 'cpu', quick=True)
    assert found.passed() and len(calls) == 1
    assert {finding.area for finding in found.findings} == {'start', 'split'}


def test_a_validation_set_that_is_not_read_is_a_warning(tiny_data, tmp_path) -> None:
    val = dict(type='VOCDetectionDataset', ann_file='val.txt', img_prefix='')
    found = diagnose(tiny_settings(tiny_data, tmp_path, data__val=val), 'cpu', quick=True)
    assert by_name(found.findings)['validation set'] == Finding(
        'data',
        'validation set',
        'warning',
        'data.val is not read; data.test, which differs from it, is evaluated after every cycle',
    )


def test_what_would_stop_a_run_is_an_error(tiny_data, tmp_path) -> None:
    settings = tiny_settings(tiny_data, tmp_path, model__bbox_head__num_classes=5)
    found = diagnose(settings, 'cpu', quick=True)
    assert not found.passed()
    assert 'num_classes is 5' in by_name(found.findings)['a run would stop here'].detail


def test_the_table_shows_names_as_they_are_and_counts_the_rest() -> None:
    finding = Finding('data', 'pool images', 'warning', 'odd names', tuple(f'[red]{i}' for i in range(12)))
    console = Console(width=120, record=True, file=open('/dev/null', 'w'))  # noqa: SIM115
    print_table(Diagnosis([finding]), console)
    text = console.export_text()
    assert '[red]9' in text and '[red]10' not in text and 'and 2 more' in text
    assert Diagnosis([finding]).passed() and not Diagnosis([finding]).passed(strict=True)


def test_the_tool_prints_json_and_exits_with_1_on_damage(data, tmp_path) -> None:
    config = write_tiny_config(tmp_path / 'tiny.py', data, tmp_path)
    Image.new('RGB', (9, 9)).save(data / 'VOC2007/JPEGImages' / 'unused.jpg')
    test = names_of(data, 'test')[0]
    (data / f'VOC2007/Annotations/{test}.xml').unlink()
    done = subprocess.run(
        [sys.executable, 'tools/doctor.py', str(config), '--quick', '--json', '--device', 'cpu'],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    assert result['passed'] is False
    assert any(f'{test}.xml' in finding['detail'] for finding in result['findings'])


def test_the_work_directory_is_tried_and_left_as_it_was(tmp_path, monkeypatch) -> None:
    def found(directory) -> tuple[str, str]:
        outcome = environment_checks._work_directory(directory)
        assert not list(tmp_path.glob('.writing-*'))
        return outcome

    assert found(tmp_path / 'runs' / 'mine')[0] == 'ok'
    assert not (tmp_path / 'runs').exists()
    (tmp_path / 'file').write_text('')
    status, detail = found(tmp_path / 'file' / 'runs')
    assert (status, 'file is a file, no folder' in detail) == ('error', True)
    sync = os.fsync

    def refuse(code, folders_only):
        def refused(descriptor, *_):
            if not folders_only or stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(code, os.strerror(code))
            sync(descriptor)

        return refused

    monkeypatch.setattr('fcntl.flock', refuse(errno.ENOSYS, folders_only=False))
    monkeypatch.setattr('os.fsync', refuse(errno.EINVAL, folders_only=True))
    status, detail = found(tmp_path)
    assert status == 'warning'
    assert 'has no locks' in detail and 'cannot sync folders' in detail
    monkeypatch.setattr('os.fsync', refuse(errno.ENOSPC, folders_only=False))
    status, detail = found(tmp_path)
    assert (status, 'No space left on device' in detail) == ('error', True)


def test_a_check_that_fails_is_a_finding_and_the_others_run(tiny_data, tmp_path, monkeypatch) -> None:
    def fail(*_):
        raise RuntimeError('out of order')

    for name in ('environment_checks.version_problems', 'diagnose.check_data', 'diagnose.estimate'):
        monkeypatch.setattr(f'mmdet_miaod.doctor.{name}', fail)
    diagnosis = diagnose(tiny_settings(tiny_data, tmp_path), 'cpu')
    found = by_name(diagnosis.findings)
    for name in ('versions', 'images and annotations', 'forward and backward step'):
        assert (found[name].status, found[name].detail) == ('error', 'RuntimeError: out of order')
    assert {'device', 'work directory', 'pool and test set', 'labeled sets'} <= found.keys()
    assert diagnosis.estimates == {}


def test_no_step_is_tried_with_images_that_cannot_be_read(data, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr('mmdet_miaod.doctor.diagnose.estimate', None)  # calling it would be an error
    image = next((data / 'VOC2007/JPEGImages').iterdir())
    image.write_bytes(image.read_bytes()[:-6])
    found = by_name(diagnose(tiny_settings(data, tmp_path), 'cpu').findings)
    assert 'error' in (found['pool images'].status, found['test images'].status)
    assert 'forward and backward step' not in found


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('X_L0_size = 4', "did you mean 'X_L_0_size'?"),
        ('score_chunk_size = 1.5', 'score_chunk_size is 1.5: a whole number'),
        ('model = None', "the config has no 'model"),
    ],
)
def test_a_config_that_cannot_be_read_is_a_finding(tiny_data, tmp_path, capsys, line, said) -> None:
    from mmdet_miaod.commands.doctor import COMMAND

    config = write_tiny_config(tmp_path / 'broken.py', tiny_data, tmp_path)
    config.write_text(f'{config.read_text()}\n{line}\n')
    arguments = [str(config), '--device', 'cpu', '--json', '--work-dir', str(tmp_path / 'runs')]
    assert COMMAND.run('doctor', arguments) == 1
    found = {finding['name']: finding for finding in json.loads(capsys.readouterr().out)['findings']}
    assert found['config']['status'] == 'error'
    assert said in found['config']['detail']
    assert found['work directory']['status'] == found['compiled ops']['status'] == 'ok'


def test_passes_of_queries_are_counted(tiny_data, tmp_path, monkeypatch) -> None:
    times = StepTimes(dict(label=0.0, minimize=0.0, maximize=0.0), score=1.0, evaluate=0.0, look=10.0)
    monkeypatch.setattr('mmdet_miaod.doctor.estimates.time_steps', lambda *_: times)

    def parts(query, **options):
        query = dict(query, _delete_=True)
        settings = tiny_settings(tiny_data, tmp_path, query=query, cycles=[0, 1, 2], **options)
        return diagnose(settings, 'cpu').estimates['seconds_by_part']

    # 24 images; 4, then 7, then 10 are labeled: two queries, among 20 and 17, of 3 each.
    assert parts(dict(type='random'))['score'] == 0
    assert parts(dict(type='miaod'), query_fraction=0.5)['score'] == 10 + 8
    found = parts(dict(type='ppal', factor=2.0))
    assert found['score'] == 24 + 24  # it compares features, of the labeled images too
    assert found['class quality'] == 4 + 7
    assert found['second look'] == 10.0 * (6 + 6)


def test_a_config_with_a_syntax_error_is_a_finding_and_no_traceback(tmp_path) -> None:
    (tmp_path / 'broken.py').write_text('seed = (\n')
    done = subprocess.run(
        [sys.executable, 'tools/doctor.py', str(tmp_path / 'broken.py'), '--json', '--device', 'cpu'],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    (error,) = [found for found in json.loads(done.stdout)['findings'] if found['status'] == 'error']
    assert 'broken.py: cannot be read as a config (SyntaxError: There are syntax errors' in error['detail']
    assert 'Traceback' not in done.stderr
