"""Files that were made to run code, to read other files, or to fill the memory."""

from __future__ import annotations

import os
import pickle
import re
import resource
import struct
import subprocess
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from mmdet_miaod.active.split import load_split
from mmdet_miaod.datasets import image_files
from mmdet_miaod.datasets.image_index import ImageIndex
from mmdet_miaod.datasets.image_lists import read_image_list
from mmdet_miaod.datasets.pool import ImagePoolDataset
from mmdet_miaod.datasets.voc_xml import parse_voc_xml
from mmdet_miaod.engine.detector import build_model, load_weights
from mmdet_miaod.regular_files import IrregularFileError
from mmdet_miaod.run.files import load_array
from tests.datasets.voc_tree import write_image, write_list
from tests.tiny_run import CLASSES, REPOSITORY, tiny_settings


class Payload:
    """Runs a command where it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return os.system, (f'touch {self.witness}',)


@contextmanager
def limited_memory(extra: int = 1 << 30):
    """Let this process have no more than ``extra`` bytes of further address space."""
    used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
    old = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + extra, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)


def test_the_payload_works_where_pickles_are_trusted(tmp_path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / 'ran')))
    assert (tmp_path / 'ran').exists()


@pytest.mark.parametrize('zipped', [True, False])
def test_a_checkpoint_runs_no_code(tmp_path, tiny_data, zipped) -> None:
    path, witness = tmp_path / 'model.pth', tmp_path / 'ran'
    torch.save({'state_dict': {}, 'meta': Payload(witness)}, path, _use_new_zipfile_serialization=zipped)
    settings = tiny_settings(tiny_data, tmp_path, load_from=str(path)).model
    with pytest.raises(ValueError, match=r'model\.pth: is no intact checkpoint of plain tensors'):
        build_model(settings, CLASSES)
    settings = tiny_settings(tiny_data, tmp_path).model
    with pytest.raises(ValueError, match='plain tensors'):
        load_weights(build_model(settings, CLASSES), path)
    pretrained = dict(type='Pretrained', checkpoint=str(path))
    settings = tiny_settings(tiny_data, tmp_path, model__backbone__init_cfg=pretrained).model
    with pytest.raises((ValueError, pickle.UnpicklingError)):
        build_model(settings, CLASSES)
    assert not witness.exists()


def hostile_arrays(folder: Path) -> dict[str, Path]:
    witness = folder / 'ran'
    paths = {name: folder / f'{name}.npy' for name in ('objects', 'pickle', 'archive', 'promise', 'short')}
    array = np.empty(1, dtype=object)
    array[0] = Payload(witness)
    np.save(paths['objects'], array, allow_pickle=True)
    paths['pickle'].write_bytes(pickle.dumps(Payload(witness)))
    with paths['archive'].open('wb') as file:
        np.savez(file, a=np.arange(3))
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (%d,), }"
    for name, count in (('promise', 1 << 40), ('short', 10)):
        text = (header % count).ljust(117) + b'\n'
        paths[name].write_bytes(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(text)) + text + bytes(40))
    return paths


@pytest.mark.parametrize('name', ['objects', 'pickle', 'archive', 'promise', 'short'])
def test_a_split_file_runs_no_code_and_takes_no_more_memory_than_it_has_bytes(tmp_path, name) -> None:
    path = hostile_arrays(tmp_path)[name]
    with limited_memory(), pytest.raises(ValueError, match=rf'{name}\.npy: cannot be read as a plain npy'):
        load_split(path, path, 100)
    assert not (tmp_path / 'ran').exists()


def test_a_split_file_may_be_no_pipe(tmp_path) -> None:
    os.mkfifo(tmp_path / 'pipe.npy')
    with pytest.raises(IrregularFileError, match=r'pipe\.npy: is a pipe'):
        load_array(tmp_path / 'pipe.npy')


BOMB = (
    '<!DOCTYPE a [<!ENTITY e0 "ha">'
    + ''.join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    + ']><annotation><object><name>&e11;</name></object></annotation>'
)
QUADRATIC = f'<!DOCTYPE a [<!ENTITY e "{"a" * 50_000}">]><annotation>{"&e;" * 50_000}</annotation>'


@pytest.mark.parametrize('text', [BOMB, QUADRATIC], ids=['exponential', 'quadratic'])
def test_xml_entities_are_not_expanded(tmp_path, text) -> None:
    path = tmp_path / 'a.xml'
    path.write_text(text)
    with limited_memory(), pytest.raises(ValueError, match=r'a\.xml: DTDs and entities are refused'):
        parse_voc_xml(path, {})


@pytest.mark.parametrize(
    'reference', ['SYSTEM "file://{}"', 'PUBLIC "x" "{}"', 'SYSTEM "http://127.0.0.1:1/{}"']
)
@pytest.mark.parametrize(
    'doctype', ['<!DOCTYPE a [<!ENTITY e {}>]>', '<!DOCTYPE a {}>', '<!DOCTYPE a [<!ENTITY % e {}> %e;]>']
)
def test_xml_fetches_nothing_from_elsewhere(tmp_path, doctype, reference) -> None:
    secret, path = tmp_path / 'secret', tmp_path / 'a.xml'
    secret.write_text('swordfish')
    head = doctype.format(reference.format(secret))
    path.write_text(f'{head}<annotation><object><name>&e;</name></object></annotation>')
    with pytest.raises(ValueError, match='DTDs and entities are refused') as error:
        parse_voc_xml(path, {})
    assert 'swordfish' not in str(error.value)


def write_png_bomb(path: Path, width: int, height: int) -> Path:
    """A PNG of black pixels in one bit each: a hundred thousand times smaller than what it decodes to."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    packer, packed = zlib.compressobj(9), b''
    row = bytes(1 + (width + 7) // 8)
    for _ in range(height):
        packed += packer.compress(row)
    packed += packer.flush()
    header = struct.pack('>IIBBBBB', width, height, 1, 0, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', packed) + chunk(b'IEND', b'')
    )
    return path


@pytest.mark.parametrize('size', [(20_000, 10_000), (65_500, 65_500)])
@pytest.mark.parametrize('mode', ['header', 'decode'])
def test_a_decompression_bomb_is_refused_unread(tmp_path, size, mode) -> None:
    path = write_png_bomb(tmp_path / 'bomb.png', size[0], size[1] if size[1] < 20_000 else 0)
    if size[1] > 20_000:
        data = bytearray(path.read_bytes())
        data[20:24] = struct.pack('>I', size[1])
        data[29:33] = struct.pack('>I', zlib.crc32(bytes(data[12:29])))
        path.write_bytes(data)
    index = ImageIndex.from_files([path])
    with limited_memory(), pytest.raises(ValueError, match=r'bomb\.png.*(pixels|too large)'):
        index.check_images(mode)


def test_a_bomb_that_comes_after_the_check_is_refused_when_it_is_loaded(tmp_path) -> None:
    path = write_image(tmp_path / 'a.png', (64, 48))
    index = ImageIndex.from_files([path])
    index.check_images()
    pool = ImagePoolDataset(index=index, pipeline=[dict(type='LoadImageFromFile')])
    write_png_bomb(path, 20_000, 10_000)
    assert path.stat().st_size < 200_000
    with limited_memory(), pytest.raises(ValueError, match=r'a\.png: .*(pixels|too large)'):
        pool[0]


@pytest.mark.parametrize(
    'name',
    [
        '../secret',
        'x/../../secret',
        '/etc/passwd',
        'C:/secret',
        '..\\secret',
        'a\0.jpg',
        '~/../secret\x1b[2J',
        'inside/..',
    ],
)
def test_image_names_stay_below_the_image_folder(tmp_path, name) -> None:
    write_image(tmp_path / 'secret.jpg')
    write_image(tmp_path / 'VOC2007/JPEGImages/ok.jpg')
    names = write_list(tmp_path / 'names.txt', f'ok\n{name}\n')
    with pytest.raises(ValueError, match=r'names\.txt, line 2: image name .* is refused'):
        ImageIndex.from_lists(str(names), str(tmp_path / 'VOC2007'))
    with pytest.raises(ValueError, match='is refused'):
        ImageIndex.from_names([name], str(tmp_path / 'VOC2007/JPEGImages'), '07')


def test_symbolic_links_do_not_lead_out_of_the_image_folder(tmp_path) -> None:
    write_image(tmp_path / 'outside/secret.jpg')
    folder = tmp_path / 'VOC2007/JPEGImages'
    write_image(folder / 'ok.jpg')
    write_image(folder / 'sub/other.jpg', color=(1, 2, 3))
    (folder / 'file.jpg').symlink_to(tmp_path / 'outside/secret.jpg')
    (folder / 'folder').symlink_to(tmp_path / 'outside')
    (folder / 'within.jpg').symlink_to('sub/other.jpg')

    def index(*names: str, root: Path = tmp_path) -> ImageIndex:
        listed = write_list(tmp_path / 'names.txt', '\n'.join(names))
        return ImageIndex.from_lists(str(listed), str(root / 'VOC2007'))

    for name in ('file', 'folder/secret'):
        with pytest.raises(ValueError, match='symbolic link out of its image folder, to .*outside'):
            index('ok', name)
    assert len(index('ok', 'within')) == 2
    # Where the data lies is the owner's choice.
    (tmp_path / 'linked').mkdir()
    (tmp_path / 'linked/VOC2007').symlink_to(tmp_path / 'VOC2007')
    assert len(index('ok', 'sub/other', root=tmp_path / 'linked')) == 2


@pytest.mark.parametrize(
    'content', [b'\xff\xfe\x00\x00', b'a\x00b', b'\x1b]0;owned\x07', b'a\r\rb', b'\xe2\x80\xa8/../a']
)
def test_hostile_lists_are_refused(tmp_path, content) -> None:
    with pytest.raises(ValueError, match=r'names\.txt'):
        read_image_list(write_list(tmp_path / 'names.txt', content))


def test_only_plain_image_formats_are_opened(tmp_path) -> None:
    path = tmp_path / 'a.jpg'
    path.write_bytes(b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\nshowpage\n')
    with pytest.raises(OSError, match='cannot identify'):
        image_files.decode(str(path))


SHELLS = (
    'os.system', 'os.popen', 'shell=True', 'getoutput', 'eval(', 'exec(', 'pickle.load', 'marshal',
    'yaml.load(', 'allow_pickle=True', 'weights_only=False', 'trust_remote_code',
)  # fmt: skip


def test_no_code_hands_text_to_a_shell_or_an_interpreter() -> None:
    files = [
        path for part in ('mmdet_miaod', 'tools', 'scripts') for path in (REPOSITORY / part).rglob('*.py')
    ]
    assert len(files) > 50
    found = [
        f'{path.relative_to(REPOSITORY)}: {line.strip()}'
        for path in files
        for line in path.read_text(encoding='utf-8').splitlines()
        if any(word in re.sub(r'(?:\.|COCO|ast\.literal_)eval\(', '', line) for word in SHELLS)
    ]
    assert found == []


def test_options_on_the_command_line_are_values_not_code(tmp_path) -> None:
    code = f"__import__('os').system('touch {tmp_path}/ran')"
    subprocess.run(
        [sys.executable, 'tools/train.py', 'configs/MIAOD.py', '--device', 'cpu', '--work-dir', str(tmp_path),
         '--data-root', str(tmp_path / '$(touch ran)'), '--cfg-options', f'seed={code}'],
        cwd=REPOSITORY, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert not list(tmp_path.rglob('ran'))
    assert not (REPOSITORY / 'ran').exists()
