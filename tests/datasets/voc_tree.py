"""Tiny VOC-format folders and data sets for tests."""

from pathlib import Path

from PIL import Image

from mmdet_miaod.datasets import VOCDetectionDataset

TRAIN_PIPELINE = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations', 'with_bbox': True},
    {'type': 'Resize', 'img_scale': (80, 60), 'keep_ratio': True},
    {'type': 'RandomFlip', 'flip_ratio': 0.5},
    {'type': 'Pad', 'size_divisor': 32},
    {'type': 'DefaultFormatBundle'},
    {'type': 'Collect', 'keys': ['img', 'gt_bboxes', 'gt_labels']},
]
TEST_PIPELINE = [
    {'type': 'LoadImageFromFile'},
    {
        'type': 'MultiScaleFlipAug',
        'img_scale': (80, 60),
        'flip': False,
        'transforms': [
            {'type': 'Resize', 'keep_ratio': True},
            {'type': 'ImageToTensor', 'keys': ['img']},
            {'type': 'Collect', 'keys': ['img'], 'meta_keys': ('filename', 'scale_factor')},
        ],
    },
]


def write_image(path: Path, size=(40, 30), color=(90, 120, 60), **save) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', size, color).save(path, **save)
    return path


def write_list(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def object_xml(name='cat', box=(11, 6, 31, 26), difficult='0') -> str:
    corners = ''.join(f'<{c}>{v}</{c}>' for c, v in zip(('xmin', 'ymin', 'xmax', 'ymax'), box, strict=True))
    mark = '' if difficult is None else f'<difficult>{difficult}</difficult>'
    return f'<object><name>{name}</name>{mark}<bndbox>{corners}</bndbox></object>'


def write_xml(path: Path, *objects: str, size=(40, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = f'<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>'
    path.write_text(f'<annotation>{header}{"".join(objects)}</annotation>')
    return path


def write_voc(root: Path, images: dict, list_name='trainval') -> tuple[str, str]:
    """Images (name -> (size, objects)) below ``root``; returns list file and ``root`` as strings."""
    for name, (size, objects) in images.items():
        write_image(root / 'JPEGImages' / f'{name}.jpg', size)
        write_xml(root / 'Annotations' / f'{name}.xml', *objects, size=size)
    names = write_list(root / 'ImageSets' / 'Main' / f'{list_name}.txt', '\n'.join(images) + '\n')
    return str(names), str(root)


IMAGES = {
    'boxes': ((40, 30), [object_xml('dog', (11, 6, 31, 26)), object_xml('cat', (1, 1, 9, 9), difficult='1')]),
    'empty': ((40, 30), []),
    'portrait': ((30, 40), [object_xml('cat', (1, 2, 21, 32))]),
    'flat': ((40, 30), [object_xml('cat', (5, 5, 5, 9)), object_xml('cow'), object_xml('cow', (1, 1, 9, 9))]),
}


def voc_dataset(
    root: Path, images=IMAGES, pipeline=TRAIN_PIPELINE, classes=('cat', 'dog'), **options
) -> VOCDetectionDataset:
    """Data set of images (as for :func:`write_voc`) that are written below ``root``."""
    ann_file, img_prefix = write_voc(root, images)
    return VOCDetectionDataset(ann_file, img_prefix, pipeline, classes=classes, **options)
