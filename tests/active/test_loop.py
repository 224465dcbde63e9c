"""The loop alone: what is asked of whom and when, with stand-ins that train nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmdet_miaod.active.cycle_scoring import scores_name
from mmdet_miaod.active.cycle_selection import CycleSelector
from mmdet_miaod.active.cycle_split import CycleSplits
from mmdet_miaod.active.loop import ActiveLearningLoop
from mmdet_miaod.active.query.base import Query, QueryStrategy
from mmdet_miaod.active.selection import SelectionSettings
from mmdet_miaod.active.split import initial_split
from mmdet_miaod.run.files import save_array
from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.manifest import RunState
from mmdet_miaod.run.step import FinishedStep

POOL_SIZE = 10


class Index:
    names = [f'{number:06d}' for number in range(POOL_SIZE)]  # noqa: RUF012 (never changed)
    list_ids = np.zeros(POOL_SIZE, dtype=np.int32)
    tags = ('07',)


class Pool:
    index = Index()

    def __len__(self) -> int:
        return POOL_SIZE


class Harness:
    """Every collaborator of the loop at once; writes down what it is asked."""

    def __init__(self, folder, sizes=(4, 3), cycles=(0, 1, 2)) -> None:
        self.asked: list[tuple] = []
        self.state = RunState(folder, RunIdentity({}, '', POOL_SIZE, 5), {})
        self.queries: list[tuple[Query, int]] = []
        harness = self

        class Strategy(QueryStrategy):
            def rank(self, query: Query, count: int) -> np.ndarray:
                harness.queries.append((query, count))
                return super().rank(query, count)

        shared = dict(annotator=self, state=self.state, seed=5, scorer=self)
        selection = SelectionSettings(sizes[1])
        self.loop = ActiveLearningLoop(
            cycles=list(cycles),
            selection=selection,
            first_split=lambda: initial_split(POOL_SIZE, sizes[0], 5),
            splits=CycleSplits(Pool(), self, self.state),
            build_loaders=lambda split: dict(labeled=split.labeled),
            trainer=self,
            evaluator=self,
            selector=CycleSelector(strategy=Strategy(), settings=selection, **shared),
            on_cycle_end=lambda cycle: self.asked.append(('report', cycle)),
            **shared,
        )

    def ask(self, cycle, choose):
        return choose()

    def left_out(self, cycle):
        return ()

    def label(self, indices) -> None:
        self.asked.append(('label', len(indices)))

    def count_boxes(self, indices) -> int:
        return 10 * len(indices)

    def split_files(self, labeled, unlabeled) -> dict[str, str]:
        return {}

    def train(self, cycle, loaders):
        self.asked.append(('train', cycle, len(loaders['labeled'])))
        return FinishedStep('model', cycle)

    def model(self, cycle) -> str:
        return f'model {cycle}'

    def tidy(self) -> None:
        pass

    def evaluate(self, cycle, model, labeled):
        self.asked.append(('evaluate', model))
        found = save_array(self.state.directory / 'found.npy', np.zeros(1))
        return dict(mAP=0.5, AP={}, seconds=0.0), [found]

    def look_at(self, cycle, model, selected):
        self.asked.append(('look at', model, len(selected)))
        return [save_array(self.state.directory / f'seen{cycle}.npy', selected)]

    def is_current(self, step) -> bool:
        return True

    def score(self, cycle, model, candidates, labeled) -> FinishedStep:
        assert not np.isin(candidates, labeled).any()
        self.asked.append(('score', cycle, model(cycle), len(candidates)))
        scores = np.full(POOL_SIZE, np.nan, dtype=np.float32)
        scores[candidates] = np.random.RandomState(cycle).rand(len(candidates))
        save_array(self.state.directory / scores_name(cycle), scores)
        return FinishedStep('scores', cycle)


def test_a_cycle_is_label_train_evaluate_score_and_the_last_is_not_scored(tmp_path) -> None:
    harness = Harness(tmp_path, sizes=(2, 3))
    harness.loop.run()
    expected = []
    for cycle, size in enumerate((2, 5, 8)):
        expected += [
            ('label', size),
            ('train', cycle, size),
            ('evaluate', f'model {cycle}'),
            ('report', cycle),
        ]
        if cycle < 2:
            expected.append(('score', cycle, f'model {cycle}', POOL_SIZE - size))
            expected.append(('look at', f'model {cycle}', min(3, POOL_SIZE - size)))
    assert harness.asked == expected
    entries = json.loads((tmp_path / 'metrics.json').read_text())
    assert [(entry['labeled'], entry['boxes']) for entry in entries] == [(2, 20), (5, 50), (8, 80)]


def test_a_query_knows_its_candidates_scores_and_a_seed_of_its_own(tmp_path) -> None:
    harness = Harness(tmp_path, sizes=(2, 3))
    harness.loop.run()
    (first, first_count), (second, second_count) = harness.queries
    labeled = np.load(tmp_path / 'X_L_0.npy')
    assert first.labeled.tolist() == labeled.tolist()
    assert first.candidates.tolist() == sorted(set(range(POOL_SIZE)) - set(labeled.tolist()))
    assert np.flatnonzero(np.isnan(first.scores)).tolist() == labeled.tolist()
    assert first_count == second_count == 3
    assert first.seed != second.seed


def test_the_pool_runs_out(tmp_path, caplog) -> None:
    harness = Harness(tmp_path, cycles=(0, 1, 2, 3, 4))
    harness.loop.run()
    assert [entry[1] for entry in harness.asked if entry[0] == 'train'] == [0, 1, 2]
    assert np.load(tmp_path / 'X_L_2.npy').tolist() == list(range(POOL_SIZE))
    assert not (tmp_path / 'X_L_3.npy').exists()
    harness.asked.clear()
    harness.loop.run()
    assert not [entry for entry in harness.asked if entry[0] != 'label']
    assert 'ends after cycle 2' in caplog.text


def test_a_pool_that_is_labeled_at_once_has_one_cycle(tmp_path) -> None:
    harness = Harness(tmp_path, sizes=(POOL_SIZE, 1))
    harness.loop.run()
    assert harness.asked == [('label', 10), ('train', 0, 10), ('evaluate', 'model 0'), ('report', 0)]


@pytest.mark.parametrize('done', ['model', 'evaluation', 'scores', 'selected'])
def test_what_the_manifest_says_is_done_is_not_done_again(tmp_path, done) -> None:
    harness = Harness(tmp_path, cycles=(0, 1))
    harness.loop.run()
    last = next(i for i, step in enumerate(harness.state.steps) if (step.kind, step.cycle) == (done, 0))
    harness.state.steps = harness.state.steps[: last + 1]
    harness.asked.clear()
    harness.loop.run()
    first_cycle = [entry[0] for entry in harness.asked[: harness.asked.index(('train', 1, 7))]]
    redone = {
        'model': ['label', 'evaluate', 'report', 'score', 'look at', 'label'],
        'evaluation': ['label', 'score', 'look at', 'label'],
        'scores': ['label', 'look at', 'label'],
        'selected': ['label', 'label'],
    }
    assert first_cycle == redone[done]


def test_other_images_that_are_selected_are_looked_at_anew(tmp_path) -> None:
    harness = Harness(tmp_path, cycles=(0, 1))
    harness.loop.run()
    seen = next(i for i, step in enumerate(harness.state.steps) if step.kind == 'selected')
    harness.state.steps = harness.state.steps[: seen + 1]
    scores = np.load(tmp_path / scores_name(0))
    save_array(tmp_path / scores_name(0), -scores)
    harness.loop.run()
    assert [entry for entry in harness.asked if entry[0] == 'look at'] == [('look at', 'model 0', 3)] * 2


def test_selected_images_are_looked_at_by_score(tmp_path) -> None:
    harness = Harness(tmp_path, cycles=(0, 1))
    harness.loop.run()
    before, after = (np.load(tmp_path / f'X_L_{cycle}.npy') for cycle in (0, 1))
    seen, scores = np.load(tmp_path / 'seen0.npy'), np.load(tmp_path / scores_name(0))
    assert sorted(seen) == sorted(np.setdiff1d(after, before))
    assert (np.diff(scores[seen]) < 0).all()


def test_files_of_evaluations_and_of_looks_are_in_the_manifest(tmp_path) -> None:
    harness = Harness(tmp_path, cycles=(0, 1))
    harness.loop.run()
    files = [(s.kind, *s.files) for s in harness.state.steps if s.kind in ('evaluation', 'selected')]
    assert files == [
        ('evaluation', 'found.npy'),
        ('selected', 'seen0.npy'),
        ('evaluation', 'found.npy'),
    ]


def test_the_same_scores_make_the_same_splits(tmp_path) -> None:
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        Harness(tmp_path / name).loop.run()
    for path in (tmp_path / 'a').glob('X_*.npy'):
        assert path.read_bytes() == (tmp_path / 'b' / path.name).read_bytes()
