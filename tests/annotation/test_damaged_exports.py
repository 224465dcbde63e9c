"""Exports damaged anywhere: labels come out, or a ValueError, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any
from xml.etree.ElementTree import fromstring

from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_miaod.annotation import coco_json, cvat, label_page, label_studio
from mmdet_miaod.annotation.answers import Answers, compare
from tests.annotation.batches import accepted_page, accepted_tasks, make_batch

BATCH = make_batch(2, 2)
PAGE = accepted_page(BATCH)
TASKS, COCO = accepted_tasks(BATCH), json.loads(coco_json.write_coco(BATCH))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def _damaged(content: Any, data: st.DataObject) -> Any:
    """Replace, remove or repeat something anywhere in nested lists and dicts."""
    content = copy.deepcopy(content)
    place, parents = content, 0
    while isinstance(place, (list, dict)) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        parents += 1
        if not isinstance(place[key], (list, dict)) or not place[key] or data.draw(st.integers(0, 3)) == 0:
            action = data.draw(st.sampled_from(['replace', 'remove', 'repeat']))
            if action == 'replace':
                place[key] = data.draw(VALUES)
            elif action == 'remove':
                del place[key]
            elif isinstance(place, list):
                place.append(copy.deepcopy(place[key]))
            return content
        place = place[key]
    return content


def _check(answers: Answers) -> None:
    for image in BATCH.images:
        for box in answers.by_uid.get(image.uid, answers.by_uid[min(answers.by_uid)]).boxes:
            x1, y1, x2, y2 = box.corners
            assert 0 <= x1 < x2 <= image.width and 0 <= y1 < y2 <= image.height
            assert box.name in BATCH.classes


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_damaged_export_of_label_studio(data) -> None:
    with contextlib.suppress(ValueError):
        _check(compare(BATCH, label_studio.read_tasks(_damaged(TASKS, data)), 'file'))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_damaged_file_of_the_label_page(data) -> None:
    with contextlib.suppress(ValueError):
        _check(compare(BATCH, label_page.read_page(_damaged(PAGE, data)), 'file'))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_damaged_coco_file(data) -> None:
    with contextlib.suppress(ValueError):
        _check(compare(BATCH, coco_json.read_coco(_damaged(COCO, data)), 'file', all_reviewed=True))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_cvat_file(data) -> None:
    root = fromstring(cvat.write_annotations(BATCH))
    element = data.draw(st.sampled_from(list(root.iter())))
    if element.attrib and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(element.attrib)))
        element.attrib[key] = data.draw(st.text(max_size=6))
    elif len(element):
        element.remove(element[0])
    else:
        element.tag = data.draw(st.sampled_from(['box', 'image', 'tag', 'meta', 'track', 'polygon']))
    with contextlib.suppress(ValueError):
        _check(compare(BATCH, cvat.read_annotations(root), 'file', all_reviewed=True))
