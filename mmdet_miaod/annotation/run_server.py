"""The batches of a run on a Label Studio server: sent there, and their labels fetched."""

from __future__ import annotations

from pathlib import Path

from ..run.files import write_file
from .batch import batch_folder, read_batch
from .importing import locked_run, waiting_batches
from .label_studio_server import LabelStudioServer

EXPORT_NAME = 'label-studio-export.json'


def fetch_exports(directory: str | Path, server: LabelStudioServer) -> list[Path]:
    """Fetch the labels of the batches that wait, each into a file in the batch's folder.

    Args:
        directory: the run directory.
        server: where the batches were sent.

    Returns:
        The files, to be imported.

    Raises:
        ValueError: no batch waits for labels, or the server has no such project.
        ConnectionError: the server cannot be reached.
    """
    paths = []
    with locked_run(directory):
        for number in waiting_batches(directory):
            folder = batch_folder(directory, number)
            content = server.fetch(read_batch(folder))
            record = write_file(folder / EXPORT_NAME, lambda file, content=content: file.write(content))
            paths.append(record.path)
    if not paths:
        raise ValueError(f'{directory}: no batch waits for labels')
    return paths


def send_batches(
    directory: str | Path, numbers: list[int], server: LabelStudioServer, document_root: Path | None = None
) -> list[str]:
    """Make the projects of batches on a server, as far as they are not there.

    Args:
        directory: the run directory.
        numbers: of the batches.
        server: where they go.
        document_root: of the server's local files; None: the folder of all batches.

    Returns:
        The addresses of the projects.

    Raises:
        ValueError: the server refuses something.
        ConnectionError: the server cannot be reached.
    """
    folders = [batch_folder(directory, number) for number in numbers]
    return [server.send(read_batch(folder), folder, document_root or folder.parent) for folder in folders]
