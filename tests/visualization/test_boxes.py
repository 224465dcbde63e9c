"""Images with boxes drawn on them."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mmdet_miaod.visualization.boxes import class_color, draw_boxes, show_detections

GREY = Image.new('RGB', (100, 80), (128, 128, 128))
EMPTY = np.zeros((0, 5), np.float32)
CLASSES = ('cat', 'dog')


def colored(image: Image.Image, color: tuple[int, int, int]) -> np.ndarray:
    return (np.asarray(image) == color).all(axis=2)


def test_box_and_label_are_drawn_in_the_color_of_the_class():
    box = np.array([[30, 40, 70, 60, 0.9]], np.float32)
    mask = colored(draw_boxes(GREY, [EMPTY, box], CLASSES), class_color(1, 2))
    assert mask[40, 30:71].all()
    assert mask[60, 30:71].all()
    assert mask[40:61, 30].all()
    assert not mask[45:55, 35:65].any()
    assert mask[25:39].any()
    assert not mask[61:].any()


def test_weak_boxes_are_left_out_and_the_image_is_not_changed():
    box = np.array([[30, 40, 70, 60, 0.2]], np.float32)
    assert np.asarray(draw_boxes(GREY, [box, EMPTY], CLASSES)).std() == 0
    assert np.asarray(draw_boxes(GREY, [box, EMPTY], CLASSES, score_thr=0.1)).std() > 0
    assert np.asarray(GREY).std() == 0


def test_boxes_outside_and_inside_out_are_no_error():
    boxes = np.array([[-50, -50, 500, 500, 0.9], [60, 60, 20, 20, 0.8]], np.float32)
    assert draw_boxes(GREY.convert('L'), [boxes, EMPTY], CLASSES).size == (100, 80)


def index_of(folder, names):
    paths = [folder / f'{number}.png' for number in range(len(names))]
    for path in paths:
        GREY.save(path)
    return SimpleNamespace(names=names, image_path=lambda i: str(paths[i]))


@pytest.mark.parametrize(
    ('names', 'files'), [(['a', 'b/c'], ['a.jpg', 'b/c.jpg']), (['a', 'a'], ['0_a.jpg', '1_a.jpg'])]
)
def test_every_image_is_written(tmp_path, names, files):
    show = tmp_path / 'show'
    show_detections(show, index_of(tmp_path, names), [[EMPTY, EMPTY]] * 2, CLASSES)
    assert sorted(str(path.relative_to(show)) for path in show.rglob('*.jpg')) == files


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    with pytest.raises(FileExistsError, match='not empty'):
        show_detections(tmp_path, index_of(tmp_path, ['a']), [[EMPTY, EMPTY]], CLASSES)
