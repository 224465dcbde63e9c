"""The manifest of a run: what was asked for, what is finished, and the checksums of the files it made."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from . import store

MANIFEST_NAME = 'run_state.json'
FORMAT = 1


@dataclass(frozen=True)
class RunIdentity:
    """What a run must not change while it lasts.

    Attributes:
        config: the text of the config, without what may differ between two sittings (device, workers).
        pool_fingerprint: of the pool's image names.
        pool_size: number of images in the pool.
        seed: seed of everything.
    """

    config: str
    pool_fingerprint: str
    pool_size: int
    seed: int

    @property
    def config_sha256(self) -> str:
        return hashlib.sha256(self.config.encode()).hexdigest()

    def differences(self, other: RunIdentity) -> str:
        """Describe what is different in ``other``; empty when nothing is."""
        lines = [
            f'{name}: {ours} -> {theirs}'
            for name, ours, theirs in (
                ('seed', self.seed, other.seed),
                ('images in the pool', self.pool_size, other.pool_size),
                ('fingerprint of the pool', self.pool_fingerprint, other.pool_fingerprint),
            )
            if ours != theirs
        ]
        lines += difflib.unified_diff(
            self.config.splitlines(),
            other.config.splitlines(),
            'config of the run',
            'config now',
            lineterm='',
            n=1,
        )
        return '\n'.join(lines)


@dataclass(frozen=True)
class Step:
    """One finished step of a run.

    Attributes:
        kind: ``'split'``, ``'epoch'``, ``'model'``, ``'evaluation'``, ``'chunk'``, ``'scores'`` or ``'end'``.
        cycle: the cycle it belongs to.
        number: distinguishes steps of one kind in a cycle: the stage of an epoch, the chunk.
        epoch: epochs of the stage that are done.
        files: path relative to the run directory -> [size, SHA-256] of each file that the step made.
        needs: files that the run reads when it goes on after this step.
        values: plain results: seconds, mAP, AP by class, numbers of images.
    """

    kind: str
    cycle: int
    number: int = 0
    epoch: int = 0
    files: dict[str, list] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


class RunState:
    """A run directory's manifest ``run_state.json``: written last, after the files that it vouches for.

    Args:
        directory: the run directory.
        identity: what the run is.
        environment: versions of what it runs on, for the record.
        options: further plain values that a resumed run needs, such as its first cycle.
    """

    def __init__(
        self,
        directory: str | Path,
        identity: RunIdentity,
        environment: dict[str, str],
        options: dict[str, Any] | None = None,
        steps: Sequence[Step] = (),
    ) -> None:
        self.directory = Path(directory)
        self.identity = identity
        self.environment = environment
        self.options = options or {}
        self.steps = list(steps)

    def record(self, step: Step) -> None:
        """Add a finished step and write the manifest."""
        self.steps.append(step)
        self.save()

    def save(self) -> None:
        """Write the manifest."""
        manifest = dict(
            format=FORMAT,
            config_sha256=self.identity.config_sha256,
            **asdict(self.identity),
            environment=self.environment,
            options=self.options,
            steps=[asdict(step) for step in self.steps],
        )
        text = json.dumps(manifest, sort_keys=True, allow_nan=False)
        manifest['manifest_sha256'] = hashlib.sha256(text.encode()).hexdigest()
        store.write_json(self.directory / MANIFEST_NAME, manifest)

    @classmethod
    def load(cls, directory: str | Path) -> RunState:
        """Read the manifest of a run directory.

        Raises:
            FileNotFoundError: when there is none.
            store.DamagedFileError: when it is not what was written.
        """
        path = Path(directory) / MANIFEST_NAME
        try:
            manifest = json.loads(path.read_text(encoding='utf-8'))
            checksum = manifest.pop('manifest_sha256')
            text = json.dumps(manifest, sort_keys=True, allow_nan=False)
            if hashlib.sha256(text.encode()).hexdigest() != checksum:
                raise ValueError('its checksum does not fit its content')
            if manifest['format'] != FORMAT:
                raise ValueError(f'its format is {manifest["format"]}, this version reads {FORMAT}')
            names = RunIdentity.__dataclass_fields__
            identity = RunIdentity(**{name: manifest[name] for name in names})
            steps = [Step(**step) for step in manifest['steps']]
            return cls(directory, identity, manifest['environment'], manifest['options'], steps)
        except FileNotFoundError:
            raise FileNotFoundError(f'{path}: there is no manifest, so this is no run directory') from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise store.DamagedFileError(f'{path}: the manifest is damaged ({error})') from error

    def find(self, kind: str, cycle: int, number: int | None = None) -> Step | None:
        """Return the newest step of a kind in a cycle, or None."""
        for step in reversed(self.steps):
            if (step.kind, step.cycle) == (kind, cycle) and number in (None, step.number):
                return step
        return None

    def of_kind(self, kind: str) -> list[Step]:
        """Return all steps of a kind, oldest first."""
        return [step for step in self.steps if step.kind == kind]

    def file_record(self, name: str) -> store.FileRecord | None:
        """Return the newest record of a file, by its path relative to the run directory."""
        for step in reversed(self.steps):
            if name in step.files:
                size, sha256 = step.files[name]
                return store.FileRecord(self.directory / name, size, sha256)
        return None

    def relative(self, records: Sequence[store.FileRecord]) -> dict[str, list]:
        """Turn records of written files into a step's ``files``."""
        return {
            record.path.relative_to(self.directory).as_posix(): [record.size, record.sha256]
            for record in records
        }

    def rewind_to_intact(self) -> list[str]:
        """Forget the newest steps until one is left that can be gone on from.

        Returns:
            What was found damaged, one line a file; files that nothing needs any more are named too.
        """
        damage: dict[str, str] = {}
        while self.steps and not self._usable(self.steps[-1], damage):
            self.steps.pop()
        for step in self.steps:
            for name in step.files.keys() - damage.keys():
                self._intact(name, damage)
        return list(damage.values())

    def forget_files(self, kind: str, cycle: int, keep: int = 0) -> list[Path]:
        """Take the files of all but the ``keep`` newest steps of a kind out of the manifest.

        The steps stay for their values, but the run cannot go back to them. Write the manifest before
        deleting the files.

        Returns:
            The paths of the files that may be deleted now.
        """
        numbers = [i for i, step in enumerate(self.steps) if (step.kind, step.cycle) == (kind, cycle)]
        forgotten = []
        for i in numbers[: max(len(numbers) - keep, 0)]:
            forgotten += [self.directory / name for name in self.steps[i].files]
            self.steps[i] = replace(self.steps[i], files={})
        return forgotten

    def _usable(self, step: Step, damage: dict[str, str]) -> bool:
        intact = [self._intact(name, damage) for name in step.needs]
        return all(intact)

    def _intact(self, name: str, damage: dict[str, str]) -> bool:
        """Check a file; what is damaged is noted, what was deleted on purpose is just not there."""
        record = self.file_record(name)
        if record is None or name in damage:
            return False
        try:
            store.verify(record)
        except store.DamagedFileError as error:
            damage[name] = str(error)
        return name not in damage


def lock_run(directory: str | Path) -> FileLock:
    """Take the run directory for this process; the lock ends with the process, however it ends.

    Raises:
        BlockingIOError: when another process has it.
    """
    lock = FileLock(Path(directory) / '.lock')
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(
            f'{directory}: another process is running in this run directory; wait for it or stop it first'
        ) from None
    return lock
