"""Costs of a pool of many millions of images besides its pixels: splits, query, files, index."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmdet_miaod.active.cycle_scoring import write_scores
from mmdet_miaod.active.query.base import Query
from mmdet_miaod.active.query.miaod import DiscrepancyQuery
from mmdet_miaod.active.scoring import split_chunks
from mmdet_miaod.active.selection import SelectionSettings, query_candidates
from mmdet_miaod.active.split import (
    initial_split,
    load_split,
    next_split,
    save_split,
    split_paths,
    write_name_lists,
)
from mmdet_miaod.datasets.image_index import ImageIndex
from mmdet_miaod.datasets.image_lists import NameTable
from mmdet_miaod.run.files import load_array
from mmdet_miaod.stopwatch import Timing, stopwatch
from tools.benchmarks.memory import resident_bytes

TIME_TARGET, MEMORY_TARGET = 20.0, 2e9
SEED = 666


def measure_pool(images: int) -> dict[str, Any]:
    """Measure the bookkeeping of one cycle in a process of its own, with simulated scores.

    5% of the pool are labeled at first and 2.5% selected, as in the published experiment.

    Returns:
        ``images``, ``seconds`` by part and ``total`` (each ``wall`` and ``cpu``), ``peak_bytes`` of the
        process (Python and its libraries included) and ``base_bytes``, its size before.
    """
    return _in_new_process(_measure_pool, images)


def measure_index(images: int) -> dict[str, Any]:
    """Measure the building of an index over names of one photograph, and the check of all headers.

    Returns:
        ``images``; ``index`` and ``headers``, each ``wall`` and ``cpu`` seconds, with those of loader
        processes; and ``bytes`` by which the process grew at its peak.
    """
    return _in_new_process(_measure_index, images)


def _in_new_process(function: Callable[[int], dict], images: int) -> dict[str, Any]:
    # A process of multiprocessing.Pool could have no children.
    with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
        return pool.submit(_run, multiprocessing.get_start_method(), function, images).result()


def _run(start_method: str, function: Callable[[int], dict], images: int) -> dict:
    """Measure with children that begin as those of a command do; a spawned process would spawn them."""
    multiprocessing.set_start_method(start_method, force=True)
    return function(images)


def _measure_pool(images: int) -> dict[str, Any]:
    names = _names(images)
    list_ids = np.zeros(images, dtype=np.int32)
    list_ids[images // 2 :] = 1
    base = resident_bytes('VmRSS')
    laps: dict[str, Timing] = {}
    with tempfile.TemporaryDirectory() as folder:
        with stopwatch() as laps['initial split']:
            split = initial_split(images, max(images // 20, 1), SEED)
        with stopwatch() as laps['files of the split']:
            _write_split(folder, 0, split, names, list_ids)
        settings = SelectionSettings(max(images // 40, 1))
        with stopwatch() as laps['candidates']:
            candidates = query_candidates(split, settings, pool_size=images, seed=SEED, cycle=0)
        with stopwatch() as laps['scores to disk']:
            _write_scores(folder, images, candidates)
        with stopwatch() as laps['query']:
            scores = load_array(Path(folder) / 'scores.npy')
            query = Query(candidates=candidates, labeled=split.labeled, scores=scores, seed=SEED)
            selected = DiscrepancyQuery().rank(query, settings.size)
        with stopwatch() as laps['next split']:
            split = next_split(split, selected, images, SEED)
        with stopwatch() as laps['files of the next split']:
            _write_split(folder, 1, split, names, list_ids)
        with stopwatch() as laps['split from its files']:
            load_split(*split_paths(folder, 1), images)
    return dict(
        images=images,
        seconds={name: asdict(lap) for name, lap in laps.items()},
        total={clock: sum(getattr(lap, clock) for lap in laps.values()) for clock in ('wall', 'cpu')},
        peak_bytes=resident_bytes('VmHWM'),
        base_bytes=base,
    )


def _names(images: int) -> NameTable:
    """Names as long as VOC2012's, made in blocks: all at once they would take more memory than all else."""
    starts = range(0, images, 100_000)
    blocks = [range(start, min(start + 100_000, images)) for start in starts]
    return NameTable.concatenate([NameTable(f'{number:011d}' for number in block) for block in blocks])


def _write_split(folder: str, cycle: int, split: Any, names: NameTable, list_ids: np.ndarray) -> None:
    save_split(split, folder, cycle)
    write_name_lists(split, names, list_ids, ('07', '12'), Path(folder) / f'cycle{cycle}')


def _write_scores(folder: str, images: int, candidates: np.ndarray) -> None:
    """Score in chunks of a thousandth of the pool, as a run does, and join the chunks."""
    random = np.random.default_rng(SEED)
    chunks = split_chunks(candidates, max(1024, -(-images // 1000)))
    paths = [Path(folder) / f'part{number}.npy' for number in range(len(chunks))]
    for path, chunk in zip(paths, chunks, strict=True):
        np.save(path, random.random(len(chunk), dtype=np.float32))
    write_scores(Path(folder) / 'scores.npy', images, zip(chunks, map(np.load, paths), strict=True))


def _measure_index(images: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = [f'{number:07d}' for number in range(images)]
        _link_photograph(root, names)
        (root / 'all.txt').write_text('\n'.join(names))
        del names
        before = resident_bytes('VmRSS')
        with stopwatch() as build:
            index = ImageIndex.from_lists(str(root / 'all.txt'), str(root))
        children = _seconds_of_children()
        with stopwatch() as check:
            index.check_images('header')
        check.cpu += _seconds_of_children() - children
        grown = max(resident_bytes('VmHWM') - before, 0)
    return dict(images=len(index), index=asdict(build), headers=asdict(check), bytes=grown)


def _link_photograph(root: Path, names: Sequence[str]) -> None:
    """Give a picture of VOC's size all names, as hard links, of which a file may have some ten thousand."""
    (root / 'JPEGImages').mkdir()
    noise = np.random.default_rng(SEED).integers(0, 256, (375, 500, 3), np.uint8)
    for number, name in enumerate(names):
        if number % 10_000 == 0:
            original = root / f'original{number}.jpg'
            Image.fromarray(noise).save(original)
        (root / 'JPEGImages' / f'{name}.jpg').hardlink_to(original)


def _seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
