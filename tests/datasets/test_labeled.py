"""Labeled images whose boxes are unlocked image by image, whatever their format."""

import logging

import numpy as np
import pytest
from PIL import Image

from mmdet_miaod.datasets import ImageIndex, VOCDetectionDataset
from mmdet_miaod.datasets.boxes import sort_objects
from mmdet_miaod.datasets.label_report import odd_coordinates
from mmdet_miaod.datasets.labeled import BoxAnnotation, LabeledDataset
from mmdet_miaod.datasets.objects import FoundObject
from mmdet_miaod.datasets.seeding import Draw
from tests.datasets.voc_tree import TEST_PIPELINE, object_xml, voc_dataset, write_image, write_list


def test_labels_are_unlocked_by_label_alone(tmp_path):
    dataset = voc_dataset(tmp_path)
    for i in range(4):
        with pytest.raises(KeyError, match='not labeled'):
            dataset.get_ann_info(i)
        with pytest.raises(KeyError, match='not labeled'):
            dataset[i]
    dataset.label(np.array([0, 1]))
    info = dataset.get_ann_info(0)
    np.testing.assert_array_equal(info['bboxes'], [(10, 5, 30, 25)])
    np.testing.assert_array_equal(info['labels'], [1])
    np.testing.assert_array_equal(info['bboxes_ignore'], [(0, 0, 8, 8)])
    np.testing.assert_array_equal(info['labels_ignore'], [0])
    assert dataset.get_cat_ids(0) == [1]
    with pytest.raises(KeyError, match='portrait'):
        dataset.get_ann_info(2)


def test_labeling_twice_reads_a_file_once(tmp_path):
    dataset = voc_dataset(tmp_path)
    dataset.label([3, 0, 3, 0])
    before = list(dataset.problems)
    for path in (tmp_path / 'Annotations').iterdir():
        path.unlink()
    dataset.label([0, 3])
    dataset.label([])
    assert dataset.problems == before
    assert dataset.unknown_classes == {'cow': 2}


def test_get_ann_info_gives_copies(tmp_path):
    dataset = voc_dataset(tmp_path)
    dataset.label([0])
    dataset.get_ann_info(0)['bboxes'][:] = -1
    np.testing.assert_array_equal(dataset.get_ann_info(0)['bboxes'], [(10, 5, 30, 25)])


def test_train_sample_follows_the_image(tmp_path):
    dataset = voc_dataset(tmp_path)
    dataset.label(range(4))
    seen = set()
    for seed in range(12):
        sample = dataset[Draw(0, seed)]
        flip = sample['img_metas'].data['flip']
        seen.add(flip)
        expected = (80 - 60, 10, 80 - 20, 50) if flip else (20, 10, 60, 50)
        np.testing.assert_array_equal(sample['gt_bboxes'].data.numpy(), [expected])
        np.testing.assert_array_equal(sample['gt_labels'].data.numpy(), [1])
    assert seen == {True, False}


def test_image_without_boxes_is_a_sample_like_any_other(tmp_path):
    dataset = voc_dataset(tmp_path)
    dataset.label([0, 1])
    sample = dataset[Draw(1, 0)]
    assert sample['gt_bboxes'].data.shape == (0, 4)
    assert sample['gt_labels'].data.shape == (0,)
    assert sample['gt_labels'].data.numpy().dtype == np.int64


def test_report_is_made_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger('mmdet'), 'propagate', True)
    dataset = voc_dataset(tmp_path)
    with caplog.at_level(logging.WARNING, 'mmdet'):
        dataset.label([0, 3])
        dataset.label([3, 0])
        dataset.label([2])
    area, unknown = (record.getMessage() for record in caplog.records)
    assert 'flat.xml' in area
    assert 'no area' in area
    assert 'cow (2)' in unknown
    ((path, what),) = dataset.problems
    assert path == str(tmp_path / 'Annotations/flat.xml')
    assert 'object 1 (cat)' in what


def test_labels_without_any_known_class_are_an_error(tmp_path):
    dataset = voc_dataset(tmp_path)
    with pytest.raises(
        ValueError, match=r"no box of a known class in 1 labeled .*'cow': 2.*\('cat', 'dog'\)"
    ):
        dataset.label([3])
    with pytest.raises(KeyError):
        dataset.get_ann_info(3)
    dataset.label([0])
    dataset.label([3])
    assert dataset.get_ann_info(3)['bboxes'].shape == (0, 4)


@pytest.mark.parametrize('i', [-1, 4])
def test_unknown_image_cannot_be_labeled(tmp_path, i):
    with pytest.raises(IndexError):
        voc_dataset(tmp_path).label([i])


def test_test_mode_labels_everything_and_loads_no_boxes(tmp_path):
    dataset = voc_dataset(tmp_path, pipeline=TEST_PIPELINE, test_mode=True)
    assert set(dataset[0]) == {'img', 'img_metas'}
    assert dataset[2]['img'][0].shape == (3, 80, 60)
    assert [len(dataset.get_ann_info(i)['labels']) for i in range(4)] == [1, 0, 1, 0]


