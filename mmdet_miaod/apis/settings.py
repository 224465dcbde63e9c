"""Settings of a run: the one place where a config becomes plain values, checked and frozen."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mmcv import Config

from ..active.batches import BatchSettings
from ..active.proposals import ProposalSettings
from ..active.selection import SelectionSettings, image_positions
from ..active.split import Split, initial_split
from ..config.files import LIST_KEYS, config_identity, given, load_config
from ..config.schema import check_values
from ..datasets.image_lists import text_lines
from ..engine.acceleration import Acceleration
from ..engine.detector import ModelSettings
from ..engine.inference import ScoringSettings
from ..engine.stage import Stage, build_schedule
from ..engine.trainer import DEFAULT_RUNNER, TrainSettings
from ..models.uncertainty import PUBLISHED_K
from ..run.config_copy import DUMPED, config_text
from .data import DataSettings, LoaderSettings


@dataclass(frozen=True)
class LabelingSettings:
    """How many images are labeled when; :meth:`RunSettings.selection` gives the query's part.

    Attributes:
        cycles: numbers of the cycles, ascending.
        initial_size: images labeled before the first cycle (``X_L_0_size``).
        step_size: images labeled per cycle (``X_S_size``); only a guess where the budget counts boxes.
        unit: ``'image'`` or ``'box'``, what the budget counts.
        budget: images or boxes to label per cycle.
        fraction: fraction of the unlabeled images that the query looks at.
        unlabeled_from: see :func:`~mmdet_miaod.active.split.initial_split`.
        lists: the images of ``exclude`` and ``include``, by name or pool index.
    """

    cycles: tuple[int, ...]
    initial_size: int
    step_size: int
    unit: str
    budget: int
    fraction: float
    unlabeled_from: str
    lists: Mapping[str, Sequence[str | int]]

    def sizes(self, pool_size: int) -> list[int]:
        """Return the number of labeled images in each cycle; a run ends when every image is labeled.

        Under a budget of boxes nobody knows it beforehand: then ``step_size`` is the guess.
        """
        step = self.budget if self.unit == 'image' else self.step_size
        sizes = [min(self.initial_size, pool_size)]
        while len(sizes) < len(self.cycles) and sizes[-1] < pool_size:
            sizes.append(min(sizes[-1] + step, pool_size))
        return sizes

    def selection(self, names: Sequence[str]) -> SelectionSettings:
        """Return what is labeled after a cycle.

        Args:
            names: image names of the pool, which ``exclude`` and ``include`` are lists of.

        Raises:
            ValueError: a listed image is not in the pool.
        """
        excluded, included = (image_positions(self.lists[key], names) for key in LIST_KEYS)
        return SelectionSettings(self.budget, self.unit, self.fraction, excluded, included)

    def draw_split(self, pool_size: int, selection: SelectionSettings, seed: int) -> Split:
        """Draw the split of the first cycle; see :func:`~mmdet_miaod.active.split.initial_split`."""
        return initial_split(
            pool_size,
            self.initial_size,
            seed,
            unlabeled_from=self.unlabeled_from,
            excluded=selection.excluded,
            included=selection.included,
        )


@dataclass(frozen=True)
class RunSettings:
    """Everything that a config says about a run.

    Attributes:
        file: name of the config's file, for messages and for its copy in the run directory.
        config: a copy of the config, for :attr:`text`.
        identity: what a run may not change while it lasts, JSON values by dotted key.
        model: the detector.
        data: the data sets.
        loaders: the training loaders.
        schedule: the stages of a cycle.
        labeling: what is labeled when.
        annotator: how people are asked for labels; None: the data set's own annotation files answer.
        query: config of the query strategy.
        uncertainty_k: the number of instances that MI-AOD's uncertainty of an image is the mean of, whatever
            the query is: the query's ``k``, else the config's.
        training: how each stage is trained, but for the place (device, directory).
        scoring: batches of evaluation and scoring, but for the device.
        evaluation: keyword arguments of the test set's ``evaluate``.
        validate: whether cycles are evaluated; not with ``evaluation = None``.
        max_keep_checkpoints: resume checkpoints that stay.
        seed: seed of everything.
        work_directory: where run directories are made.
        log_level: what is logged.
    """

    file: str
    config: Config
    identity: Mapping[str, Any]
    model: ModelSettings
    data: DataSettings
    loaders: LoaderSettings
    schedule: tuple[Stage, ...]
    labeling: LabelingSettings
    annotator: BatchSettings | None
    query: Mapping[str, Any]
    uncertainty_k: int
    training: TrainSettings
    scoring: ScoringSettings
    evaluation: Mapping[str, Any]
    validate: bool
    max_keep_checkpoints: int
    seed: int
    work_directory: str
    log_level: str

    @classmethod
    def from_config(cls, config: Config) -> 'RunSettings':
        """Translate a config.

        Raises:
            KeyError: a key is missing, naming it.
            ValueError: a value makes no sense.
        """
        check_values(config._cfg_dict.to_dict())
        whole, config = config, given(config)
        data = (config.data[part] for part in ('train', 'pool', 'test'))
        return cls(
            file=Path(config.filename or 'config.py').with_suffix('.py').name,
            config=deepcopy(whole),
            identity=config_identity(whole),
            model=ModelSettings(config.model, config.get('load_from'), Acceleration.from_config(config)),
            schedule=build_schedule(
                config.get('schedule', 'miaod'),
                config.epoch_ratio,
                config.epoch,
                config.lr_config.get('step', []),
            ),
            data=DataSettings(*data, config.get('check_images', 'decode')),
            loaders=_loader_settings(config),
            query=config.query.to_dict(),
            uncertainty_k=int(config.query.get('k') or config.get('k') or PUBLISHED_K),
            training=_train_settings(config),
            scoring=_scoring_settings(config),
            evaluation=dict(config.get('evaluation') or {}),
            validate=config.get('evaluation', {}) is not None,
            max_keep_checkpoints=config.checkpoint_config.get('max_keep_ckpts', 3),
            seed=config.seed,
            work_directory=config.work_directory,
            log_level=config.get('log_level', 'INFO'),
            annotator=_annotator_settings(config),
            labeling=_labeling_settings(config),
        )

    @cached_property
    def text(self) -> str:
        """The config as Python, as :func:`~mmdet_miaod.run.config_copy.parse_config` reads it."""
        return DUMPED + config_text(self.config)


def load_settings(
    path: str | Path, options: Mapping[str, Any] | None = None, data_root: str | None = None
) -> RunSettings:
    """Read a config file and translate it; see :func:`~mmdet_miaod.config.files.load_config`."""
    return RunSettings.from_config(load_config(path, options, data_root))


def _loader_settings(config: Config) -> LoaderSettings:
    return LoaderSettings(
        batch_size=config.data.samples_per_gpu,
        workers=config.data.get('workers_per_gpu', 0),
        prefetch=config.data.get('prefetch_factor', 2),
        repeats=(config.X_L_repeat, config.X_U_repeat),
    )


def _labeling_settings(config: Config) -> LabelingSettings:
    if list(config.cycles) != sorted(set(config.cycles)):
        raise ValueError(f'cycles is {config.cycles!r}: list ascending numbers, such as [0, 1, 2]')
    stated = {key: value for key, value in (config.get('budget') or {}).items() if value is not None}
    budget = dict(unit='image', size=config.X_S_size) | stated
    lists = {key: config.get(key) or [] for key in LIST_KEYS}
    return LabelingSettings(
        cycles=tuple(config.cycles),
        initial_size=config.X_L_0_size,
        step_size=config.X_S_size,
        unit=budget['unit'],
        budget=budget['size'],
        fraction=config.get('query_fraction', 1.0),
        unlabeled_from=config.get('X_U_0_from', 'end'),
        lists={key: text_lines(value) if isinstance(value, str) else value for key, value in lists.items()},
    )


def _annotator_settings(config: Config) -> BatchSettings | None:
    annotator = dict(config.get('annotator') or dict(type='simulated'))
    if annotator.pop('type') == 'simulated':
        if annotator:
            raise ValueError(f"annotator has {sorted(annotator)}, which type='simulated' does not read")
        return None
    if (config.get('budget') or {}).get('unit', 'image') != 'image':
        raise ValueError("budget.unit: people label whole batches of images; use 'image'")
    proposals = {key: annotator.pop(key) for key in ('score_thr', 'max_boxes') if key in annotator}
    return BatchSettings(**annotator, proposals=ProposalSettings(**proposals))


def _train_settings(config: Config) -> TrainSettings:
    return TrainSettings(
        seed=config.seed,
        optimizer=config.optimizer,
        lr_config=config.lr_config,
        log_config=config.log_config,
        grad_clip=(config.get('optimizer_config') or {}).get('grad_clip'),
        amp_dtype=(config.get('amp') or {}).get('dtype'),
        custom_hooks=tuple(config.get('custom_hooks') or ()),
        runner=config.get('runner') or DEFAULT_RUNNER,
    )


def _scoring_settings(config: Config) -> ScoringSettings:
    return ScoringSettings(
        batch_size=config.data.get('test_samples_per_gpu', config.data.samples_per_gpu),
        workers=config.data.get('workers_per_gpu', 0),
        chunk_size=config.get('score_chunk_size', 1024),
    )
