"""Whatever disk operation fails, and however, the resumed run ends as one that nothing disturbed."""

from __future__ import annotations

import pytest

from tests.reliability import processes
from tests.reliability.tiny_job import KINDS, Fault, begin_or_resume, ledger


def fail_and_resume(undisturbed, folder, fault: Fault) -> bool:
    """One run with a fault, then resumed until its end; returns whether the fault came to pass."""
    folder.mkdir(exist_ok=True)
    output = folder / 'output'
    places = (str(undisturbed.data), str(folder))
    code = processes.run(output, begin_or_resume, *places, fault)
    text = output.read_text()
    if fault.kind in ('ENOSPC', 'EIO'):
        if code == 0:
            return False
        assert code == 1, text
        assert 'Traceback' not in text
        assert 'error: [Errno' in text and str(folder / 'run') in text
        assert ('Nothing that was finished is lost' in text) == (fault.kind == 'ENOSPC')
    else:
        assert code in (0, 77), text
        if code == 0:
            return False
    code = processes.run(output, begin_or_resume, *places)
    assert code == 0, output.read_text()
    assert ledger(folder / 'run') == undisturbed.ledger
    return True


@pytest.mark.parametrize(
    'fraction, kind',
    [(0.15, 'ENOSPC'), (0.35, 'torn'), (0.55, 'lost'), (0.7, 'kill')],
)
def test_a_fault_here_and_there(undisturbed, tmp_path, fraction, kind) -> None:
    assert fail_and_resume(undisturbed, tmp_path, Fault(int(fraction * undisturbed.operations[kind]), kind))


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_gets_there(undisturbed, tmp_path) -> None:
    for _ in range(12):
        code = processes.run(
            tmp_path / 'output', begin_or_resume, str(undisturbed.data), str(tmp_path), Fault(75, 'kill')
        )
        if code == 0:
            break
    assert code == 0, (tmp_path / 'output').read_text()
    assert ledger(tmp_path / 'run') == undisturbed.ledger


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_a_fault_at_every_operation(undisturbed, tmp_path, kind) -> None:
    number = 1
    while fail_and_resume(undisturbed, tmp_path / str(number), Fault(number, kind)):
        number += 1
    assert number == undisturbed.operations[kind] + 1
