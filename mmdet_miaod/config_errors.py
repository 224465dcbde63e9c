"""Errors that a value of a config causes deep in MMDetection say which key it is."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def config_errors(key: str) -> Iterator[None]:
    """Turn what a wrong value ends in, such as a TypeError, into an error that names its key.

    Args:
        key: of the config.

    Raises:
        OSError, ValueError, ImportError: as they are, since these say themselves what is wrong.
        ValueError: in place of anything else.
    """
    try:
        yield
    except (OSError, ValueError, ImportError):
        raise
    except Exception as error:  # MMDetection, MMCV and PyTorch raise any type
        reason = str(error.args[0] if isinstance(error, KeyError) and error.args else error).strip()
        raise ValueError(
            f'{key}: does not work with its values ({type(error).__name__}: {reason.split(chr(10))[0]})'
        ) from error
