"""Real photographs: two cycles on a few images of BCCD, two of them with a box of zero area."""

from __future__ import annotations

import json
import re

import numpy as np

from mmdet_miaod.apis import RunOptions, load_config, train
from mmdet_miaod.datasets.voc_xml import parse_voc_xml
from tests.bccd import BCCD, needs_bccd
from tests.tiny_run import REPOSITORY

CLASSES = {'RBC': 0, 'WBC': 1, 'Platelets': 2}


pytestmark = needs_bccd


def names_with_zero_area_boxes() -> list[str]:
    names = (BCCD / 'VOC2007/ImageSets/Main/trainval.txt').read_text().split()
    files = {name: BCCD / f'VOC2007/Annotations/{name}.xml' for name in names}
    return [name for name, file in files.items() if parse_voc_xml(str(file), CLASSES).problems]


def test_two_cycles_report_boxes_of_zero_area_once_and_go_on(tmp_path) -> None:
    main = BCCD / 'VOC2007/ImageSets/Main'
    bad = names_with_zero_area_boxes()
    others = [name for name in (main / 'trainval.txt').read_text().split() if name not in bad]
    pool = [*bad, *others[: 8 - len(bad)]]
    (tmp_path / 'pool.txt').write_text('\n'.join(pool) + '\n')
    (tmp_path / 'test.txt').write_text('\n'.join((main / 'test.txt').read_text().split()[:4]) + '\n')
    options = {
        'work_directory': str(tmp_path / 'work'),
        'pool_lists': [str(tmp_path / 'pool.txt')],
        'test_lists': [str(tmp_path / 'test.txt')],
        'data.workers_per_gpu': 0,
        'X_L_0_size': 4,
        'X_S_size': 4,
        'X_L_repeat': 1,
        'X_U_repeat': 1,
        'cycles': [0, 1],
        'epoch_ratio': [1, 1],
        'epoch': 1,
        'log_config.interval': 1,
    }
    config = load_config(REPOSITORY / 'configs/examples/bccd.py', options, str(BCCD))
    run = train(config, RunOptions(run_name='run', progress=False))

    # After two cycles all eight images are labeled, those with boxes of zero area too.
    assert np.load(run / 'X_L_1.npy').tolist() == list(range(8))
    assert len(bad) == 2
    (log,) = run.glob('*.log')
    reported = re.findall(r'Annotations/(\w+)\.xml: [^,\n]*', log.read_text())
    assert sorted(reported) == sorted(bad)
    entries = json.loads((run / 'metrics.json').read_text())
    assert [(entry['cycle'], entry['labeled']) for entry in entries] == [(0, 4), (1, 8)]
    assert all(0 <= entry['mAP'] <= 1 for entry in entries)
    scores = np.load(run / 'cycle0/scores.npy')
    assert np.isfinite(scores).sum() == 4
    assert (scores[np.isfinite(scores)] > 0).all()
