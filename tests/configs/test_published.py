"""The published configs with their whole models: only sizes, repeats and weights are overridden."""

import json

import numpy as np
import pytest

from mmdet_miaod.commands.train import COMMAND
from mmdet_miaod.datasets.drawn.voc import draw_voc0712
from tests.tiny_run import REPOSITORY

# As in docs/how-to/published-config.md, there with img_scale=(128,96) as well.
OVERRIDES = (
    'model.backbone.init_cfg=None',
    'X_L_0_size=4',
    'X_S_size=2',
    'X_L_repeat=1',
    'X_U_repeat=1',
    'cycles=[0,1]',
    'epoch_ratio=[1,1]',
    'epoch=1',
    'lr_config.step=[]',
)


@pytest.mark.slow
@pytest.mark.parametrize(
    'name, size',
    [('MIAOD.py', ('img_scale=(128,96)',)), ('MIAOD_SSD.py', ('data.samples_per_gpu=2',))],
)
def test_two_cycles_on_a_stand_in_for_voc(tmp_path, name, size):
    root = draw_voc0712(tmp_path / 'VOCdevkit')
    arguments = [str(REPOSITORY / 'configs' / name), '--data-root', str(root), '--device', 'cpu', '--quiet']
    arguments += ['--work-dir', str(tmp_path), '--run-name', 'run', '--cfg-options', *OVERRIDES, *size]
    assert COMMAND.run('miaod train', arguments) == 0

    run = tmp_path / 'run'
    names = {
        tag: (root / f'VOC20{tag}' / 'ImageSets' / 'Main' / 'trainval.txt').read_text().split()
        for tag in ('07', '12')
    }
    pool = [('07', name) for name in names['07']] + [('12', name) for name in names['12']]
    for cycle, size in ((0, 4), (1, 6)):
        for letter in 'LU':
            split = np.load(run / f'X_{letter}_{cycle}.npy')
            assert len(split) == size
            for tag in names:
                listed = (run / f'cycle{cycle}' / f'trainval_{letter}_{tag}.txt').read_text().split()
                assert listed == [name for year, name in (pool[i] for i in split) if year == tag]
        assert (run / f'cycle{cycle}' / 'model.pth').stat().st_size > 100e6
    scores = np.load(run / 'cycle0' / 'scores.npy')
    assert scores.shape == (len(pool),)
    assert np.isnan(scores).nonzero()[0].tolist() == np.load(run / 'X_L_0.npy').tolist()
    metrics = json.loads((run / 'metrics.json').read_text())
    assert [len(entry['AP']) for entry in metrics] == [20, 20]
    assert (run / 'epoch_1.pth').exists()
