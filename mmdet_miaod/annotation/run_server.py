"""The batches of a run on a Label Studio or CVAT server: sent there, and their labels fetched."""

from pathlib import Path

import requests

from ..run.files import write_file
from .batch import batch_folder, read_batch
from .cvat_server import CvatServer
from .importing import locked_run, waiting_batches
from .label_studio_server import LabelStudioServer
from .servers import check_address

_SECONDS = 10


AnnotationServer = CvatServer | LabelStudioServer


def find_server(url: str) -> AnnotationServer:
    """Return the server at an address: CVAT where it says so, else Label Studio.

    Raises:
        ValueError: the address is none, or the environment does not tell who we are.
        ConnectionError: the server cannot be reached.
    """
    place = f'{check_address(url)}/api/server/about'
    try:
        answer = requests.get(place, timeout=_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise ConnectionError(f'{url}: cannot be reached ({type(error).__name__})') from None
    if answer.status_code == 200 and 'Computer Vision Annotation Tool' in answer.text[:1000]:
        return CvatServer.from_environment(url)
    return LabelStudioServer.from_environment(url)


def fetch_exports(directory: str | Path, server: AnnotationServer) -> list[Path]:
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
            name = folder / server.export_name
            paths.append(write_file(name, lambda file, content=content: file.write(content)).path)
    if not paths:
        raise ValueError(f'{directory}: no batch waits for labels')
    return paths


def send_batches(directory: str | Path, numbers: list[int], server: AnnotationServer) -> list[str]:
    """Make the projects of batches on a server, as far as they are not there.

    Args:
        directory: the run directory.
        numbers: of the batches.
        server: where they go.

    Returns:
        The addresses of the projects.

    Raises:
        ValueError: the server refuses something.
        ConnectionError: the server cannot be reached.
        BlockingIOError: the run is running, or another process sends its batches.
    """
    folders = [batch_folder(directory, number) for number in numbers]
    with locked_run(directory):  # two that send at once would both make what is not there
        return [server.send(read_batch(folder), folder) for folder in folders]
