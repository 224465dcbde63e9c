"""Tiny VOC-format folders for tests."""

from pathlib import Path

from PIL import Image


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
