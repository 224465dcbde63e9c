"""Benchmarks run in this process and leave it as it was."""

from tests.apis.conftest import _leave_the_process_as_it_was  # noqa: F401
