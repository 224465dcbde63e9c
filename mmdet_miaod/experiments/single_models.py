"""Single models without a run around them: trained on a first split, evaluated, recorded."""

import itertools
import json
import logging
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.runner import Hook

from ..active.split import Split, initial_split
from ..apis.data import LoaderFactory, RunData, load_data
from ..apis.settings import RunSettings, load_settings
from ..config.files import read_config
from ..engine.detector import build_model
from ..engine.inference import detect, evaluate_detections
from ..engine.runner import AlternatingEpochRunner
from ..engine.stage import StagePosition, frozen_parameter_names
from ..engine.trainer import train_stage
from ..randomness import seed_everything
from .collapse import ModelRecord, read_records, write_records

_LOGGER = logging.getLogger('mmdet')


@dataclass(frozen=True)
class Study:
    """Settings x seeds on one config, one model each.

    Attributes:
        data: name of the data set.
        config: config file that all models share.
        options: config overrides of all models, by dotted key.
        settings: further ones of each setting, by its name.
        seeds: of the models of each setting.
        odd_images: names of pool images that are known to be labeled badly.
        odd: by setting, how many of them are among its labeled images; where a setting is not here, they are
            drawn as any.
        records: file of the records.
    """

    data: str
    config: Path
    options: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Any]]
    seeds: Sequence[int]
    odd_images: Sequence[str]
    odd: Mapping[str, int]
    records: Path

    def run_settings(self, setting: str, seed: int, data_root: str | None) -> RunSettings:
        """Return the settings of one model."""
        # MMCV takes ``_delete_`` out of the dicts that it is given.
        options = deepcopy({**self.options, **self.settings[setting], 'seed': seed})
        return load_settings(self.config, options, data_root)

    def split(self, setting: str, settings: RunSettings, names: Sequence[str]) -> Split:
        """Draw the labeled images of one model.

        Args:
            setting: its name.
            settings: of the model.
            names: of the pool's images.
        """
        size, odd = settings.labeling.initial_size, self.odd.get(setting)
        if odd is None:
            return initial_split(len(names), size, settings.seed)
        listed = set(self.odd_images)
        drawn = np.random.RandomState(settings.seed).permutation(
            [i for i, name in enumerate(names) if name in listed]
        )
        return initial_split(
            len(names),
            size,
            settings.seed,
            excluded=np.sort(drawn[odd:]),
            included=np.sort(drawn[:odd]),
        )


def load_study(path: str | Path) -> Study:
    """Read a study from a Python file; ``config`` and ``records`` are relative to it.

    Raises:
        FileNotFoundError: the file is missing.
        KeyError: a name is missing.
        ValueError: a name is unknown.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such study file')
    values = read_config(path)._cfg_dict.to_dict()
    values = {'options': {}, 'odd_images': (), 'odd': {}, **values}
    # A leading underscore marks what the file itself needs.
    values = {name: value for name, value in values.items() if not name.startswith('_')}
    names = [item.name for item in fields(Study)]
    if missing := [name for name in names if name not in values]:
        raise KeyError(f'{path}: the study has no {missing[0]!r}')
    if unknown := sorted(values.keys() - set(names)):
        raise ValueError(f'{path}: {unknown} are not known; a study has {names}')
    places = {name: path.parent / values[name] for name in ('config', 'records')}
    return Study(**{**values, **places})


class _KeepLosses(Hook):
    """Keeps the classification loss of each labeled batch."""

    def __init__(self, losses: list[float]) -> None:
        self._losses = losses

    def after_train_iter(self, runner: AlternatingEpochRunner) -> None:
        self._losses.append(float(runner.log_buffer.val_history['loss_cls'][-1]))


def train_single_model(
    settings: RunSettings, data: RunData, split: Split
) -> tuple[dict[str, Any], list[float], str]:
    """Train the model of a first cycle on the CPU and evaluate it; nothing is written.

    Args:
        settings: how.
        data: on what; the split's images are labeled.
        split: its labeled and unlabeled images.

    Returns:
        Metrics, the classification loss of each labeled batch, and why training ended early ('' where it
        did not; the metrics are those of a model that finds nothing then).
    """
    data.labeled.label(split.labeled)
    loaders = LoaderFactory(data, settings.loaders, settings.training.device)(split)
    losses: list[float] = []
    training = replace(
        settings.training,
        custom_hooks=(*settings.training.custom_hooks, lambda: _KeepLosses(losses)),
        log_config=dict(interval=settings.training.log_config['interval'], hooks=[]),
    )
    seed_everything(settings.seed)
    model = build_model(settings.model, data.labeled.CLASSES)
    frozen = frozen_parameter_names(model)
    try:
        for number, stage in enumerate(settings.schedule):
            position = StagePosition(0, number, stage)
            train_stage(
                model,
                position,
                loaders=loaders,
                settings=training,
                frozen=frozen,
                on_epoch_end=lambda runner: None,
            )
    except FloatingPointError as error:
        return dict(mAP=0.0, AP={}), losses, str(error)
    detections = detect(model, data.test, settings.scoring)
    return evaluate_detections(detections, data.test, settings.evaluation), losses, ''


def train_models(study: Study, data_root: str | None, losses_file: Path | None = None) -> None:
    """Train the models of a study that are not recorded, seed by seed, and record each as it is finished.

    Args:
        study: which models.
        data_root: where the data is; None: where the config says.
        losses_file: to which a line of JSON per new model is added, with its losses.
    """
    records = read_records(study.records)
    done = {(record.setting, record.seed) for record in records}
    data: dict[str, RunData] = {}
    for seed, setting in itertools.product(study.seeds, study.settings):
        if (setting, seed) in done:
            continue
        settings = study.run_settings(setting, seed, data_root)
        key = str(settings.data)
        data[key] = data.get(key) or load_data(settings.data, settings.model.num_classes)
        split = study.split(setting, settings, data[key].pool.index.names)
        started = time.monotonic()
        metrics, losses, error = train_single_model(settings, data[key], split)
        record = ModelRecord(
            setting=setting,
            seed=seed,
            labeled=len(split.labeled),
            steps=len(losses),
            mAP=round(metrics['mAP'], 4),
            AP={name: value and round(value, 4) for name, value in metrics['AP'].items()},
            seconds=round(time.monotonic() - started, 1),
            error=error,
        )
        records.append(record)
        write_records(study.records, records)
        if losses_file is not None:
            line = dict(setting=setting, seed=seed, losses=[float(f'{loss:.3g}') for loss in losses])
            with losses_file.open('a', encoding='utf-8') as file:
                file.write(f'{json.dumps(line)}\n')
        _LOGGER.info('%s, seed %d: mAP %.3f %s', setting, seed, record.mAP, error)
