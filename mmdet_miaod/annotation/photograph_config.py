"""The config of a run of photographs, written for people to read."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..regular_files import read_text
from ..run.files import write_text
from ..run.lookup import never_started
from ..run.manifest import RunState

_TEXT = """\
# Photographs that are labeled batch by batch. What is not here is in the base config.
_base_ = [{base!r}]

photographs = {photographs!r}
classes = {classes!r}
model = dict(bbox_head=dict(num_classes={num_classes}))

# How many images are labeled at first and after each cycle, and how often.
X_L_0_size = {first_size}
X_S_size = {batch_size}
cycles = list(range({cycles}))

annotator = dict(tool={tool!r}, test_size={test_size}, first={first!r})
seed = {seed}
work_directory = {work_directory!r}
"""
# What MMCV's configs read as more than text.
_SPECIAL = re.compile(r'\{\{|\$\{|[\x00-\x1f\x7f]')


@dataclass(frozen=True)
class PhotographRun:
    """Settings that a person gives a new run.

    Attributes:
        photographs: folders.
        classes: names.
        out: the run directory, or the config beside it (``.py``).
        base: config that the run's config inherits from.
        tool: see :class:`~mmdet_miaod.active.batches.BatchSettings`.
        first: the same.
        test_size: the same.
        first_size: images of the first batch.
        batch_size: images of each batch after it.
        cycles: number of cycles.
        seed: of everything.
    """

    photographs: Sequence[str]
    classes: Sequence[str]
    out: Path
    base: str
    tool: str = 'label-studio'
    first: str = 'random'
    test_size: int = 0
    first_size: int = 40
    batch_size: int = 40
    cycles: int = 6
    seed: int = 666

    @property
    def directory(self) -> Path:
        """The run directory."""
        return self.out.with_suffix('') if self.out.suffix == '.py' else self.out

    @property
    def config_path(self) -> Path:
        """The config: beside the run directory, under its name."""
        return self.directory.with_name(f'{self.directory.name}.py')

    def config_text(self) -> str:
        """Return the config.

        Raises:
            ValueError: a name cannot stand in a config.
        """
        for text in (*self.classes, *self.photographs):
            if _SPECIAL.search(text) or not text.strip():
                raise ValueError(
                    f'{text!r}: a name of a class or folder may not have control characters, "{{{{" or "${{"'
                )
        return _TEXT.format(
            base=os.path.abspath(self.base),
            photographs=[os.path.abspath(folder) for folder in self.photographs],
            classes=list(self.classes),
            num_classes=len(self.classes),
            first_size=self.first_size,
            batch_size=self.batch_size,
            cycles=self.cycles,
            tool=self.tool,
            test_size=self.test_size,
            first=self.first,
            seed=self.seed,
            work_directory=os.path.abspath(self.directory.parent),
        )

    def was_begun(self) -> bool:
        """Tell whether the run was begun here and stopped before its first batch was labeled.

        Raises:
            FileExistsError: the run is further than that.
        """
        if not self.directory.exists() or never_started(self.directory):
            return False
        state, _ = RunState.recover(self.directory)
        if state.of_kind('split'):
            raise FileExistsError(
                f'{self.directory}: this run has begun to train; resume it with train --resume '
                f'{self.directory}, or choose another --out'
            )
        return True

    def write_config(self) -> Path:
        """Write the config, unless it is there already.

        Raises:
            FileExistsError: another config is there under that name.
        """
        path, text = self.config_path, self.config_text()
        if path.exists() and read_text(path) != text:
            raise FileExistsError(f'{path}: is there with other settings; choose another --out, or delete it')
        write_text(path, text)
        return path
