"""Messages of commands about labels that a run waits for, and about those that came in."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..active.annotator import LabelsWanted
    from ..annotation.importing import Import


def labels_wanted_text(wanted: LabelsWanted, prog: str) -> str:
    """Three lines: where the batches are, how to label them, how to go on.

    Args:
        wanted: what the run waits for.
        prog: how this command is called, ``... annotate`` or ``... train``.
    """
    annotate, train = (re_named(prog, name) for name in ('annotate', 'train'))
    folders = ' and '.join(str(wanted.directory / 'batches' / str(number)) for number in wanted.batches)
    steps = wanted.directory / 'batches' / str(wanted.batches[0]) / 'README.txt'
    return (
        f'{wanted.images} images wait for labels in {folders} ({wanted.open_images} of them undecided).\n'
        f'Label them with: {annotate} label {wanted.directory} (or as {steps} says, then {annotate} import)\n'
        f'Resume with: {resume_command(train, wanted.directory)}'
    )


def resume_command(prog: str, directory: Path) -> str:
    """Return the line that resumes a run; ``prog`` is how ``train`` is called."""
    return f'{prog} --resume {shlex.quote(str(directory))}'


def re_named(prog: str, name: str) -> str:
    """Return how another command is called: ``python tools/train.py`` -> ``python tools/annotate.py``."""
    return re.sub(r"\b(annotate|train)(?=(\.py'?)?$)", name, prog.removesuffix(' start'))


def import_text(done: Import, path: str) -> str:
    """What an import found in one batch, line by line."""
    from ..annotation.importing import describe_import

    return f'{path}, batch {done.batch.number}:\n' + '\n'.join(f'  {line}' for line in describe_import(done))
