"""Bad input: an error that names the file and what to do, before anything is trained or written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mmdet_miaod.commands.train import COMMAND
from mmdet_miaod.models.dense_heads import MIAODRetinaHead
from tests.tiny_run import REPOSITORY, tiny_train, write_tiny_config


class Case:
    """A copy of the drawn data and a config for it, both to be spoiled."""

    def __init__(self, root: Path, data: Path) -> None:
        self.data = shutil.copytree(data, root / 'data')
        self.work = root / 'work'
        self.config = root / 'config.py'
        self.voc = self.data / 'VOC2007'
        self.list = self.voc / 'ImageSets' / 'Main' / 'trainval.txt'

    def write_config(self, **overrides) -> None:
        write_tiny_config(self.config, self.data, self.work, **overrides)

    @property
    def names(self) -> list[str]:
        return self.list.read_text().split()

    def image(self, position: int) -> Path:
        (path,) = (self.voc / 'JPEGImages').glob(f'{self.names[position]}.*')
        return path

    def annotation(self, position: int) -> Path:
        return self.voc / 'Annotations' / f'{self.names[position]}.xml'

    def run(self, *arguments: str) -> int:
        """Run the training command as a program would be run; returns its exit code."""
        given = [str(self.config), '--device', 'cpu', '--run-name', 'run', *arguments]
        return COMMAND.run('miaod train', given)


@pytest.fixture
def case(tmp_path, tiny_data) -> Case:
    case = Case(tmp_path, tiny_data)
    case.write_config()
    return case


def assert_refused(case: Case, capsys, *expected: str, arguments: tuple[str, ...] = ()) -> None:
    """The run fails with all of ``expected`` in its message, and leaves nothing behind."""
    code = case.run(*arguments)
    message = capsys.readouterr().err
    assert code == 1
    assert 'Traceback' not in message
    for text in expected:
        assert text in message
    assert not case.work.exists()


def test_missing_data_root(case, capsys) -> None:
    gone = case.data.parent / 'gone'
    assert_refused(case, capsys, str(gone), 'trainval.txt', arguments=('--data-root', str(gone)))


def test_missing_list(case, capsys) -> None:
    case.list.unlink()
    assert_refused(case, capsys, str(case.list))


def test_missing_image_folder(case, capsys) -> None:
    shutil.rmtree(case.voc / 'JPEGImages')
    assert_refused(case, capsys, str(case.voc / 'JPEGImages'))


def test_missing_image(case, capsys) -> None:
    name = case.names[3]
    case.image(3).unlink()
    assert_refused(case, capsys, name, 'JPEGImages')


def test_missing_test_image(case, capsys) -> None:
    names = (case.voc / 'ImageSets' / 'Main' / 'test.txt').read_text().split()
    next((case.voc / 'JPEGImages').glob(f'{names[0]}.*')).unlink()
    assert_refused(case, capsys, names[0])


@pytest.mark.parametrize('spoil', ['empty', 'text', 'truncated'])
def test_image_that_cannot_be_decoded(case, capsys, spoil) -> None:
    path = case.image(5)
    content = {'empty': b'', 'text': b'no image', 'truncated': path.read_bytes()[: path.stat().st_size // 2]}
    path.write_bytes(content[spoil])
    assert_refused(case, capsys, str(path), 'replace these files or take them off the image lists')


def test_image_of_too_many_pixels(case, capsys) -> None:
    path = case.image(5)
    Image.new('1', (40_000, 40_000)).save(path, format='PNG')
    assert_refused(case, capsys, str(path))


@pytest.mark.parametrize(
    'content, expected',
    [
        (b'', 'empty'),
        (b'\n\n', 'empty'),
        (b'\xff\xfe\x00', 'UTF-8'),
        (b'000001 extra words\n', '000001 extra words'),
        (b'000001\n000002\n000001\n', '000001'),
        (b'000001\n../VOC2007/000002\n', '../VOC2007/000002'),
        (b'/etc/passwd\n', '/etc/passwd'),
        (b'000001\n999999\n', '999999'),
    ],
)
def test_bad_list(case, capsys, content, expected) -> None:
    case.list.write_bytes(content)
    assert_refused(case, capsys, 'trainval.txt', expected)


def test_no_known_class_is_left(case, capsys) -> None:
    case.write_config(classes=['cat', 'dog', 'cow'])
    assert_refused(case, capsys, 'no box of a known class', "'disc'", "'cat'", 'set the classes')


def test_class_that_the_config_does_not_have_is_counted_and_no_error(case) -> None:
    schedule = [dict(name='label', labeled_losses=['loss_cls'])]
    case.write_config(classes=['disc', 'square', 'other'], cycles=[0], schedule=schedule, X_L_0_size=12)
    text = ''.join(path.read_text() for path in (case.voc / 'Annotations').iterdir())
    assert '<name>triangle</name>' in text
    assert case.run('-q') == 0
    (log,) = (case.work / 'run').glob('*.log')
    # Once for the test set and once for the labeled set.
    assert log.read_text().count('of no known class are left out: triangle (') == 2
    assert (case.work / 'run' / 'metrics.json').is_file()


def test_number_of_classes_and_model_that_do_not_fit(case, capsys) -> None:
    case.write_config(classes=['disc', 'square'])
    assert_refused(case, capsys, "2 classes ('disc', 'square')", 'num_classes is 3')


@pytest.mark.parametrize('spoil', ['', '<annotation>', '<annotation><object/></annotation>'])
def test_annotation_of_a_labeled_image_that_cannot_be_read(case, capsys, spoil) -> None:
    case.write_config(X_L_0_size=len(case.names))
    case.annotation(0).write_text(spoil)
    assert_refused(case, capsys, str(case.annotation(0)))


def test_missing_annotation_of_a_labeled_image(case, capsys) -> None:
    case.write_config(X_L_0_size=len(case.names))
    case.annotation(2).unlink()
    assert_refused(case, capsys, str(case.annotation(2)))


@pytest.mark.parametrize('key', ['X_L_0_size', 'X_S_size'])
def test_sizes_larger_than_the_pool(case, capsys, key) -> None:
    case.write_config(**{key: 25})
    assert_refused(case, capsys, f'{key} is 25, but the pool has 24 images')


def test_no_unlabeled_image_for_a_stage_that_needs_one(case, capsys) -> None:
    case.write_config(X_L_0_size=24, X_U_0_from='next')
    assert_refused(case, capsys, 'X_L_0_size is 24 of 24', "stage 'minimize'", 'make it smaller')


def test_device_that_is_not_there(case, capsys) -> None:
    assert_refused(case, capsys, 'cuda:99 is not there', '--device cpu', arguments=('--device', 'cuda:99'))
    assert_refused(case, capsys, "'gpu' is no device", arguments=('--device', 'gpu'))


def test_detections_that_are_limited_in_no_known_way(case, capsys) -> None:
    case.write_config(model__test_cfg__nms=dict(type='soft_nms', iou_threshold=0.5))
    assert_refused(case, capsys, "test_cfg.nms.type='soft_nms' is not supported")


def test_config_that_is_not_there(case, capsys) -> None:
    case.config.unlink()
    assert_refused(case, capsys, f'{case.config}: no such config file')


@pytest.mark.parametrize('key', ['X_S_size', 'optimizer', 'query', 'seed', 'cycles', 'work_directory'])
def test_config_that_misses_a_key(case, capsys, key) -> None:
    case.config.write_text(f'{case.config.read_text()}\ndel {key}\n')
    assert_refused(case, capsys, f"the config has no '{key}", 'configs/MIAOD.py shows every key')


@pytest.mark.parametrize(
    'line, expected',
    [
        ('x = (', 'line'),
        ('x = undefined_name', "undefined_name' is not defined"),
        ('x = 1 / 0', 'division by zero'),
        ('import no_such_module', 'no_such_module'),
    ],
)
def test_config_that_cannot_be_read_is_named_with_its_line(case, capsys, line, expected) -> None:
    lines = case.config.read_text().count('\n')
    case.config.write_text(f'{case.config.read_text()}{line}\n')
    assert_refused(case, capsys, str(case.config), f'line {lines + 1}', expected)


def test_base_config_that_cannot_be_read_is_named_with_its_line(case, capsys) -> None:
    case.config.write_text(f'\nx = undefined_name\n{case.config.read_text()}')
    child = case.config.with_name('child.py')
    child.write_text("_base_ = ['config.py']\n")
    spoiled, case.config = case.config, child
    assert_refused(case, capsys, f'{spoiled}, line 2', 'undefined_name')
    child.write_text("_base_ = ['gone.py']\n")
    assert_refused(case, capsys, 'gone.py')


@pytest.mark.parametrize(
    'option, expected',
    [
        ('X_L_repeat=0', 'X_L_repeat is 0'),
        ('cycles=3', 'cycles is 3: list ascending numbers'),
        ('cycles=[1,0]', 'cycles is [1, 0]'),
        ('seed=-1', 'seed is -1'),
        ('epoch_ratio=[1]', 'epoch_ratio is [1]'),
        ('epoch=-1', 'epoch is -1'),
        ('lr_config.step=[0]', "stage 'label': lr_step is (0,)"),
        ('schedule=paper', "schedule is 'paper'"),
        ('query.type=best', "query = {'type': 'best', 'k': 10000}"),
        ('query.k=0', 'k is 0'),
        ('optimizer.type=SDG', "optimizer = {'type': 'SDG'"),
        ('optimizer.speed=3', 'speed'),
        ('lr_config.policy=slope', 'SlopeLrUpdaterHook'),
        ('check_images=none', "check_images is 'none'"),
        ('checkpoint_config.max_keep_ckpts=-1', 'max_keep_ckpts is -1'),
        ('model.backbone.type=NoNet', 'NoNet'),
        ('model.bbox_head.num_classes.x=1', 'does not fit the config'),
        ('img_scale=${no_such_key}', 'no_such_key'),
        ('load_from=gone.pth', 'gone.pth: no such checkpoint'),
        ('evaluation.interval=1', 'VOCDetectionDataset refuses it'),
        ('evaluation.metric=bbox', "metric 'bbox' is not supported"),
        ('evaluation.mode=12points', "mode '12points' is not supported"),
        ('budget.units=box', "budget has ['units'], which nothing here reads"),
        ('budget.size=many', "budget.size is 'many'"),
        ('query_fraction=half', "query_fraction is 'half': a number in (0, 1] is needed"),
        ('optimizer_config.type=Fp16OptimizerHook', "optimizer_config has ['type']"),
        ('X_L0_size=3', "the config has ['X_L0_size'], which nothing here reads; did you mean 'X_L_0_size'?"),
        ('querry.k=3', "did you mean 'query'?"),
        (
            'data.sample_per_gpu=3',
            "data has ['sample_per_gpu'], which nothing here reads; did you mean",
        ),
        ('evaluation=3', 'evaluation is 3: a dict is needed'),
        ('data=None', "the config has no 'data.train'"),
        ('amp=5', 'amp is 5: a dict is needed'),
        ('score_chunk_size=1.5', 'score_chunk_size is 1.5: a whole number of at least 1 is needed'),
        ('log_config.interval=-1', 'log_config.interval is -1'),
        ('param_lambda=abc', "param_lambda is 'abc'"),
        ('k=nan', 'k is nan: a finite number is needed'),
        ('optimizer.lr=inf', 'optimizer.lr is inf: a finite number is needed'),
        ('optimizer_config.grad_clip.max_norm=-1', 'max_norm is -1: a number above 0 is needed'),
        ('exclude=[1.5]', 'exclude is [1.5]: a file of image names'),
        ('data.workers_per_gpu=100000', 'data.workers_per_gpu is 100000: a whole number from 0 to 256'),
        ('model.type=1', 'model.type is 1: a text is needed'),
        ('seed=True', 'seed is True'),
        ('checkpoint_config.interval=5', 'every epoch is saved'),
        (
            'data.train.img_subdir=Images',
            "data.train.img_subdir is 'Images', but data.pool.img_subdir is None",
        ),
    ],
)
def test_value_that_makes_no_sense(case, capsys, option, expected) -> None:
    assert_refused(case, capsys, expected, arguments=('--cfg-options', option))


@pytest.mark.parametrize(
    'line, expected',
    [
        ("log_config['hooks'] = [dict(type='NoHook')]", 'NoHook'),
        ("custom_imports = dict(imports=['no_such_part'], allow_failed_imports=False)", "'no_such_part'"),
        ("custom_hooks = [dict(type='EMAHook', speed=1)]", 'speed'),
        ("runner = dict(type='EpochBasedRunner', max_epochs=12)", "runner.type is 'EpochBasedRunner'"),
        ("runner = dict(type='AlternatingEpochRunner', max_epochs=12)", 'runner.max_epochs is 12'),
        ("amp = dict(dtype='fp8')", "amp dtype is 'fp8'"),
        ("data['pool']['pipeline'] = [dict(type='NoTransform')]", 'NoTransform'),
        ("data['pool']['pipeline'] = train_pipeline", 'data.pool.pipeline: an image cannot be loaded'),
        ("data['train']['pipeline'] = unlabeled_pipeline[1:]", 'data.train.pipeline: an image cannot'),
        (
            "data['test']['pipeline'] = [test_pipeline[0], dict(test_pipeline[1], flip=True)]",
            'data.test.pipeline makes 2 versions of an image',
        ),
    ],
)
def test_nested_value_that_makes_no_sense(case, capsys, line, expected) -> None:
    case.config.write_text(f'{case.config.read_text()}{line}\n')
    assert_refused(case, capsys, expected)


def test_loss_term_that_is_not_there_or_needs_labels(case, capsys) -> None:
    case.write_config(schedule=[dict(name='odd', labeled_losses=['loss_best'])])
    assert_refused(case, capsys, "stage 'odd', labeled batches", 'loss_best', 'loss_cls')
    case.write_config(schedule=[dict(name='odd', unlabeled_losses=['loss_cls'])])
    assert_refused(case, capsys, "stage 'odd', unlabeled batches", 'need gt_bboxes')


def test_stage_that_trains_nothing(case, capsys) -> None:
    case.write_config(schedule=[dict(name='odd', train=['bbox_head.f_3_*'])])
    assert_refused(case, capsys, "stage 'odd' trains no parameter")


def test_run_directory_that_exists_is_left_alone(case, capsys) -> None:
    (case.work / 'run').mkdir(parents=True)
    (case.work / 'run' / 'X_L_0.npy').write_text('mine')
    assert case.run() == 1
    message = capsys.readouterr().err
    assert f'{case.work}/run: exists already and is not empty' in message
    assert '--run-name' in message and '--resume' not in message  # no run is there
    assert [path.name for path in case.work.rglob('*')] == ['run', 'X_L_0.npy']
    assert (case.work / 'run' / 'X_L_0.npy').read_text() == 'mine'


@pytest.mark.parametrize('name', ['../run', 'a/b', '..'])
def test_run_name_that_is_a_path(case, capsys, name) -> None:
    assert_refused(case, capsys, f'--run-name {name!r}', arguments=('--run-name', name))


def test_resuming_what_is_no_run(case, capsys) -> None:
    gone = case.data.parent / 'gone'
    assert_refused(case, capsys, f'{gone}: there is no run to resume', arguments=('--resume', str(gone)))
    assert not gone.exists()
    assert_refused(case, capsys, 'there is no run to resume', arguments=('--resume',))


@pytest.mark.parametrize(
    'arguments, expected',
    [
        (['--init-split', 'gone.npy', 'gone.npy'], 'gone.npy: no such file'),
        (['--init-split', 'a.npy', 'a.npy', '--start-cycle', '7'], '--start-cycle 7 is not in cycles [0, 1]'),
        (['--init-split', 'a.npy', 'a.npy', '--load-from', 'gone.pth'], 'gone.pth: no such checkpoint'),
    ],
)
def test_starting_point_that_is_not_there(case, capsys, arguments, expected) -> None:
    assert_refused(case, capsys, expected, arguments=tuple(arguments))


@pytest.mark.parametrize(
    'arguments', [['--load-from', 'a.pth'], ['--start-cycle', '1'], ['--resume', '--init-split', 'a', 'b']]
)
def test_options_that_do_not_go_together_are_wrong_usage(case, arguments) -> None:
    with pytest.raises(SystemExit) as error:
        case.run(*arguments)
    assert error.value.code == 2


def run_program(case: Case, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, 'tools/train.py', str(case.config), '--device', 'cpu', *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)


def test_the_program_says_it_on_stderr_and_exits_with_1(case) -> None:
    case.image(5).write_bytes(b'no image')
    finished = run_program(case)
    assert finished.returncode == 1
    last_lines = finished.stderr.strip().splitlines()[-2:]
    assert any(line.startswith('error: ') and str(case.image(5)) in line for line in last_lines)
    assert 'Traceback' not in finished.stderr
    assert not case.work.exists()


def test_detections_that_cannot_be_compared_stop_the_run_before_it_starts(
    tiny_data, tmp_path, monkeypatch
) -> None:
    widths = lambda head, feats: [level[:, : 4 + number] for number, level in enumerate(feats)]  # noqa: E731
    monkeypatch.setattr(MIAODRetinaHead, 'class_features', widths)
    with pytest.raises(ValueError, match=r'levels with \[4, 5, 6, 7, 8\] channels cannot be compared'):
        tiny_train(tiny_data, tmp_path, query=dict(_delete_=True, type='entropy+ccms'))
    assert not (tmp_path / 'run').exists()
