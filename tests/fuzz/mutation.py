"""Real-looking files, and random changes of them."""

from __future__ import annotations

import random

BOX = '<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>'
VOC_FILE = """<annotation>
\t<folder>VOC2007</folder><filename>000005.jpg</filename>
\t<source><database>The VOC2007 Database</database></source>
\t<size><width>500</width><height>375</height><depth>3</depth></size><segmented>0</segmented>
\t<object><name>chair</name><pose>Rear</pose><truncated>0</truncated><difficult>0</difficult>{}</object>
\t<object><name>person</name><difficult>1</difficult>{}<part><name>head</name>{}</part></object>
</annotation>
""".format(*(BOX.format(*box) for box in ((263, 211, 324, 339), (5.5, '1e2', 67, 374), (1, 1, 9, 9))))

XML_SEEDS = [
    VOC_FILE.encode(),
    f'<?xml version="1.0" encoding="utf-8"?>\n{VOC_FILE}'.encode(),
    f'<?xml version="1.0" encoding="UTF-16"?>\n{VOC_FILE}'.encode('utf-16'),
    f'<?xml version="1.0" encoding="iso-8859-1"?>\n{VOC_FILE.replace("Rear", "Größe")}'.encode('iso-8859-1'),
    b'<annotation verified="yes"/>',
    b'<annotation><!-- none --><object><name><![CDATA[cat]]></name><bndbox/></object></annotation>',
]
LIST_SEEDS = [
    b'000005\n000007\n000009\n',
    '\ufeff2008_000002\r\n2008_000003\r\n'.encode(),
    'sub/ä 1\nsub/b.jpg\n日本\n'.encode(),
    b'000005 -1\n000007  1\n000009  0\n',
    '\n'.join(f'{i:06d}' for i in range(200)).encode(),
]
XML_TOKENS = [
    b'<!DOCTYPE a [<!ENTITY b "c">]>',
    b'&b;',
    b'&#0;',
    b'&#x110000;',
    b'<![CDATA[',
    b']]>',
    b'<!--',
    b'<?xml?>',
    b'<object>',
    b'</object>',
    b'<name>',
    b'nan',
    b'inf',
    b'1e999',
    b'-1',
    b'9' * 400,
    b'\xff\xfe',
    b'\x00',
    b'xmlns="a"',
    b'encoding="utf-7"',
    b'encoding="utf-32"',
    b'encoding="idna"',
    b'encoding="base64"',
    b'encoding="undefined"',
    b'\xd9\xa1',
]
LIST_TOKENS = [
    b'../',
    b'/',
    b'\\',
    b'\x00',
    b'\n\n',
    b'\r',
    b'C:',
    b' 1',
    b'\xe2\x80\xa8',
    b'\xff',
    b'\xed\xa0\x80',
    b'.',
    b'\xef\xbb\xbf',
    b'\x85',
]


def mutate(data: bytes, tokens: list[bytes], others: list[bytes], draw: random.Random) -> bytes:
    """Change a file in one to six places: bytes, bits, pieces cut, doubled, swapped in, known-bad tokens."""
    content = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        start = draw.randint(0, len(content))
        stop = min(len(content), start + draw.choice([0, 1, 2, 8, 40, 400]))
        kind = draw.randrange(7)
        if kind == 0 and start < len(content):
            content[start] ^= 1 << draw.randrange(8)
        elif kind == 1:
            content[start:stop] = draw.randbytes(stop - start)
        elif kind == 2:
            del content[start:stop]
        elif kind == 3:
            content[start:start] = content[start:stop] * draw.choice([1, 2, 50])
        elif kind == 4:
            other = draw.choice(others)
            cut = draw.randint(0, len(other))
            content[start:stop] = other[cut : cut + draw.choice([1, 20, 200])]
        elif kind == 5:
            content[start:stop] = draw.choice(tokens)
        else:
            del content[start:]
    return bytes(content[: 1 << 16])
