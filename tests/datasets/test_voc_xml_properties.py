"""Properties of the reader of VOC annotation files: what was written comes back, or the file is refused."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_miaod.datasets.voc_xml import MAX_COORDINATE, parse_voc_xml
from tests.datasets.voc_tree import object_xml, write_xml

PROPERTY = settings(max_examples=100, deadline=None, derandomize=True)
CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
# What an XML file can hold; control characters are another test's.
TEXT = st.text(st.characters(exclude_categories=('Cs', 'Cc'), exclude_characters='\ufffe\uffff'), max_size=9)
NAMES = TEXT.map(str.strip).filter(bool)
SPACE = st.text(' \t\n', max_size=2)
# Elements that the reader does not ask for; none of them may change what it finds.
OTHERS = st.sampled_from(
    [
        '<pose>Left</pose>',
        '<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>',
        '<!-- <object/> -->',
    ]
)
ENCODINGS = st.sampled_from(['utf-8', 'utf-8-sig', 'utf-16', 'iso-8859-1', 'us-ascii', 'windows-1252'])
NO_NUMBERS = ['nan', '-inf', '1e999', '1e9', '0x10', '1_0', '\uff11', '9' * 99, '2 3', '1,5', '1.e', '--1']
DIFFICULT = {None: False, '': False, '0': False, '1': True}


@dataclass
class Object:
    """An object as it was drawn, and its element."""

    name: str
    corners: list[float]
    difficult: bool
    element: str


@st.composite
def elements(draw, tag: str, *content: str) -> str:
    """An element with white space, and perhaps an attribute, around its content."""
    attribute = draw(st.just('') | TEXT.map(lambda text: f' a:note={quoteattr(text)}'))
    inside = ''.join(f'{draw(SPACE)}{part}' for part in content)
    return f'<{tag}{attribute}{draw(SPACE)}>{inside}{draw(SPACE)}</{tag}>'


@st.composite
def spans(draw) -> list[str]:
    """The numbers of two coordinates, ascending."""
    sides = st.floats(-MAX_COORDINATE, MAX_COORDINATE, width=32) | st.integers(-9, 3000)
    style = draw(st.sampled_from(['{!r}', '{:.9e}', '{:+.9E}']))
    return [style.format(side) for side in sorted(draw(st.lists(sides, min_size=2, max_size=2, unique=True)))]


@st.composite
def objects(draw, names: st.SearchStrategy[str]) -> Object:
    name, mark = draw(names), draw(st.sampled_from(list(DIFFICULT)))
    (x1, x2), (y1, y2) = draw(spans()), draw(spans())
    numbers = dict(zip(CORNERS, (x1, y1, x2, y2), strict=True))
    corners = [draw(elements(tag, number)) for tag, number in numbers.items()]
    text = f'<![CDATA[{name}]]>' if name.isalnum() and name.isascii() else escape(name)
    children = [draw(elements('name', text)), draw(elements('bndbox', *draw(st.permutations(corners))))]
    children += [] if mark is None else [draw(elements('difficult', mark))]
    children += draw(st.lists(OTHERS, max_size=2))
    element = draw(elements('object', *draw(st.permutations(children))))
    return Object(name, [float(number) for number in numbers.values()], DIFFICULT[mark], element)


@st.composite
def documents(draw) -> tuple[bytes, dict[str, int], list[Object]]:
    """A file, the labels of its classes, and its objects in order."""
    classes = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    # A box that is there twice is told, which another test looks at.
    places = dict(unique_by=lambda item: (item.difficult, *item.corners))
    drawn = draw(st.lists(objects(st.sampled_from(classes) | NAMES), max_size=4, **places))
    encoding = draw(ENCODINGS)
    header = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>{draw(SPACE)}'
    spaces = 'xmlns:a="urn:a"' + draw(st.sampled_from(['', ' xmlns="urn:b"']))
    inside = draw(SPACE).join(['<folder>VOC</folder>', *(item.element for item in drawn)])
    text = f'{header}<annotation {spaces}>{inside}</annotation>{draw(SPACE)}'
    return text.encode(encoding, 'xmlcharrefreplace'), {name: i for i, name in enumerate(classes)}, drawn


@pytest.fixture(scope='module')
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('xml') / 'a.xml'


@PROPERTY
@given(documents())
def test_what_was_written_comes_back_exactly(path, document) -> None:
    content, labels, drawn = document
    path.write_bytes(content)
    found = parse_voc_xml(path, labels)
    assert found.problems == ()
    assert found.unknown == Counter(item.name for item in drawn if item.name not in labels)
    for difficult, boxes, numbers in (
        (False, found.bboxes, found.labels),
        (True, found.bboxes_ignore, found.labels_ignore),
    ):
        expected = [item for item in drawn if item.difficult is difficult and item.name in labels]
        corners = np.array([item.corners for item in expected]).reshape(-1, 4)
        assert boxes.dtype == np.float32
        assert boxes.tolist() == (corners - 1).astype(np.float32).tolist()
        assert numbers.tolist() == [labels[item.name] for item in expected]


@PROPERTY
@given(documents(), st.data())
def test_a_file_that_was_cut_off_is_refused(path, document, data) -> None:
    content, labels, _ = document
    content = content.decode('utf-16').encode() if content[:2] in (b'\xff\xfe', b'\xfe\xff') else content
    content = content[: data.draw(st.integers(0, len(content.rstrip()) - 1))]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.xml: not well-formed XML'):
        parse_voc_xml(path, labels)


@st.composite
def flawed_objects(draw) -> str:
    """An object with one flaw: a number that is none, a part that is missing or empty, an odd mark."""
    box, corner = ['1', '2', '3', '4'], draw(st.integers(0, 3))
    kind = draw(st.sampled_from(['number', 'missing corner', 'name', 'box', 'difficult']))
    if kind == 'number':
        box[corner] = draw(st.sampled_from(NO_NUMBERS) | TEXT.filter(lambda text: not re.search(r'\d', text)))
    box[corner] = escape(box[corner])
    element = object_xml(
        name=draw(SPACE) if kind == 'name' else 'cat',
        box=box,
        difficult=draw(st.sampled_from(['2', '-1', 'true', '00', '1.0'])) if kind == 'difficult' else '0',
    )
    if kind == 'missing corner':
        element = re.sub(f'<{CORNERS[corner]}>.*</{CORNERS[corner]}>', '', element)
    return re.sub('<bndbox>.*</bndbox>', '', element) if kind == 'box' else element


@PROPERTY
@given(st.integers(0, 2), flawed_objects(), st.integers(0, 2))
def test_an_object_with_a_flaw_is_refused_by_its_number(path, before, flawed, after) -> None:
    write_xml(path, *[object_xml()] * before, flawed, *[object_xml('dog')] * after)
    with pytest.raises(ValueError, match=rf'a\.xml, object {before + 1}: '):
        parse_voc_xml(path, {'cat': 0})
