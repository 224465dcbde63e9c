"""Imports one after another, and their counts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mmdet_miaod.annotation.answers import Answer, Answers, LabelBox, compare
from mmdet_miaod.annotation.batch import PreBox
from mmdet_miaod.annotation.found import FoundBox, FoundFile, FoundImage, ReviewState
from mmdet_miaod.annotation.labels import ImportedFile, merge, no_labels, read_labels, write_labels
from mmdet_miaod.annotation.statistics import BatchCounts, PreBoxCounts, compare_boxes, count_labels
from mmdet_miaod.run.file_record import DamagedFileError
from tests.annotation.batches import make_batch

BATCH = make_batch(4, 2)
UIDS = [image.uid for image in BATCH.images]
FIRST, SECOND = ImportedFile('first.json', 'a' * 64, 'COCO'), ImportedFile('second.json', 'b' * 64, 'COCO')
BOX, OTHER = LabelBox('nut', (1.0, 2.0, 30.0, 40.0)), LabelBox('bolt', (5.0, 5.0, 9.0, 9.0), True)
REVIEWED, EMPTY = Answer(ReviewState.REVIEWED, (BOX,), 90.0), Answer(ReviewState.REVIEWED)
SKIPPED, UNTOUCHED = Answer(ReviewState.SKIPPED), Answer(ReviewState.UNTOUCHED)


def _answers(*answers: Answer) -> Answers:
    return Answers(dict(zip(UIDS, answers)))


def test_importing_twice_is_importing_once() -> None:
    answers = _answers(REVIEWED, EMPTY, SKIPPED, UNTOUCHED)
    once, changes = merge(BATCH, no_labels(BATCH), answers, FIRST)
    assert not changes and once.imports == (FIRST,)
    for file in (FIRST, SECOND):
        assert merge(BATCH, once, answers, file) == (once, [])


def test_a_later_import_wins_and_says_so_but_untouched_does_not() -> None:
    before, _ = merge(BATCH, no_labels(BATCH), _answers(REVIEWED, EMPTY, SKIPPED, UNTOUCHED), FIRST)
    changed = replace(REVIEWED, boxes=(BOX, OTHER))
    after, changes = merge(BATCH, before, _answers(changed, UNTOUCHED, REVIEWED, EMPTY), SECOND)
    states = [after.answers[uid].state.value for uid in UIDS]
    assert states == ['reviewed', 'reviewed', 'reviewed', 'reviewed']
    assert [len(after.answers[uid].boxes) for uid in UIDS] == [2, 0, 1, 0]
    assert changes == [
        f'{UIDS[0]}: 1 boxes before, 2 boxes in second.json, which wins',
        f'{UIDS[1]}: untouched in this file; it stays reviewed as imported before',
        f'{UIDS[2]}: skipped before, 1 boxes in second.json, which wins',
    ]
    assert after.imports == (FIRST, SECOND) and count_labels(BATCH, after).conflicts == 2


def test_images_that_are_in_no_import_are_refused_until_a_part_is_accepted() -> None:
    half = _answers(REVIEWED, EMPTY)
    with pytest.raises(ValueError, match=r'first.json: 2 of 4 images of batch 2 are not in it, such as'):
        merge(BATCH, no_labels(BATCH), half, FIRST)
    labels, _ = merge(BATCH, no_labels(BATCH), half, FIRST, accept_partial=True)
    assert labels.is_complete(BATCH) and labels.open_uids(BATCH) == UIDS[2:]
    rest = Answers({UIDS[3]: SKIPPED, UIDS[2]: EMPTY})
    labels, _ = merge(BATCH, labels, rest, SECOND)
    assert list(labels.answers) == UIDS and not labels.open_uids(BATCH)


def test_untouched_images_keep_a_batch_open() -> None:
    labels, _ = merge(BATCH, no_labels(BATCH), _answers(REVIEWED, EMPTY, SKIPPED, UNTOUCHED), FIRST)
    assert not labels.is_complete(BATCH)
    labels, _ = merge(
        BATCH, labels, _answers(REVIEWED, EMPTY, SKIPPED, UNTOUCHED), FIRST, accept_partial=True
    )
    assert labels.is_complete(BATCH)


def test_labels_are_read_as_they_were_written_and_belong_to_their_batch(tmp_path) -> None:
    assert read_labels(tmp_path, BATCH) == no_labels(BATCH)
    labels, _ = merge(BATCH, no_labels(BATCH), _answers(REVIEWED, EMPTY, SKIPPED, UNTOUCHED), FIRST)
    path = write_labels(tmp_path, labels).path
    assert read_labels(tmp_path, BATCH) == labels
    with pytest.raises(DamagedFileError, match='belongs to another batch'):
        read_labels(tmp_path, make_batch(4, 1))
    path.write_text(path.read_text().replace('30.0', '31.0'))
    with pytest.raises(DamagedFileError, match='is damaged'):
        read_labels(tmp_path, BATCH)


def test_counts_tell_states_boxes_and_minutes() -> None:
    labels, _ = merge(BATCH, no_labels(BATCH), _answers(REVIEWED, EMPTY, SKIPPED), FIRST, accept_partial=True)
    counts = count_labels(BATCH, labels)
    proposed = counts.proposed
    assert counts == BatchCounts(4, 1, 1, 1, 0, 1, 0, 1, proposed, 1.5)
    assert proposed.kept + proposed.moved + proposed.deleted == 4
    assert count_labels(BATCH, no_labels(BATCH)).minutes is None


def _proposed(name: str, *corners: float) -> PreBox:
    return PreBox('p', name, 0.5, corners)


def test_proposed_boxes_are_kept_moved_deleted_and_added() -> None:
    proposed = [
        _proposed('nut', 0, 0, 100, 100),
        _proposed('nut', 200, 0, 300, 100),
        _proposed('nut', 0, 200, 100, 300),
        _proposed('nut', 500, 500, 600, 600),
    ]
    given = [
        LabelBox('nut', (0, 0, 100, 100.4)),
        LabelBox('nut', (205, 0, 300, 100)),
        LabelBox('bolt', (0, 200, 100, 300)),
        LabelBox('nut', (700, 700, 800, 800)),
        LabelBox('nut', (0, 0, 90, 90)),
    ]
    counts = compare_boxes(proposed, given)
    assert counts == PreBoxCounts(kept=1, moved=2, deleted=1, added=2)
    assert counts.share_kept == 0.25 and PreBoxCounts().share_kept is None


def test_of_two_boxes_in_one_place_the_one_of_the_class_is_the_proposed_one() -> None:
    given = [LabelBox('bolt', (0, 0, 9, 9)), LabelBox('nut', (0, 0, 9, 9))]
    assert compare_boxes([_proposed('nut', 0, 0, 9, 9)], given) == PreBoxCounts(kept=1, added=1)


def _found(*boxes: FoundBox) -> FoundFile:
    return FoundFile('x', (FoundImage(BATCH.images[0].file_name, None, boxes),))


def test_boxes_are_clipped_and_those_without_area_reported() -> None:
    boxes = [
        FoundBox('nut', (-5.0, -5.0, 10.0, 10.0)),
        FoundBox('nut', (-0.3, 1.0, 10.0, 10.0)),
        FoundBox('nut', (5.0, 5.0, 5.0, 9.0)),
        FoundBox('nut', (50.0, 5.0, 40.0, 9.0)),
        FoundBox('nut', (400.0, 5.0, 500.0, 9.0)),
    ]
    answers = compare(BATCH, _found(*boxes), 'file')
    corners = [box.corners for box in answers.by_uid[UIDS[0]].boxes]
    assert corners == [(0.0, 0.0, 10.0, 10.0), (0.0, 1.0, 10.0, 10.0)]
    assert [len(found) for found in (answers.clipped, answers.degenerate)] == [1, 3]


def test_boxes_are_sorted_so_that_their_order_in_a_file_does_not_matter() -> None:
    boxes = [FoundBox('nut', (1, 1, 9, 9)), FoundBox('bolt', (2, 2, 9, 9)), FoundBox('bolt', (1, 2, 9, 9))]
    one, other = compare(BATCH, _found(*boxes), 'f'), compare(BATCH, _found(*boxes[::-1]), 'f')
    assert one == other


def test_labels_are_standard_json(tmp_path) -> None:
    labels, _ = merge(BATCH, no_labels(BATCH), _answers(REVIEWED, EMPTY, SKIPPED, UNTOUCHED), FIRST)
    content = json.loads(write_labels(tmp_path, labels).path.read_text())
    assert content['answers'][0]['state'] == 'reviewed' and content['imports'][0]['name'] == 'first.json'