def test_classes_as_sequence_file_or_default(tmp_path):
    assert VOCDetectionDataset.CLASSES[0] == 'aeroplane'
    assert len(VOCDetectionDataset.CLASSES) == 20
    names = str(write_list(tmp_path / 'classes.txt', 'cat\ndog\n'))
    for classes in (['cat', 'dog'], ('cat', 'dog'), names):
        dataset = voc_dataset(tmp_path, classes=classes)
        assert dataset.CLASSES == ('cat', 'dog')
        assert len(dataset.PALETTE) == 2
    assert len(VOCDetectionDataset.CLASSES) == 20
    assert len(voc_dataset(tmp_path, classes=None).CLASSES) == 20
    for classes in ((), ('a', 'a'), ('a', ''), (1, 2)):
        with pytest.raises(ValueError, match='classes'):
            voc_dataset(tmp_path, classes=classes)


def test_annotation_sorts_objects_into_boxes_and_ignored_boxes():
    objects = [([1, 2, 3, 4], 1, False), ([5, 6, 7, 8.5], 0, True), ([0, 0, 9, 9], 0, False)]
    annotation = BoxAnnotation.from_objects(objects, {'cow': 2}, ['odd'])
    assert annotation.bboxes.tolist() == [[1, 2, 3, 4], [0, 0, 9, 9]]
    assert annotation.labels.tolist() == [1, 0]
    assert annotation.bboxes_ignore.tolist() == [[5, 6, 7, 8.5]]
    assert annotation.labels_ignore.tolist() == [0]
    assert (annotation.unknown, annotation.problems) == ({'cow': 2}, ('odd',))


def test_annotation_of_an_image_without_objects_has_empty_arrays():
    annotation = BoxAnnotation.from_objects([], {}, [])
    for suffix in ('', '_ignore'):
        boxes, labels = getattr(annotation, f'bboxes{suffix}'), getattr(annotation, f'labels{suffix}')
        assert (boxes.shape, boxes.dtype) == ((0, 4), np.float32)
        assert (labels.shape, labels.dtype) == ((0,), np.int64)


class OneCatPerImage(LabeledDataset):
    """A format of its own: image i has a cat of i pixels, image 0 has none."""

    def annotation_source(self, i):
        return f'cat {i}'

    def read_annotation(self, i):
        return BoxAnnotation.from_objects([([0, 0, i, i], 0, False)][: i and 1], {}, ['no cat'] * (i == 0))


def test_a_format_is_a_reader_of_annotations(tmp_path):
    for name in 'abc':
        write_image(tmp_path / f'{name}.png')
    dataset = OneCatPerImage(ImageIndex.from_files(tmp_path), ('cat',), [{'type': 'LoadImageFromFile'}])
    assert (dataset.CLASSES, len(dataset.PALETTE), dataset.stray_objects()) == (('cat',), 1, {})
    dataset.label([0, 2])
    assert dataset[2]['ann_info']['bboxes'].tolist() == [[0, 0, 2, 2]]
    assert dataset.problems == [('cat 0', 'no cat')]
    with pytest.raises(KeyError, match=r'image 1 .*b\.png'):
        dataset[1]
    with pytest.raises(TypeError, match='abstract'):
        LabeledDataset(dataset.index, ('cat',))


def test_where_all_objects_went_is_logged_once_per_labeling(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger('mmdet'), 'propagate', True)
    dataset = voc_dataset(tmp_path)
    with caplog.at_level(logging.INFO, 'mmdet'):
        dataset.label(range(4))
        dataset.label(range(4))
    sums = [text for text in caplog.messages if text.startswith('Labels of')]
    assert sums == [
        'Labels of 4 images: 6 objects = 2 to train on + 1 ignored (difficult 1) + 3 left out '
        '(no area 1, unknown class 2).'
    ]


def test_unknown_classes_are_named_with_their_files_and_what_they_resemble(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger('mmdet'), 'propagate', True)
    images = {'a': ((40, 30), [object_xml('cat'), object_xml('Dog '), object_xml('d og')])}
    voc_dataset(tmp_path, images).label([0])
    path = tmp_path / 'Annotations/a.xml'
    assert f"Dog (1), which differs from 'dog' in case or spacing only in {path}" in caplog.text
    assert f"d og (1), which differs from 'dog' in case or spacing only in {path}" in caplog.text


def test_unknown_classes_may_be_refused(tmp_path):
    dataset = voc_dataset(tmp_path, unknown_classes='error')
    dataset.label([0])
    with pytest.raises(ValueError, match=r'no class: cow \(2\) in .*flat.xml; classes: .*cat'):
        dataset.label([2, 3])
    assert not dataset.is_labeled(2)
    with pytest.raises(ValueError, match="unknown_classes is 'no'"):
        voc_dataset(tmp_path / 'other', unknown_classes='no')


