"""torchrun with the exit codes of the tools, and without a traceback of its own.

example: python -m mmdet_miaod.cli.torchrun --nproc-per-node 2 tools/train.py CONFIG --launcher pytorch
"""

import sys
from collections.abc import Sequence

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a script in many processes.

    Args:
        arguments: those of torchrun; default: the command line's.

    Returns:
        0, 1 when a process failed, 130 when interrupted, 143 when terminated.
    """
    try:
        run.main(arguments)
    except SignalException as stopped:
        return 128 + stopped.sigval
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        sys.stderr.write(f'error: process {rank} was the first to end, with exit code {failure.exitcode}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
