"""Findings: the outcomes of checks, all of them together a diagnosis."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

STATUSES = ('ok', 'note', 'warning', 'error')


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        area: ``'environment'``, ``'data'``, ``'start'``, ``'split'`` or ``'estimate'``.
        name: what was checked.
        status: ``'ok'``; ``'note'``: good to know; ``'warning'``: a run works, perhaps not as meant;
            ``'error'``: a run would stop here.
        detail: what was found, in a sentence.
        items: the files or objects it was found in, all of them.
    """

    area: str
    name: str
    status: str
    detail: str
    items: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f'status is {self.status!r}: choose one of {STATUSES}')


@dataclass(frozen=True)
class Diagnosis:
    """All findings about a config, and the estimates as numbers (empty where they were not made)."""

    findings: Sequence[Finding]
    estimates: dict[str, Any] = field(default_factory=dict)

    def passed(self, strict: bool = False) -> bool:
        """Tell whether a run can start; with ``strict`` warnings count as well."""
        bad = ('warning', 'error') if strict else ('error',)
        return not any(finding.status in bad for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return plain values: ``passed``, ``findings``, ``estimates``."""
        findings = [dict(asdict(finding), items=list(finding.items)) for finding in self.findings]
        return dict(passed=self.passed(), findings=findings, estimates=self.estimates)


@contextmanager
def tried(findings: list[Finding], area: str, name: str) -> Iterator[None]:
    """Add a check that fails itself to the findings, for as long as the context lasts."""
    try:
        yield
    except Exception as error:  # whatever a broken file, machine or package raises
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        kind = '' if isinstance(error, (OSError, ValueError, KeyError)) else f'{type(error).__name__}: '
        detail = f'{kind}{message}' if str(message) else type(error).__name__
        findings.append(Finding(area, name, 'error', detail))


def from_items(
    area: str, name: str, items: Sequence[str], bad: str, good: str, status: str = 'warning'
) -> Finding:
    """A finding that is ok when there are no items.

    Args:
        area: see :class:`Finding`.
        name: what was checked.
        items: where something was found.
        bad: what the items are, after their number.
        good: what to say when there are none.
        status: of the finding when there are items.
    """
    if not items:
        return Finding(area, name, 'ok', good)
    return Finding(area, name, status, f'{len(items)} {bad}', tuple(items))
