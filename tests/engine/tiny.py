"""Small parts of training that the tests share: a loader of numbered batches, the published stages."""

from __future__ import annotations

from mmcv.parallel import DataContainer

from mmdet_miaod.engine.stage import (
    label_set_stage,
    maximize_uncertainty_stage,
    minimize_uncertainty_stage,
)

STAGES = dict(label=label_set_stage, minimize=minimize_uncertainty_stage, maximize=maximize_uncertainty_stage)


class Batches:
    """A loader of numbered batches that starts over, as TrainLoader does."""

    def __init__(self, tag: str, length: int) -> None:
        self.tag = tag
        self.keys: list[tuple] = []
        self._length = length

    def __len__(self) -> int:
        return self._length

    def batches(self, count, *key):
        self.keys.append(key)
        for number in range(count):
            name = f'{self.tag[0]}{number % self._length}'
            metas = [dict(ori_filename=f'{name}.jpg')]
            yield dict(img=name, img_metas=DataContainer([metas], cpu_only=True) if number % 2 else metas)
