"""Objects as annotation files have them, and accounts of them: trained on, ignored, left out for a reason."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Why an object is left out, or looked at although it is kept.
NO_AREA = 'no area'
INVERTED = 'inverted'
SMALL = 'smaller than a pixel'
OUTSIDE = 'outside the image'
UNKNOWN = 'unknown class'
NOT_UNDERSTOOD = 'not understood'
MARKED = 'marked ignore'
LEAVES = 'leaves the image'
REPEATED = 'there already'
ODD = 'odd'


@dataclass(frozen=True)
class ObjectCounts:
    """Where the objects of annotation files went; every object is counted once.

    Attributes:
        trained: objects that a model is trained on.
        ignored: objects that count neither way, by their mark (difficult, crowd).
        left_out: objects that are not used, by reason.
    """

    trained: int = 0
    ignored: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of objects in the files."""
        return self.trained + sum(self.ignored.values()) + sum(self.left_out.values())

    def __add__(self, other: 'ObjectCounts') -> 'ObjectCounts':
        return ObjectCounts(
            self.trained + other.trained,
            Counter(self.ignored) + Counter(other.ignored),
            Counter(self.left_out) + Counter(other.left_out),
        )

    def __str__(self) -> str:
        parts = [f'{self.trained} to train on']
        for name, counts in (('ignored', self.ignored), ('left out', self.left_out)):
            listed = ', '.join(f'{reason} {number}' for reason, number in sorted(counts.items()))
            parts.append(f'{sum(counts.values())} {name}' + (f' ({listed})' if listed else ''))
        return f'{self.total} objects = {" + ".join(parts)}'


@dataclass(frozen=True)
class FoundObject:
    """One object as an annotation file has it.

    Attributes:
        what: the object for messages: its number, class and box as they are written.
        name: name of its class as it is written.
        label: of its class, None for one that is no class of the data set.
        corners: x1, y1, x2, y2 in pixels from 0; None for an object that the reader leaves out.
        written: x1, y1, x2, y2 in the file's coordinates; None: as ``corners``.
        mark: why it is ignored, such as ``'difficult'``; '' for an object that counts.
        remark: what is odd about it, in words.
        left_out: reason for which the reader leaves it out; '' where the common rule decides.
    """

    what: str
    name: str
    label: int | None
    corners: tuple[float, float, float, float] | None = None
    written: tuple[float, float, float, float] | None = None
    mark: str = ''
    remark: str = ''
    left_out: str = ''


@dataclass(frozen=True)
class Fault:
    """Something wrong with one object.

    Attributes:
        kind: one of this module's reasons.
        text: the object and what is wrong with it.
    """

    kind: str
    text: str


def written(numbers: Iterable[float]) -> str:
    """Write numbers for messages."""
    return f'[{", ".join(f"{number:g}" for number in numbers)}]'


def rotation_remark(values: Iterable[Any]) -> str:
    """Describe the first of some attributes that states a rotation; '' where none does.

    Args:
        values: numbers or text as they are in the file, degrees or radians; None for none.
    """
    for value in values:
        try:
            turned = value is not None and float(value) != 0
        except (TypeError, ValueError, OverflowError):
            continue
        if turned:
            return f'has a rotation of {value}, which its upright box does not show'
    return ''
