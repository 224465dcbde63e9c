"""The run that the tests here interrupt: two cycles of two stages in about a second; and its ledger."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mmdet_miaod.apis import RunOptions, train
from mmdet_miaod.cli.command_line import run_tool
from mmdet_miaod.engine.stage import CLASSIFIERS
from mmdet_miaod.run import files
from mmdet_miaod.run.files import load_checkpoint
from mmdet_miaod.run.lookup import never_started
from mmdet_miaod.run.manifest import MANIFEST_NAME, RunState
from tests.tiny_run import draw_voc, tiny_config

UNCERTAINTY = dict(
    name='minimize', unlabeled_losses=['loss_dis', 'loss_mil_pseudo'], freeze=list(CLASSIFIERS)
)
OVERRIDES: dict[str, Any] = dict(
    X_L_0_size=2,
    X_S_size=2,
    score_chunk_size=2,
    schedule=[UNCERTAINTY, dict(name='label', epochs=2)],
)
# What a process of the run says first, when it can be stopped in an orderly way.
BEGINS = 'The tiny run begins.'
# Names of files whose content tells of time and place.
_NOT_COMPARED = ('.lock', '.log', '.log.json', '.py', 'run_state.previous.json')


def draw_data(root: Path, images: int = 8) -> Path:
    """A pool of 8 images of 64 x 48 pixels and 2 test images."""
    return draw_voc(root, images, 2, ('disc', 'square', 'triangle'), seed=1, image_size=(64, 48))


KINDS = ('ENOSPC', 'EIO', 'kill', 'torn', 'lost')


@dataclass(frozen=True)
class Fault:
    """What goes wrong at which disk operation.

    Attributes:
        number: of the operation, from 1, among those that the kind is about.
        kind: ``'ENOSPC'`` or ``'EIO'`` fail; ``'kill'`` ends the process before the operation; ``'torn'``
            ends it when half of a write is done; ``'lost'`` ends it after the rename of a new file that
            reached the disk before half of the file's content did.
    """

    number: int
    kind: str


class FaultyDisk:
    """Takes the place of ``files._perform``, counts the operations by kind of fault and does one fault.

    Attributes:
        counts: operations so far that each kind of fault is about.
    """

    def __init__(self, fault: Fault | None) -> None:
        self.fault = fault
        self.counts = dict.fromkeys(KINDS, 0)
        self._linked = False

    def __call__(self, operation: str, path: Path, action: Any) -> Any:
        applies = dict.fromkeys(KINDS, True)
        applies['torn'] = operation == 'write'
        # The second name of a file that was synced long before is never that of half a file.
        applies['lost'] = operation == 'rename' and not self._linked
        for kind in KINDS:
            self.counts[kind] += applies[kind]
        fault = self.fault
        due = fault is not None and applies[fault.kind] and self.counts[fault.kind] == fault.number
        result = self._fail(path, action) if due else action()
        self._linked = operation == 'link'
        return result

    def _fail(self, path: Path, action: Any) -> None:
        if self.fault.kind in ('ENOSPC', 'EIO'):
            code = getattr(errno, self.fault.kind)
            raise OSError(code, os.strerror(code))
        if self.fault.kind in ('torn', 'lost'):
            action()
            os.truncate(path, path.stat().st_size // 2)
        os._exit(77)


def begin_or_resume(
    data: str,
    work: str,
    fault: Fault | None = None,
    overrides: dict | None = None,
    options: dict | None = None,
) -> int:
    """Run the tiny run as a tool would, from wherever it stopped; returns the exit code."""
    torch.set_num_threads(1)
    directory = Path(work) / 'run'
    begun = directory.exists() and not never_started(directory)
    place = dict(resume=str(directory)) if begun else dict(run_name='run')
    disk = files._perform = FaultyDisk(fault)
    run_options = RunOptions(
        **{'progress': False, 'report': False, 'deterministic': True, **place, **(options or {})}
    )

    def main() -> None:
        sys.stdout.write(f'{BEGINS}\n')
        sys.stdout.flush()
        train(tiny_config(Path(data), Path(work), **{**OVERRIDES, **(overrides or {})}), run_options)

    code = run_tool(main, lambda: f'Go on with --resume {directory}')
    (Path(work) / 'operations').write_text(json.dumps(disk.counts))
    return code


def ledger(directory: Path) -> dict[str, Any]:
    """What a run ends with, by file: hashes of arrays, tensors and lists; steps of the manifest."""
    found: dict[str, Any] = {}
    for path in sorted(directory.rglob('*')):
        name = path.relative_to(directory).as_posix()
        if path.is_dir() or path.name.endswith(_NOT_COMPARED):
            continue
        if path.name == MANIFEST_NAME:
            state = RunState.load(directory)
            steps = {(s.kind, s.cycle, s.number, s.epoch): sorted(s.files) for s in state.steps}
            found[name] = (state.identity.config_sha256, sorted(steps.items()))
        elif path.name == 'metrics.json':
            found[name] = [{**entry, 'seconds': None} for entry in json.loads(path.read_text())]
        elif path.suffix == '.pth':
            checkpoint = load_checkpoint(path)
            checkpoint['meta'].pop('config')
            found[name] = _digests(checkpoint)
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _digests(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        content = value.contiguous().numpy().tobytes()
        return str(value.dtype), tuple(value.shape), hashlib.sha256(content).hexdigest()
    if isinstance(value, dict):
        return {str(key): _digests(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_digests(item) for item in value]
    return value
