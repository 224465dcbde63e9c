"""Training stages as data, and schedules made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, get_origin, get_type_hints

from torch import nn

CLASSIFIERS = ('bbox_head.f_1_*', 'bbox_head.f_2_*')
LABEL_LOSSES = ('loss_cls', 'loss_bbox', 'loss_mil')


@dataclass(frozen=True)
class Stage:
    """One training stage of a cycle: which losses train which parameters, for how long.

    Attributes:
        name: shown in logs and reports; nothing depends on it.
        epochs: passes over the (repeated) set that sets the epoch's length.
        labeled_losses: loss terms of the head that labeled batches are trained on.
        unlabeled_losses: loss terms that unlabeled batches are trained on; empty: no unlabeled batches.
        train: patterns (as in file names) of the parameters that this stage trains.
        freeze: patterns of the parameters that it leaves alone; wins over ``train``.
        lr_step: epochs of this stage (from 0) at which the learning rate drops, at least 1; empty: none.
        epoch_length: ``'labeled'`` or ``'unlabeled'``, the loader that sets the length of an epoch;
            the other one starts over when it is shorter.
    """

    name: str
    epochs: int = 1
    labeled_losses: tuple[str, ...] = LABEL_LOSSES
    unlabeled_losses: tuple[str, ...] = ()
    train: tuple[str, ...] = ('*',)
    freeze: tuple[str, ...] = ()
    lr_step: tuple[int, ...] = ()
    epoch_length: str = 'labeled'

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            if get_origin(hint) is tuple:
                value = getattr(self, name)
                # A text would be taken for its letters, and a pattern's '*' alone for every parameter.
                if not isinstance(value, (list, tuple)):
                    raise ValueError(f'stage {self.name!r}: {name} is {value!r}, expected a list')
                object.__setattr__(self, name, tuple(value))
        if not _is_count(self.epochs):
            raise ValueError(f'stage {self.name!r}: epochs is {self.epochs!r}, at least 1 is needed')
        if not all(_is_count(step) for step in self.lr_step):
            raise ValueError(
                f'stage {self.name!r}: lr_step is {self.lr_step}, expected epochs from 1 on (the first is 0)'
            )
        if not self.labeled_losses and not self.unlabeled_losses:
            raise ValueError(f'stage {self.name!r} has no losses')
        if self.epoch_length not in ('labeled', 'unlabeled'):
            raise ValueError(f"stage {self.name!r}: epoch_length is 'labeled' or 'unlabeled'")
        if self.epoch_length not in self.tags:
            raise ValueError(f'stage {self.name!r}: its epoch_length names a loader that it does not use')

    @property
    def tags(self) -> tuple[str, ...]:
        """Kinds of batches of an iteration, in the order in which they are trained on."""
        used = (('labeled', self.labeled_losses), ('unlabeled', self.unlabeled_losses))
        return tuple(tag for tag, losses in used if losses)

    @property
    def is_label_set_training(self) -> bool:
        """Whether the stage sees labeled images only."""
        return not self.unlabeled_losses

    def losses(self, tag: str) -> tuple[str, ...]:
        """Loss terms for batches of a tag, ``'labeled'`` or ``'unlabeled'``."""
        return {'labeled': self.labeled_losses, 'unlabeled': self.unlabeled_losses}[tag]

    def trains(self, parameter_name: str) -> bool:
        """Tell whether the stage trains the parameter of this name."""
        return _matches(parameter_name, self.train) and not _matches(parameter_name, self.freeze)


@dataclass(frozen=True)
class StagePosition:
    """Position of a stage in a run.

    Attributes:
        cycle: number of the cycle.
        number: number of the stage in the cycle, from 0.
        stage: the stage.
        epochs_done: how many of its epochs are done.
        first_iteration: iterations of the run before this stage.
        first_epoch: epochs of the run before this stage.
    """

    cycle: int
    number: int
    stage: Stage
    epochs_done: int = 0
    first_iteration: int = 0
    first_epoch: int = 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 1


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def label_set_stage(epochs: int, lr_step: Sequence[int] = ()) -> Stage:
    """Label-set training: all parameters, detection and image classification losses (equations 1 and 6)."""
    return Stage('label', epochs, lr_step=tuple(lr_step))


def minimize_uncertainty_stage(epochs: int) -> Stage:
    """Both classifiers frozen; the rest learns to make them agree on unlabeled images (equations 4 and 9)."""
    return Stage('minimize', epochs, unlabeled_losses=('loss_dis', 'loss_mil_pseudo'), freeze=CLASSIFIERS)


def maximize_uncertainty_stage(epochs: int) -> Stage:
    """Only the classifiers learn: right on labeled images, apart on unlabeled ones (equations 2 and 8)."""
    return Stage('maximize', epochs, ('loss_cls',), ('loss_dis_max',), train=CLASSIFIERS)


def miaod_schedule(epoch_ratio: Sequence[int], epoch: int, lr_step: Sequence[int]) -> tuple[Stage, ...]:
    """The published schedule of one cycle.

    Args:
        epoch_ratio: epochs of a label-set stage and of each uncertainty stage.
        epoch: how often minimize, maximize, label is repeated after the first label-set stage.
        lr_step: epochs of the *last* label-set stage at which the learning rate drops.
    """
    label_epochs, uncertainty_epochs = epoch_ratio
    stages = [label_set_stage(label_epochs)]
    for _ in range(epoch):
        stages.append(minimize_uncertainty_stage(uncertainty_epochs))
        stages.append(maximize_uncertainty_stage(uncertainty_epochs))
        stages.append(label_set_stage(label_epochs))
    stages[-1] = label_set_stage(label_epochs, lr_step)
    return tuple(stages)


def supervised_schedule(epoch_ratio: Sequence[int], epoch: int, lr_step: Sequence[int]) -> tuple[Stage, ...]:
    """Baseline schedule: plain training on labeled images for as many epochs as :func:`miaod_schedule`.

    The learning rate drops as many epochs before the end as there; there is no MIL loss.
    """
    label_epochs, uncertainty_epochs = epoch_ratio
    before_last = epoch * (label_epochs + 2 * uncertainty_epochs)
    steps = tuple(before_last + step for step in lr_step)
    return (Stage('supervised', before_last + label_epochs, ('loss_cls', 'loss_bbox'), lr_step=steps),)


SCHEDULES = {'miaod': miaod_schedule, 'supervised': supervised_schedule}


def build_schedule(
    schedule: str | Sequence[Mapping | Stage],
    epoch_ratio: Sequence[int],
    epoch: int,
    lr_step: int | Sequence[int],
) -> tuple[Stage, ...]:
    """Build a cycle's stages from config values.

    Args:
        schedule: the name of a schedule, or a list of stages (each a dict of :class:`Stage`'s fields).
        epoch_ratio: see :func:`miaod_schedule`; not used with a list of stages.
        epoch: see :func:`miaod_schedule`; not used with a list of stages.
        lr_step: see :func:`miaod_schedule`; not used with a list of stages.

    Raises:
        ValueError: for an unknown name, an empty list or a malformed stage.
    """
    if isinstance(schedule, str):
        lr_step = [lr_step] if isinstance(lr_step, int) else lr_step
        if schedule not in SCHEDULES:
            raise ValueError(f'schedule is {schedule!r}: choose one of {sorted(SCHEDULES)} or list stages')
        if not isinstance(epoch_ratio, Sequence) or len(epoch_ratio) != 2:
            raise ValueError(f'epoch_ratio is {epoch_ratio!r}: two numbers are needed')
        if not isinstance(epoch, int) or epoch < 0:
            raise ValueError(f'epoch is {epoch!r}: a whole number of at least 0 is needed')
        return SCHEDULES[schedule](epoch_ratio, epoch, lr_step)
    stages = [stage if isinstance(stage, Stage) else _stage_from_config(stage) for stage in schedule]
    if not stages:
        raise ValueError('schedule is an empty list: a cycle needs at least one stage')
    return tuple(stages)


def _stage_from_config(config: Mapping) -> Stage:
    try:
        return Stage(**config)
    except TypeError as error:
        known = ', '.join(item.name for item in fields(Stage))
        raise ValueError(f'schedule: {config!r} is no stage ({error}); its keys are {known}') from error


def set_trainable(model: nn.Module, stage: Stage, frozen: frozenset[str]) -> list[nn.Parameter]:
    """Make exactly the stage's parameters trainable.

    Args:
        model: the detector.
        stage: whose patterns decide.
        frozen: names of parameters that are frozen in every stage (the backbone's ``frozen_stages``).

    Returns:
        The trainable parameters, in the model's order.

    Raises:
        ValueError: when the stage would train nothing.
    """
    trainable = []
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen and stage.trains(name))
        if parameter.requires_grad:
            trainable.append(parameter)
    if not trainable:
        raise ValueError(f'stage {stage.name!r} trains no parameter of the model: check its patterns')
    return trainable


def frozen_parameter_names(model: nn.Module) -> frozenset[str]:
    """Names of the parameters that a freshly built model does not train (frozen backbone stages)."""
    return frozenset(name for name, p in model.named_parameters() if not p.requires_grad)
