"""A classification loss that jumps and stays."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from mmdet_miaod.engine.loss_watch import Jump, JumpDetector, LossWatch

SMALL = dict(window=3, patience=4)
FALLEN = [1.0] * 3 + [0.25] * 5


def find_jump(losses: Sequence[float], **settings: float) -> Jump | None:
    """The first jump of a sequence of losses."""
    detector = JumpDetector(**settings)
    return next((jump for loss in losses if (jump := detector.update(loss)) is not None), None)


def test_a_loss_that_rises_beyond_half_of_its_fall_and_stays_has_jumped() -> None:
    # On a logarithmic scale half way from 0.25 back to 1.0 is 0.5.
    assert find_jump([*FALLEN, *[0.51] * 5], **SMALL) == Jump(12, best=0.25, now=0.51)
    assert find_jump([*FALLEN, *[0.49] * 50], **SMALL) is None


def test_a_loss_that_comes_back_in_time_has_not_jumped() -> None:
    # k high losses in a row make k high medians of three.
    assert find_jump([*FALLEN, *[9.0] * 3, *[0.25] * 9], **SMALL) is None
    assert find_jump([*FALLEN, *[9.0] * 4, *[0.25] * 9], **SMALL) is not None


def test_single_bad_batches_do_not_count() -> None:
    assert find_jump([*FALLEN, *[900.0, 0.25, 0.25] * 20], **SMALL) is None


def test_a_loss_that_never_fell_jumps_where_it_rises_by_half() -> None:
    assert find_jump([1.0] * 5 + [0.95] * 5 + [1.5] * 50, **SMALL) is None
    # Four medians of three above 1.5: the first is found with the second 1.51.
    assert find_jump([1.0] * 5 + [0.95] * 5 + [1.51] * 50, **SMALL) == Jump(14, best=0.95, now=1.51)


def test_a_loss_that_is_not_finite_has_jumped_at_once() -> None:
    jump = find_jump([*FALLEN, math.nan])
    assert jump.iteration == len(FALLEN) and math.isnan(jump.now)


def test_a_loss_that_has_hardly_fallen_when_a_stage_is_over_is_told(caplog) -> None:
    watch = LossWatch(**SMALL)
    watch.check_fallen('the beginning')
    for number, loss in enumerate((1.0, 1.0, 1.0, 0.95, 0.76, 0.76, 0.76)):
        watch.check_fallen('too early to say')
        watch.add(loss, (f'{number}.jpg',), 'here')
    watch.check_fallen("stage 'label' of cycle 0")
    (found,) = watch.take_jumps()
    assert (found['stalled'], found['best'], found['now']) == (True, 1.0, 0.76)
    (record,) = caplog.records
    assert "from 1 to 0.76 (running medians) by the end of stage 'label'" in record.getMessage()
    for _ in range(3):
        watch.add(0.75, ('a.jpg',), 'here')
    watch.check_fallen('later')
    assert watch.take_jumps() == []


def test_too_few_losses_say_nothing() -> None:
    assert find_jump([]) is None
    assert find_jump([1.0, 0.1, 5.0]) is None


def test_the_watch_warns_once_and_names_the_worst_batches(caplog) -> None:
    watch = LossWatch(**SMALL)
    losses = [*FALLEN, 0.6, 61.5, 0.7, 0.6, 0.6, *[0.6] * 20]
    for number, loss in enumerate(losses):
        watch.add(loss, (f'{number}.jpg', 'b.jpg'), f'iteration {number + 1}')
    (jump,) = watch.take_jumps()
    assert watch.take_jumps() == []
    assert (jump['where'], jump['best'], jump['now']) == ('iteration 13', 0.25, 0.6)
    assert jump['batches'][0] == dict(loss=61.5, files=['9.jpg', 'b.jpg'])
    (record,) = caplog.records
    message = record.getMessage()
    assert record.levelname == 'WARNING'
    assert 'from 0.25 to 0.6' in message and '9.jpg, b.jpg (61.5)' in message and 'iteration 13' in message
    assert 'grad_clip' in message


def test_another_watch_goes_on_with_what_the_first_one_saw(caplog) -> None:
    first = LossWatch(**SMALL)
    assert first.memory == {}
    for loss in FALLEN:
        first.add(loss, ('a.jpg',), 'before')
    second = LossWatch(memory=first.memory, **SMALL)
    for _ in range(10):
        second.add(0.6, ('a.jpg',), 'after')
    (jump,) = second.take_jumps()
    assert jump['best'] == 0.25
    # Whoever was warned in this cycle is not warned again.
    third = LossWatch(memory=second.memory, **SMALL)
    for _ in range(10):
        third.add(9.0, ('a.jpg',), 'later')
    assert third.take_jumps() == [] and len(caplog.records) == 1


def test_a_memory_that_lacks_what_is_kept_today_is_taken_as_it_is() -> None:
    watch = LossWatch(memory=dict(first=1.0, best=0.25, fired=False), **SMALL)
    assert watch.memory == dict(first=1.0, best=0.25, fired=False, recent=[], above=0, count=0)


def told_at(losses: list[float]) -> int | None:
    """Iteration at which a run of one stage says that it does not learn, None where it never does."""
    detector = JumpDetector()
    jumps = [jump for loss in losses if (jump := detector.update(loss)) is not None]
    found = jumps[0] if jumps else detector.stalled
    return found and found.iteration


def test_recorded_collapses_are_found_and_good_models_raise_no_alarm() -> None:
    """Models of 60 images without clipping and with it; jumps were defined on the first 34 of them."""
    lines = (Path(__file__).parent / 'recorded_losses.jsonl').read_text().splitlines()
    models = {(m['data'], m['setting'], m['seed']): m for m in map(json.loads, lines)}
    assert len(models) == len(lines) == 197
    told = {key for key, m in models.items() if told_at(m['losses']) is not None}
    # Where a loss is not finite, the run itself ends with a message.
    diverged = {key for key, m in models.items() if not m['finite']}
    # Half of the median of the models that SGD trained with clipping is 0.21 on BCCD, that on dice 0.08.
    collapsed = {key for key, m in models.items() if m['mAP'] < dict(BCCD=0.21, Dice=0.08)[m['data']]}
    assert (len(collapsed), len(diverged), len(collapsed & told - diverged)) == (21, 6, 13)
    # They learned late, and were still learning when their steps were over.
    assert collapsed - told - diverged == {('Dice', 'pretrained', 0), ('Dice', 'warm-up', 2)}
    # 0.237; and from scratch one that ended without red cells, at 0.306, and one that came back to 0.475.
    assert told - collapsed == {
        ('BCCD', 'pretrained, images as drawn', 3),
        ('BCCD', 'scratch', 0),
        ('BCCD', 'scratch', 1),
    }
