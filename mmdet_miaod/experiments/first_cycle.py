"""The first cycle of a grid's runs: the query has no part in it, so strategies can share it."""

from ..active.cycle_training import model_name
from ..active.split import split_names
from ..run.file_record import DamagedFileError
from ..run.manifest import RunState
from .grid import Grid, GridRun


def shared_first_cycle(grid: Grid, run: GridRun) -> list[str]:
    """Look for a run of the same schedule and seed whose first cycle is trained.

    Its split and model are those that this run would make itself. Where training is not repeatable to the bit
    (as on GPUs), strategies are compared more closely when they start from one model.

    Args:
        grid: the grid.
        run: a run of the grid that is about to begin.

    Returns:
        Arguments of the training command to begin with that split and model; empty where there are none yet.
    """
    for other in grid.runs:
        if other != run and (other.schedule, other.seed) == (run.schedule, run.seed):
            arguments = _first_cycle_of(grid, other)
            if arguments:
                return arguments
    return []


def _first_cycle_of(grid: Grid, run: GridRun) -> list[str]:
    directory = grid.work_directory / run.name
    try:
        state = RunState.load(directory)
    except (FileNotFoundError, DamagedFileError):
        return []
    if not state.of_kind('model'):
        return []  # before its config is read, which takes longer
    settings = grid.run_settings(run)
    cycle = settings.labeling.cycles[0]
    made_otherwise = state.identity.config != settings.identity
    if made_otherwise or state.find('model', cycle) is None:
        return []
    files = [*split_names(cycle), model_name(cycle)]
    if state.damaged(files):
        return []
    labeled, unlabeled, model = (str(directory / name) for name in files)
    return ['--init-split', labeled, unlabeled, '--start-cycle', str(cycle), '--load-from', model]
