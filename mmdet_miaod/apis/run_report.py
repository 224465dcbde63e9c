"""The report of a run while it runs; nothing that goes wrong with it may stop the run."""

from __future__ import annotations

import logging
from pathlib import Path

from .. import distributed
from .data import RunData


def refresh_report(directory: str | Path, data: RunData, logger: logging.Logger, last: bool = False) -> None:
    """Write the report anew, in the main process; what goes wrong is a warning in the log.

    Args:
        directory: the run directory.
        data: the run's data, with the images unlocked that were labeled.
        logger: for the text log.
        last: whether the run is finished: only then PNG files are written, which take the longest.
    """
    if not distributed.is_main():
        return
    try:
        # Here, so that not even a broken matplotlib stops a run.
        from ..visualization.report import write_report
        from ..visualization.run_images import RunImages

        page = write_report([directory], None, lambda record: RunImages(data.pool, data.labeled), png=last)
    except Exception as error:
        logger.warning(
            'The report could not be written (%s: %s); the run goes on.', type(error).__name__, error
        )
        logger.debug('Where the report failed:', exc_info=True)
    else:
        if last:
            logger.info('Report: %s', page)
