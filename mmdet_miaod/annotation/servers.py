"""Parts that clients of annotation servers share: addresses, project names, tries that make nothing twice."""

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from .batch import Batch

TRIES = 4
# Answers of a server that is busy or restarts.
TRY_AGAIN = (429, 500, 502, 503, 504)
_TITLE_LENGTH = 50

T = TypeVar('T')


def check_address(url: str) -> str:
    """Return a server's address without a slash at its end.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r'https?://[^/?#@\s]+(/[^?#\s]*)?', url):
        raise ValueError(f'{url!r} is no address of a server, such as http://localhost:8080')
    return url.rstrip('/')


def project_title(batch: Batch) -> str:
    """Return the title of a batch's project: unlike any other batch's, by the first image's name."""
    end = f' {batch.images[0].uid}'
    return f'{batch.run[: _TITLE_LENGTH - len(end)]}{end}'


def ensure(find: Callable[[], T | None], make: Callable[[], Any], pause: float) -> T:
    """Make something that is not there; after a failure it may be there all the same.

    Args:
        find: returns it, None where it is not there.
        make: makes it.
        pause: seconds before the second try; doubled before each further one.

    Raises:
        ConnectionError: the last try failed, too.
        ValueError: it was made, and is not there.
    """
    error: Exception | None = None
    for attempt in range(TRIES):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        if (found := find()) is not None:
            return found
        try:
            make()
        except ConnectionError as failure:
            error = failure
    if (found := find()) is None:
        raise error or ValueError('the server does not have what it said it made')
    return found


def repeated(read: Callable[[], T], pause: float) -> T:
    """Return what a request that changes nothing gives, after a few tries where the server fails.

    Raises:
        ConnectionError: the last try failed, too.
    """
    for attempt in range(TRIES - 1):
        try:
            return read()
        except ConnectionError:
            time.sleep(pause * 2**attempt)
    return read()
