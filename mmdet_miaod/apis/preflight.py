"""The checks before a run: what would stop it later stops it here, before anything is written or trained."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..active.annotator import Annotator
from ..active.named_split import load_given_split
from ..active.query.base import QueryStrategy, build_strategy
from ..active.scoring import look_at, second_look
from ..active.selection import SelectionSettings
from ..active.split import Split
from ..config_errors import config_errors
from ..datasets.builder import check_evaluation, check_loaders, check_sample
from ..datasets.pool import ImagePoolDataset
from ..datasets.seeding import Draw
from ..engine.detector import ModelSettings, build_model
from ..engine.inference import ScoringSettings
from ..engine.parallel import check_device
from ..engine.stage_checks import checked_model
from ..run.lookup import check_run_directory
from .data import RunData, load_data
from .photographs import PhotographRecord, draw_test_images, find_record, unlabeled_test_set
from .run_options import RunOptions, StartingPoint
from .settings import RunSettings


@dataclass(frozen=True)
class Prepared:
    """Results of the checks for a run to use, so that nothing is read or drawn twice.

    Attributes:
        device: where the model is to be trained.
        data: indexed and checked; of a new run the first labels are there already, unless people give them.
        photographs: which image is which, where the pool is given as folders of photographs.
        test_images: ``(n,)`` int64 pool indices of the test set that people label.
        scoring: how images are run through the model.
        strategy: the query strategy.
        selection: what is labeled after a cycle; images of the test set are excluded.
        first_split: the split that a new run begins with; where people label it, what is asked for at first.
        models: the detector with its first weights, for who trains first to take.
    """

    device: torch.device
    data: RunData
    photographs: PhotographRecord | None
    test_images: np.ndarray
    scoring: ScoringSettings
    strategy: QueryStrategy
    selection: SelectionSettings
    first_split: Split
    models: list[nn.Module]

    def new_model(self, settings: ModelSettings) -> nn.Module:
        """Return a detector with its first weights: the one that was checked, then new ones."""
        return self.models.pop() if self.models else build_model(settings, self.data.labeled.CLASSES)


def check_before_start(
    settings: RunSettings,
    options: RunOptions,
    on_passed: Callable[[str, str], None] = lambda name, detail: None,
) -> Prepared:
    """Check all that a config names; stops at the first thing that a run would stop at.

    Args:
        settings: what to run.
        options: how to run it.
        on_passed: is told the name of each check that passed, and what was found.

    Raises:
        FileNotFoundError, KeyError, ValueError, ImportError: what is not usable, and what to do about it.
    """
    on_passed('config', f'{settings.file} has every key')
    photographs, data, selection, test_images = _prepare_data(settings, options)
    classes, tested = data.labeled.CLASSES, 0 if data.test is None else len(data.test)
    on_passed('evaluation', str(settings.evaluation.get('metric', '')))
    on_passed('pool and test set', f'{len(data.pool)} and {tested} images, {len(classes)} classes')
    strategy = build_strategy(settings.query)
    on_passed('query', settings.query['type'])
    device = check_device(options.device)
    on_passed('device', str(device))
    training = replace(settings.training, device=device)
    weights = options.start and options.start.model_path
    model = checked_model(settings.model, settings.schedule, training, classes, weights=weights)
    on_passed('model, stages and hooks', f'{sum(p.numel() for p in model.parameters()):,} parameters')
    split = _first_split(settings, options.start, data.pool, selection)
    if options.resume is None:
        _check_first_images(settings, selection, data, split)
        on_passed('first labels', f'{len(split.labeled)} images')
        on_passed('pipelines', 'an image of each kind was loaded')
    pool, loaders = data.pool, settings.loaders
    on_passed('shared memory', check_loaders(pool, loaders.batch_size, loaders.workers, loaders.prefetch))
    _rehearse_scoring(settings, options, pool, strategy=strategy, model=model)
    # A thousand chunks at most, so that the manifest stays small for large pools.
    chunk_size = max(settings.scoring.chunk_size, -(-len(pool) // 1000))
    scoring = replace(settings.scoring, device=device, chunk_size=chunk_size)
    return Prepared(device, data, photographs, test_images, scoring, strategy, selection, split, [model])


def _forward(
    model: nn.Module, img: torch.Tensor, img_metas: list[dict], indices: np.ndarray
) -> dict[str, torch.Tensor]:
    """Run an image through all layers: widths that do not fit stop here, not in the first step."""
    model.bbox_head(model.extract_feat(img))
    return {}


def _rehearse_scoring(
    settings: RunSettings,
    options: RunOptions,
    pool: ImagePoolDataset,
    *,
    strategy: QueryStrategy,
    model: nn.Module,
) -> None:
    """Stop at what does not fit together, or has detections that cannot be compared, before the first cycle.

    Not where layers are compiled: that takes minutes, and is done for the device that trains.
    """
    new = options.resume is None and not settings.model.acceleration.compile_towers
    view, first = pool.scoring_view(), np.arange(1)
    with config_errors('model.backbone, model.neck, model.bbox_head'):
        for look in [_forward] * new + [second_look(strategy)] * strategy.looks_again:
            look_at(model, look, view=view, indices=first, settings=ScoringSettings())


def _prepare_data(
    settings: RunSettings, options: RunOptions
) -> tuple[PhotographRecord | None, RunData, SelectionSettings, np.ndarray]:
    """Index the data, as it is recorded of a resumed run, and draw the test set that people label."""
    if options.resume is not None:
        check_run_directory(Path(options.resume))
    photographs = find_record(settings.data.pool, options.resume)
    index = None if photographs is None else photographs.index(settings.data.pool)
    data = load_data(settings.data, settings.model.num_classes, index)
    selection = settings.labeling.selection(data.pool.index.names)
    test_images = draw_test_images(settings, data, photographs, selection)
    if len(test_images):
        data = replace(data, test=unlabeled_test_set(settings.data.test, data.pool.index, test_images))
        selection = replace(selection, excluded=(*selection.excluded, *test_images.tolist()))
    if data.test is not None:
        check_evaluation(data.test, settings.evaluation)
    return photographs, data, selection, test_images


def _first_split(
    settings: RunSettings, start: StartingPoint | None, pool: ImagePoolDataset, selection: SelectionSettings
) -> Split:
    """Return the split that a new run begins with."""
    labeling, index = settings.labeling, pool.index
    for key, size in (('X_L_0_size', labeling.initial_size), ('X_S_size', labeling.step_size)):
        if size > len(index):
            hint = ''
            if left_out := getattr(pool, 'left_out', 0):
                hint = f'; {left_out} more are left out (only_with_boxes): set it False to keep them'
            raise ValueError(f'{key} is {size}, but the pool has {len(index)} images{hint}')
    if start is None:
        return labeling.draw_split(len(index), selection, settings.seed)
    if settings.annotator is not None:
        raise ValueError('--init-split: a run that people label begins with a batch; leave it out')
    if start.cycle not in labeling.cycles:
        raise ValueError(f'--start-cycle {start.cycle} is not in cycles {list(labeling.cycles)}')
    return load_given_split(start, index)


def _check_first_images(
    settings: RunSettings, selection: SelectionSettings, data: RunData, split: Split
) -> None:
    """Ask for the first labels, as the first cycle will, and load an image through each pipeline.

    Raises:
        FileNotFoundError, ValueError: when an annotation file is missing or malformed, when no known class is
            left, when there is no unlabeled image for a stage that trains on unlabeled images, when the split
            does not fit ``exclude`` and ``include``, or when a pipeline fails.
    """
    used = np.union1d(split.labeled, split.unlabeled)
    unwanted = np.intersect1d(used, selection.excluded)
    missing = np.setdiff1d(selection.included, split.labeled)
    if len(unwanted) or len(missing):
        raise ValueError(
            f'the given split has {len(unwanted)} images of "exclude", and {len(missing)} of "include" are '
            f'not labeled in it, such as {[*unwanted, *missing][:5]}'
        )
    needing = [stage.name for stage in settings.schedule if 'unlabeled' in stage.tags]
    if needing and not len(split.unlabeled):
        raise ValueError(
            f'X_L_0_size is {settings.labeling.initial_size} of {len(data.pool)} images in the pool, which '
            f'leaves no unlabeled image for stage {needing[0]!r}: make it smaller'
        )
    first, labeled = int(split.labeled[0]), data.labeled
    if settings.annotator is None:
        Annotator(labeled).label(split.labeled)
    else:
        labeled = labeled.example(first)
    samples = [
        ('data.train.pipeline', labeled, Draw(first, 0)),
        ('data.pool.score_pipeline', data.pool.scoring_view(), first),
    ]
    samples += [] if data.test is None else [('data.test.pipeline', data.test, 0)]
    samples += [('data.pool.pipeline', data.pool, Draw(int(i), 0)) for i in split.unlabeled[:1]]
    for key, dataset, draw in samples:
        check_sample(key, dataset, draw)
