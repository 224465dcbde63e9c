"""The log of a run: MMDetection's logger, with a file of this run's own."""

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import MemoryHandler
from pathlib import Path

from mmdet.utils import get_root_logger

from .. import distributed
from .lock import lock_run
from .own_paths import open_to_append

FORMAT = '%(asctime)s - %(name)s - %(levelname)s - %(message)s'


class LogFileHandler(logging.StreamHandler):
    """Writes the log file; a full disk there is told once, and stops the run only where results are written.

    Not a ``FileHandler``: into those MMCV writes the origin of every parameter of every model built.
    """

    _failed = False

    def handleError(self, record: logging.LogRecord) -> None:
        """Tell once, on the terminal, that the file cannot be written."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._failed:
            self._failed = True
            sys.stderr.write(f'warning: the log file {self.stream.name} cannot be written ({error})\n')


@contextmanager
def run_logger(path: Path, level: str = 'INFO', console_level: str | None = None) -> Iterator[logging.Logger]:
    """Log to the terminal and, in the main process, to a file, for as long as the context lasts.

    Args:
        path: the log file; appended to.
        level: what is logged.
        console_level: what of it the terminal shows, everything by default.
    """
    level_before = logging.getLogger('mmdet').level  # the first call of mmcv's sets it
    logger = get_root_logger(log_level=level)
    if distributed.is_main():
        logger.setLevel(level)  # mmcv sets it only for the first run of a process
    consoles = [handler for handler in logger.handlers if isinstance(handler, logging.StreamHandler)]
    levels = [handler.level for handler in consoles]
    for handler in consoles:
        handler.setLevel(console_level or handler.level)
    file_handler = None
    if distributed.is_main():
        file = io.TextIOWrapper(open_to_append(path), encoding='utf-8', errors='backslashreplace')
        file_handler = LogFileHandler(file)
        file_handler.setFormatter(logging.Formatter(FORMAT))
        logger.addHandler(file_handler)
    try:
        yield logger
    except Exception:
        if file_handler is not None:
            # The terminal shows the message alone; where it came from is for those who changed the code.
            parts = (logger.name, logging.ERROR, __file__, 0, 'The run stopped.', (), sys.exc_info())
            file_handler.handle(logger.makeRecord(*parts))
        raise
    finally:
        if file_handler is not None:
            logger.removeHandler(file_handler)
            with suppress(OSError):  # what cannot be written was told by then
                file_handler.stream.close()
        for handler, old_level in zip(consoles, levels, strict=True):
            handler.setLevel(old_level)
        logger.setLevel(level_before)


@contextmanager
def run_log_and_lock(
    directory: Path, timestamp: str, level: str, console_level: str | None
) -> Iterator[logging.Logger]:
    """Hold the run directory's lock and write its log, for as long as the context lasts."""
    locks = []
    # The lock object cannot be sent to other processes, so it is kept aside.
    distributed.on_main(lambda: locks.append(lock_run(directory)))
    try:
        with run_logger(directory / f'{timestamp}.log', level, console_level) as logger:
            for lock in locks:
                if lock.warning:
                    logger.warning(lock.warning)
            yield logger
    finally:
        for lock in locks:
            lock.release()


def write_to_file(logger: logging.Logger, message: str) -> None:
    """Write a message into the log file and not to the terminal."""
    record = logger.makeRecord(logger.name, logging.INFO, __file__, 0, message, (), None)
    for handler in logger.handlers:
        if isinstance(handler, LogFileHandler):
            handler.handle(record)


@contextmanager
def buffered_log() -> Iterator[list[logging.LogRecord]]:
    """Keep what is logged while there is no run directory yet, to be written into the run's log.

    Yields:
        The records, in order; hand them to ``logger.handle`` later. An error shows them on the terminal.
    """
    logger = logging.getLogger('mmdet')
    keeper = MemoryHandler(capacity=sys.maxsize, flushLevel=sys.maxsize)
    handlers, logger.handlers = logger.handlers, [keeper]
    try:
        yield keeper.buffer
    except BaseException:
        logger.handlers = handlers
        for record in keeper.buffer:
            logger.handle(record)
        raise
    finally:
        logger.handlers = handlers


@contextmanager
def muted(logger: logging.Logger) -> Iterator[None]:
    """Let only warnings through for a while."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
