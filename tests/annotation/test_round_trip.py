"""Ten thousand boxes through each format that is written, and back."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from mmdet_miaod.annotation import coco_json, cvat
from mmdet_miaod.annotation.answers import LabelBox, compare
from mmdet_miaod.annotation.batch import Batch
from mmdet_miaod.annotation.formats import read_annotation_file
from mmdet_miaod.annotation.labels import ImportedFile, merge, no_labels
from mmdet_miaod.annotation.statistics import count_labels
from tests.annotation.batches import (
    CLASSES,
    HEIGHT,
    WIDTH,
    accepted_page,
    accepted_tasks,
    make_batch,
    save_json,
)

NO_QUOTES = ('bolt', 'nut', 'wing nut')


def _label_studio(folder: Path, batch: Batch) -> Path:
    return save_json(folder / 'export.json', accepted_tasks(batch))


def _page(folder: Path, batch: Batch) -> Path:
    return save_json(folder / 'label-page.json', accepted_page(batch))


def _cvat(folder: Path, batch: Batch) -> Path:
    path = folder / 'annotations.xml'
    path.write_bytes(cvat.write_annotations(batch))
    return path


def _coco(folder: Path, batch: Batch) -> Path:
    path = folder / 'instances.json'
    path.write_text(coco_json.write_coco(batch))
    return path


def _yolo(folder: Path, batch: Batch) -> Path:
    (folder / 'labels/train').mkdir(parents=True)
    (folder / 'data.yaml').write_text('names: [' + ', '.join(NO_QUOTES) + ']\n')
    for image in batch.images:
        lines = []
        for box in image.boxes:
            x1, y1, x2, y2 = box.corners
            edges = ((x1 + x2) / 2 / WIDTH, (y1 + y2) / 2 / HEIGHT, (x2 - x1) / WIDTH, (y2 - y1) / HEIGHT)
            lines.append(f'{NO_QUOTES.index(box.name)} ' + ' '.join(f'{edge:.8f}' for edge in edges))
        (folder / f'labels/train/{image.uid}.txt').write_text('\n'.join(lines))
    return folder


def _voc(folder: Path, batch: Batch) -> Path:
    (folder / 'Annotations').mkdir()
    for image in batch.images:
        root = ElementTree.Element('annotation')
        ElementTree.SubElement(root, 'filename').text = image.file_name
        for box in image.boxes:
            element = ElementTree.SubElement(root, 'object')
            ElementTree.SubElement(element, 'name').text = box.name
            bndbox = ElementTree.SubElement(element, 'bndbox')
            for key, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), box.corners, strict=True):
                ElementTree.SubElement(bndbox, key).text = f'{value:.2f}'
        ElementTree.ElementTree(root).write(folder / f'Annotations/{image.uid}.xml')
    return folder


@pytest.mark.parametrize('write', [_label_studio, _page, _cvat, _coco, _yolo, _voc])
def test_ten_thousand_boxes_come_back_unchanged(tmp_path, write) -> None:
    batch = make_batch(1000, 10, classes=NO_QUOTES if write is _yolo else CLASSES)
    found = read_annotation_file(write(tmp_path, batch), batch, first_pixel=0)
    answers = compare(batch, found, 'file', all_reviewed=True)
    for image in batch.images:
        expected = sorted(LabelBox(box.name, box.corners) for box in image.boxes)
        assert list(answers.by_uid[image.uid].boxes) == expected
    assert not (answers.missing or answers.clipped or answers.degenerate or answers.other_shapes)
    labels, _ = merge(batch, no_labels(batch), answers, ImportedFile('file', '', ''))
    counts = count_labels(batch, labels)
    assert (counts.with_boxes, counts.boxes) == (1000, 10_000)
    assert counts.proposed.share_kept == 1 and counts.proposed.added == 0
