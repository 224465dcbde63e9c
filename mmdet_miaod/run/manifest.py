"""The manifest of a run: what was asked for, what is finished, and the checksums of the files it made."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .. import distributed
from ..regular_files import read_text
from .checked_json import content_sha256
from .file_record import DamagedFileError, FileRecord, verify
from .files import link_file, remove_file, write_json
from .identity import RunIdentity, config_of_format_1
from .own_paths import linked_folder, own_path
from .step import FinishedStep

MANIFEST_NAME = 'run_state.json'
# The manifest before its last change, in case the newest is damaged.
PREVIOUS_NAME = 'run_state.previous.json'
FORMAT = 2
# A run of a hundred cycles of a thousand chunks each has about 50 MB of it.
MAX_BYTES = 1 << 30
# Files that come and go; one that no step has is left over from an interrupted step.
ORPHANS = ('checkpoints/cycle*_stage*_epoch*.pth', 'cycle*/*_part_[0-9]*.npy')


@dataclass(eq=False)
class RunState:
    """A run directory's manifest ``run_state.json``: written last, after the files that it lists.

    Attributes:
        directory: the run directory.
        identity: what the run is.
        environment: versions of what it runs on, for the record.
        options: further plain values that a resumed run needs, such as its first cycle.
        steps: what is finished, oldest first.
    """

    directory: Path
    identity: RunIdentity
    environment: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    steps: list[FinishedStep] = field(default_factory=list)

    @property
    def id(self) -> str:
        """What tells the batches of the run from others', wherever it is moved; without any, its name."""
        return self.options.get('id', self.directory.name)

    def path(self, name: str) -> Path:
        """Return a file or folder of the run; see :func:`~mmdet_miaod.run.files.own_path`."""
        return own_path(self.directory, name)

    def record(self, step: FinishedStep) -> None:
        """Add a finished step and write the manifest."""
        self.steps.append(step)
        self.save()

    def once(
        self,
        kind: str,
        cycle: int,
        do: Callable[[], FinishedStep],
        still_valid: Callable[[FinishedStep], bool] = lambda step: True,
    ) -> bool:
        """Do and record a step of a cycle, unless it is recorded already; for all processes to call.

        Args:
            kind: kind of the step.
            cycle: number of the cycle.
            do: does it and returns what to record.
            still_valid: tells whether a recorded step counts; by default every one does.

        Returns:
            Whether it was done now.
        """
        step = self.find(kind, cycle)
        if step is not None and still_valid(step):
            return False
        self.record(do())
        return True

    @distributed.main_only
    def save(self) -> None:
        """Write the manifest, in the main process; all processes have to call this."""
        manifest = dict(
            format=FORMAT,
            config_sha256=self.identity.config_sha256,
            **vars(self.identity),
            environment=self.environment,
            options=self.options,
            steps=[vars(step) for step in self.steps],  # not asdict, which copies all of their values
        )
        manifest['manifest_sha256'] = content_sha256(manifest)
        path = self.directory / MANIFEST_NAME
        if path.exists():
            link_file(path, self.directory / PREVIOUS_NAME)
        write_json(path, manifest)

    @classmethod
    def load(cls, directory: str | Path, name: str = MANIFEST_NAME) -> 'RunState':
        """Read the manifest of a run directory.

        Raises:
            FileNotFoundError: when there is none.
            DamagedFileError: when it is not what was written.
        """
        path = Path(directory) / name
        try:
            manifest = json.loads(read_text(path, MAX_BYTES))
            if manifest.pop('manifest_sha256') != content_sha256(manifest):
                raise ValueError('its checksum does not fit its content')
            if manifest['format'] == 1:  # version 0.1
                manifest['config'] = config_of_format_1(manifest['config'])
            elif manifest['format'] != FORMAT:
                raise ValueError(f'its format is {manifest["format"]}, this version reads 1 and {FORMAT}')
            manifest.setdefault('data', {})  # not in older ones
            identity = RunIdentity(**{item.name: manifest[item.name] for item in fields(RunIdentity)})
            steps = [FinishedStep.from_json(step) for step in manifest['steps']]
            environment, options = (dict(manifest[key]) for key in ('environment', 'options'))
            return cls(Path(directory), identity, environment, options, steps)
        except FileNotFoundError:
            raise FileNotFoundError(f'{path}: there is no manifest, so this is no run directory') from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedFileError(f'{path}: the manifest is damaged ({error})') from error

    @classmethod
    def recover(cls, directory: str | Path) -> 'tuple[RunState, str]':
        """Read the manifest or, when that is damaged or missing, the one before it.

        Returns:
            The state, and what was damaged (empty: nothing).

        Raises:
            FileNotFoundError: when there is no manifest at all.
            DamagedFileError: when none of them is intact.
        """
        try:
            return cls.load(directory), ''
        except (FileNotFoundError, DamagedFileError) as damage:
            try:
                state = cls.load(directory, PREVIOUS_NAME)
            except (FileNotFoundError, DamagedFileError):
                raise damage from None
            # It takes the place of the damaged one, which must not become the previous one in turn.
            link_file(state.directory / PREVIOUS_NAME, state.directory / MANIFEST_NAME)
            return state, str(damage)

    @property
    def is_finished(self) -> bool:
        """Whether all cycles are done; a finished run that was given another cycle is not."""
        return bool(self.steps) and self.steps[-1].kind == 'end'

    def find(self, kind: str, cycle: int, number: int | None = None) -> FinishedStep | None:
        """Return the newest step of a kind in a cycle, or None."""
        for step in reversed(self.steps):
            if (step.kind, step.cycle) == (kind, cycle) and number in (None, step.number):
                return step
        return None

    def of_kind(self, kind: str) -> list[FinishedStep]:
        """Return all steps of a kind, oldest first."""
        return [step for step in self.steps if step.kind == kind]

    def file_record(self, name: str) -> FileRecord | None:
        """Return the newest record of a file, by its path relative to the run directory."""
        for step in reversed(self.steps):
            if name in step.files:
                size, sha256 = step.files[name]
                return FileRecord(self.directory / name, size, sha256)
        return None

    def relative(self, records: Sequence[FileRecord]) -> dict[str, list]:
        """Turn records of written files into a step's ``files``."""
        return {
            record.path.relative_to(self.directory).as_posix(): [record.size, record.sha256]
            for record in records
        }

    def rewind_to_intact(self) -> list[str]:
        """Forget the newest steps until one is left that the run can resume from.

        Returns:
            What was found damaged, one line per file; files that nothing needs any more are named too.
        """
        damage: dict[str, str] = {}
        while self.steps:
            intact = [self._intact(name, damage) for name in self.steps[-1].needs]
            if all(intact):
                break
            self.steps.pop()
        for step in self.steps:
            for name in step.files.keys() - damage.keys():
                self._intact(name, damage)
        self._forget_damaged_checkpoints(damage)
        return list(damage.values())

    def _forget_damaged_checkpoints(self, damage: Mapping[str, str]) -> None:
        """List damaged checkpoints that nothing needs no longer, and delete their second names."""
        for i, step in enumerate(self.steps):
            lost = [self.directory / name for name in step.files if name in damage]
            if step.kind == 'epoch' and lost:
                self.steps[i] = replace(step, files={})
                for path in self.directory.glob('*.pth'):
                    if any(damaged.exists() and path.samefile(damaged) for damaged in lost):
                        remove_file(path)

    def forget_files(self, kind: str, cycle: int, keep: int = 0) -> list[Path]:
        """Take the files of all but the ``keep`` newest steps of a kind out of the manifest.

        The steps stay for their values, but the run cannot go back to them. :meth:`drop` then writes the
        manifest and deletes the files.

        Returns:
            The paths of the files that may be deleted now.
        """
        numbers = [i for i, step in enumerate(self.steps) if (step.kind, step.cycle) == (kind, cycle)]
        forgotten = []
        for i in numbers[: max(len(numbers) - keep, 0)]:
            forgotten += [self.path(name) for name in self.steps[i].files]
            self.steps[i] = replace(self.steps[i], files={})
        return forgotten

    def drop(self, forgotten: Sequence[Path]) -> None:
        """Write the manifest without forgotten files, then delete them; for all processes to call."""
        if forgotten:
            self.save()
            distributed.on_main(lambda: [remove_file(path) for path in forgotten])

    def damaged(self, names: Sequence[str]) -> list[str]:
        """Return what is wrong with some recorded files, one line per file that is."""
        damage: dict[str, str] = {}
        for name in names:
            self._intact(name, damage)
        return list(damage.values())

    @distributed.main_only
    def remove_orphans(self) -> None:
        """Delete large files that no step has: those of steps that were interrupted or forgotten."""
        recorded = {name for step in self.steps for name in step.files}
        for pattern in ORPHANS:
            for path in self.directory.glob(pattern):
                name = path.relative_to(self.directory).as_posix()
                if name not in recorded and not linked_folder(self.directory, name):
                    remove_file(path)

    def _intact(self, name: str, damage: dict[str, str]) -> bool:
        """Check a file; what is damaged is noted, what was deleted on purpose is just not there."""
        record = self.file_record(name)
        if record is None or name in damage:
            return False
        try:
            verify(record)
        except DamagedFileError as error:
            damage[name] = str(error)
        return name not in damage
