"""One finished step of a run, as the manifest has it."""

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, get_origin, get_type_hints


@dataclass(frozen=True)
class FinishedStep:
    """One finished step of a run.

    Attributes:
        kind: ``'split'``, ``'epoch'``, ``'model'``, ``'evaluation'``, ``'chunk'``, ``'scores'``,
            ``'selected'`` or ``'end'``.
        cycle: the cycle it belongs to.
        number: distinguishes steps of one kind in a cycle: the stage of an epoch, the chunk.
        epoch: epochs of the stage that are done.
        files: path relative to the run directory -> [size, SHA-256] of each file that the step made.
        needs: files that the run reads when it resumes after this step.
        values: plain results: seconds, mAP, AP by class, numbers of images.
    """

    kind: str
    cycle: int
    number: int = 0
    epoch: int = 0
    files: dict[str, list] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> 'FinishedStep':
        """Build a step from the manifest's dict.

        Raises:
            ValueError, TypeError: when it is no step; file names that leave the run directory are refused.
        """
        step = cls(**value)
        for name, kind in _FIELD_TYPES.items():
            if type(getattr(step, name)) is not kind:
                raise ValueError(f'{name} of a step is {getattr(step, name)!r}')
        for name in (*step.files, *step.needs):
            path = PurePosixPath(name)
            if path.is_absolute() or '..' in path.parts or not path.parts or '\0' in name:
                raise ValueError(f'{name!r} is no file of the run directory')
        for name, (size, sha256) in step.files.items():
            if type(size) is not int or not isinstance(sha256, str):
                raise ValueError(f'the record of {name} is {[size, sha256]}')
        return step


# Not asked for each time: manifests have thousands of steps.
_FIELD_TYPES = {name: get_origin(hint) or hint for name, hint in get_type_hints(FinishedStep).items()}
