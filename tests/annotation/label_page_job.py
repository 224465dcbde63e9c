"""A batch on the label page: its folder, and the page served by a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from werkzeug.serving import make_server

from mmdet_miaod.annotation.batch import Batch, BatchImage, PreBox, image_uids
from mmdet_miaod.annotation.folder import write_batch_folder
from mmdet_miaod.annotation.label_page import PageLabels
from mmdet_miaod.annotation.label_page_server import LabelPage
from tests.annotation.batches import HEIGHT, WIDTH, make_batch, make_pictures

PROPOSED = PreBox('p0', 'bolt', 0.9, (40.25, 50.5, 120.75, 130.0))


def write_page_batch(folder: Path, count: int = 3) -> Batch:
    """Write the folder of a batch of pictures, the first of which has a proposed box."""
    pictures = make_pictures(folder.parent / 'photos', count)
    uids = image_uids('run', 2, list(pictures))
    images = tuple(
        BatchImage(uid, i, f'{uid}.jpg', content, WIDTH, HEIGHT, None, (PROPOSED,) if i == 0 else ())
        for i, (uid, content) in enumerate(zip(uids, pictures, strict=True))
    )
    batch = replace(make_batch(number=2), images=images)
    write_batch_folder(folder, batch, dict(zip(uids, pictures.values(), strict=True)), 'coco')
    return batch


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the label page of a batch; gives its address."""
    page = LabelPage([PageLabels.open(folder)], lambda: None)
    server = make_server('127.0.0.1', 0, page, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f'http://127.0.0.1:{server.server_port}/{page.token}/'
    finally:
        page.close()
        server.shutdown()
        thread.join()