@pytest.mark.parametrize(
    ('objects', 'told'),
    [
        ([object_xml(difficult='1')] * 2, r'2 ignored \(difficult 2\).*clear the marks .*difficult'),
        ([object_xml(box=(0.1, 0.1, 0.5, 0.6))], 'smaller than a pixel 1.*pixels, not from 0 to 1'),
        (['<objects>' + object_xml() + '</objects>'], 'not understood 1.*directly in <annotation>'),
        ([object_xml('cow')], "'cow': 1.*set the classes"),
        ([object_xml(box=(100, 1, 200, 9))], 'outside the image 1.*look at the boxes.*object 1'),
        ([], '0 objects.*set the classes'),
    ],
)
def test_no_box_at_all_is_explained(tmp_path, objects, told):
    dataset = voc_dataset(tmp_path, {'a': ((40, 30), objects)})
    with pytest.raises(ValueError, match=f'no box of a known class in 1 labeled images .*{told}'):
        dataset.label([0])


def test_one_class_as_a_text_is_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"the text 'cat', .*for one class write classes = \['cat'\]"):
        voc_dataset(tmp_path, classes='cat')


def test_a_box_that_resizing_flattens_is_no_target(tmp_path):
    dataset = voc_dataset(tmp_path, {'a': ((40, 30), [object_xml('cat'), object_xml('dog')])})
    dataset.label([0])
    dataset._annotations[0].bboxes[0] = (50, 5, 60, 25)  # as no file can bring it past the rule
    sample = dataset[Draw(0, 0)]
    assert sample['gt_labels'].data.tolist() == [1]
    assert sample['gt_bboxes'].data.shape == (1, 4)


def photograph(tmp_path, orientation):
    """Lists of one image 40 x 30 as its pixels lie; the box is the bright part of them."""
    voc_dataset(tmp_path, {'a': ((40, 30), [object_xml('cat', (21, 1, 40, 10))])})
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:9, 20:39] = 255
    Image.fromarray(pixels).save(tmp_path / 'JPEGImages/a.jpg', quality=95, exif=exif)
    return str(tmp_path / 'ImageSets/Main/trainval.txt'), str(tmp_path)


@pytest.mark.parametrize('orientation', [1, 3, 6])
def test_exif_may_be_ignored(tmp_path, orientation):
    lists = photograph(tmp_path, orientation)
    pipeline = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations', 'with_bbox': True}]
    dataset = VOCDetectionDataset(*lists, pipeline, classes=['cat'], exif='ignore')
    dataset.label([0])
    sample = dataset[0]
    x1, y1, x2, y2 = sample['gt_bboxes'][0].astype(int)
    assert sample['img'].shape == (30, 40, 3) and sample['img'][y1:y2, x1:x2].mean() > 200
    assert dataset.index.sizes.tolist() == [[40, 30]]


def test_a_turned_photograph_is_told_by_its_stated_size(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger('mmdet'), 'propagate', True)
    dataset = VOCDetectionDataset(*photograph(tmp_path, 6), classes=['cat'])
    dataset.label([0])
    assert '1 of 1 images have another size' in caplog.text
    assert 'a.xml: 40 x 30 instead of 30 x 40 (drawn before the picture was turned by EXIF?)' in caplog.text
    assert 'leaves the image of 30 x 40; kept' in caplog.text


def test_an_image_that_breaks_later_is_named(tmp_path):
    dataset = voc_dataset(tmp_path, pipeline=[{'type': 'LoadImageFromFile'}])
    dataset.label(range(4))
    path = tmp_path / 'JPEGImages/boxes.jpg'
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(ValueError, match=r'boxes\.jpg: cannot be read'):
        dataset[0]
    Image.new('RGB', (40, 30)).save(path, 'PNG')
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(ValueError, match=r'boxes\.jpg: cannot be read .*put the file back'):
        dataset[0]


@pytest.mark.parametrize(
    ('corners', 'size', 'expected'),
    [
        ((10, 20, 90, 99.5), (640, 480), ['no coordinate of 20 boxes is above 100']),
        ((10, 20, 90, 101), (640, 480), []),
        ((10, 20, 90, 99.5), (640, 200), []),
        ((300, 200, 650, 400), (640, 480), ['20 of 20 boxes reach beyond their image: look whether']),
        ((200, 90, 40, 60), (640, 480), ['20 of 20 boxes are inverted: where width and height']),
    ],
)
def test_coordinates_of_another_format_are_told(corners, size, expected) -> None:
    objects = [FoundObject(f'object {i}', 'cat', 0, corners) for i in range(10)]
    found = odd_coordinates({name: sort_objects(objects, size) for name in ('a.xml', 'b.xml')})
    assert [text[: len(start)] for text, start in zip(found, expected, strict=True)] == expected
