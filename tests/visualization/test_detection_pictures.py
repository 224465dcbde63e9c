"""Pictures of detections."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageColor

from mmdet_miaod.visualization.box_drawing import draw_detections
from mmdet_miaod.visualization.detection_pictures import show_detections
from mmdet_miaod.visualization.figures import COLORS

GREY = Image.new('RGB', (100, 80), (128, 128, 128))
EMPTY = np.zeros((0, 5), np.float32)
CLASSES = ('cat', 'dog')


@pytest.fixture
def grey_file(tmp_path):
    GREY.save(tmp_path / 'grey.png')
    return tmp_path / 'grey.png'


def draw(path, boxes, threshold=0.3) -> tuple[np.ndarray, int]:
    """The picture of boxes ``(n, 5)`` of the second class, and how many of them are drawn."""
    boxes = np.array(boxes, np.float32)
    labels = np.ones(len(boxes), np.int64)
    image, count = draw_detections(
        path, boxes[:, :4], boxes[:, 4], labels, classes=CLASSES, score_threshold=threshold
    )
    return np.asarray(image), count


def test_box_and_caption_are_drawn_in_the_color_of_the_class(grey_file):
    pixels, count = draw(grey_file, [[30, 40, 70, 60, 0.9]])
    mask = (pixels == ImageColor.getrgb(COLORS[1])).all(axis=2)
    assert count == 1
    assert mask[40, 30:71].all() and mask[60, 30:71].all()
    assert mask[40:61, 30].all() and mask[40:61, 70].all()
    assert (pixels[45:55, 35:65] == 128).all()
    assert mask[20:39].any() and not mask[61:].any()


def test_weak_boxes_are_left_out(grey_file):
    pixels, count = draw(grey_file, [[30, 40, 70, 60, 0.2]])
    assert count == 0 and (pixels == 128).all()
    assert draw(grey_file, [[30, 40, 70, 60, 0.2]], threshold=0.1)[1] == 1


def test_boxes_outside_and_inside_out_are_no_error(grey_file):
    pixels, count = draw(grey_file, [[-50, -50, 500, 500, 0.9], [60, 60, 20, 20, 0.8]])
    assert count == 2 and pixels.shape == (80, 100, 3)


def index_of(folder, names):
    paths = [folder / f'{number}.png' for number in range(len(names))]
    for path in paths:
        GREY.save(path)
    return SimpleNamespace(names=names, image_path=lambda i: str(paths[i]), exif='apply')


@pytest.mark.parametrize(
    ('names', 'files'), [(['a', 'b/c'], ['a.jpg', 'b/c.jpg']), (['a', 'a'], ['0_a.jpg', '1_a.jpg'])]
)
def test_every_image_is_written(tmp_path, names, files):
    show = tmp_path / 'show'
    show_detections(show, index_of(tmp_path, names), [[EMPTY, EMPTY]] * 2, classes=CLASSES)
    assert sorted(str(path.relative_to(show)) for path in show.rglob('*.jpg')) == files


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / 'file').write_text('mine')
    with pytest.raises(FileExistsError, match='is a file'):
        show_detections(tmp_path / 'file', index_of(tmp_path, ['a']), [[EMPTY, EMPTY]], classes=CLASSES)


def test_long_names_are_shortened_and_stay_different(tmp_path):
    names = ['长' * 83 + 'a', '长' * 83 + 'b']
    none = [[np.zeros((0, 5), np.float32)]] * 2
    show_detections(tmp_path / 'out', index_of(tmp_path, names), none, classes=('cat',))
    written = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert len(written) == 2 and all(len(name.encode()) < 240 for name in written)
