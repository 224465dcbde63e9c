"""The content of an annotation file as its reader found it, before it is compared with a batch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .batch import Corners


class ReviewState(str, Enum):
    """Whether a person looked at an image."""

    REVIEWED = 'reviewed'
    SKIPPED = 'skipped'
    UNTOUCHED = 'untouched'


@dataclass(frozen=True)
class FoundBox:
    """A box in an annotation file.

    Attributes:
        name: of its class.
        corners: x1, y1, x2, y2, edges in pixels from 0, finite; not yet clipped, perhaps without area.
        ignored: a crowd or an object marked difficult, which neither counts as an object nor as background.
    """

    name: str
    corners: Corners
    ignored: bool = False


@dataclass(frozen=True)
class FoundImage:
    """An image in an annotation file.

    Attributes:
        name: file name or uid.
        size: width and height that the file states, None where it does not.
        boxes: all upright boxes.
        state: None where the file does not tell.
        seconds: of work, None where the file does not tell.
        other_shapes: number of polygons, rotated boxes and the like, by kind.
        conflict: what several people disagree about; empty: nothing.
    """

    name: str
    size: tuple[float, float] | None
    boxes: tuple[FoundBox, ...]
    state: ReviewState | None = None
    seconds: float | None = None
    other_shapes: Mapping[str, int] = field(default_factory=dict)
    conflict: str = ''


@dataclass(frozen=True)
class FoundFile:
    """An annotation file.

    Attributes:
        kind: the format's name.
        images: in the file's order.
        partial: why the file is known to be a part of an export; empty: it is not.
        remarks: what else a person should know.
    """

    kind: str
    images: tuple[FoundImage, ...]
    partial: str = ''
    remarks: tuple[str, ...] = ()


def base_name(text: str) -> str:
    """Return the last part of a path with slashes or backslashes."""
    return text.replace('\\', '/').rpartition('/')[2]


def finite_number(value: Any, what: str) -> float:
    """Return a number of an annotation file.

    Args:
        value: a number or its text.
        what: named in the error.

    Raises:
        ValueError: when it is no finite number.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e9:
        raise ValueError(f'{what} is {str(value)[:60]!r}: a number is needed')
    return number
