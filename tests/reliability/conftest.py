"""The data that all reliability runs share, and the ledger of a run that nothing interrupted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.reliability import processes, tiny_job


@dataclass(frozen=True)
class Undisturbed:
    """An uninterrupted run.

    Attributes:
        data: root of the data.
        directory: the run directory.
        ledger: of everything it ended with.
        operations: how many disk operations it took that each kind of fault is about.
    """

    data: Path
    directory: Path
    ledger: dict[str, Any]
    operations: dict[str, int]


@pytest.fixture(scope='package')
def undisturbed(tmp_path_factory) -> Undisturbed:
    root = tmp_path_factory.mktemp('undisturbed')
    data = tiny_job.draw_data(root / 'data')
    code = processes.run(root / 'output', tiny_job.begin_or_resume, str(data), str(root))
    assert code == 0, (root / 'output').read_text()
    operations = json.loads((root / 'operations').read_text())
    return Undisturbed(data, root / 'run', tiny_job.ledger(root / 'run'), operations)
