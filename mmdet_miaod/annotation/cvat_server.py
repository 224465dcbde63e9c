"""A CVAT server, by its own client (``cvat-sdk``): tasks of batches made there, and their labels fetched."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import tostring

import urllib3

from .batch import Batch
from .cvat import NAME, mark_reviewed, write_annotations, write_labels
from .folder import IMAGES
from .servers import TRY_AGAIN, check_address, ensure, project_title, repeated
from .sources import read_xml, unpacked

if TYPE_CHECKING:
    from cvat_sdk import Client

TOKEN_VARIABLE = 'CVAT_ACCESS_TOKEN'
USER_VARIABLE, PASSWORD_VARIABLE = 'CVAT_USERNAME', 'CVAT_PASSWORD'
_UPLOADED_FORMAT = 'CVAT 1.1'


class CvatServer:
    """A server and who we are there.

    A task has its name when it is whole. One that was left unfinished is deleted and made anew, so nothing is
    made twice, and what people did to a task is never changed.

    Args:
        url: of the server, such as ``https://app.cvat.ai``.
        login: a personal access token, or a user and a password.
        pause: seconds before the second try and between questions whether the server is done; doubled before
            each further try.

    Raises:
        ModuleNotFoundError: the client is not installed.
        ValueError: the address is none, or the server refuses the user.
        ConnectionError: the server cannot be reached.
    """

    export_name = 'cvat-export.xml'

    def __init__(self, url: str, login: str | tuple[str, str], pause: float = 1.0) -> None:
        self._url = check_address(url)
        self._pause = pause
        try:
            from cvat_sdk.core.client import AccessTokenCredentials, Client, Config
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"{error}: CVAT's client is needed (Python 3.11 or later): pip install 'mmdet_miaod[cvat]'"
            ) from None
        with self._errors():
            self._client: Client = Client(self._url, config=Config(status_check_period=pause))
            self._client.login(AccessTokenCredentials(login) if isinstance(login, str) else login)

    @classmethod
    def from_environment(cls, url: str) -> CvatServer:
        """Return the server; the token, or user and password, are those of the environment variables.

        Raises:
            ValueError: there is neither; and as the class.
        """
        token, *login = (
            os.environ.get(name, '').strip() for name in (TOKEN_VARIABLE, USER_VARIABLE, PASSWORD_VARIABLE)
        )
        if not token and not all(login):
            raise ValueError(
                f'{TOKEN_VARIABLE} is not set: export a personal access token there, or {USER_VARIABLE} and '
                f'{PASSWORD_VARIABLE}'
            )
        return cls(url, token or (login[0], login[1]))

    def send(self, batch: Batch, folder: Path) -> str:
        """Make the project of a batch and its task with images and proposed boxes, unless they are there.

        Args:
            batch: what is asked.
            folder: the batch's folder.

        Returns:
            The address of the task.

        Raises:
            ValueError: the server refuses something.
            ConnectionError: the server cannot be reached.
        """
        title = project_title(batch)
        project = self._ensure('projects', dict(name=title), lambda: self._make_project(batch, title))
        place = dict(name=title, project_id=project)
        task = self._ensure('tasks', place, lambda: self._make_task(batch, folder, place))
        return f'{self._url}/tasks/{task}'

    def fetch(self, batch: Batch) -> bytes:
        """Return the export of a batch's task; all images of completed jobs are tagged as reviewed.

        Raises:
            ValueError: there is no such task, or the export is none.
            ConnectionError: the server cannot be reached.
        """
        found = self._find('tasks', dict(name=project_title(batch)))
        if not found:
            raise ValueError(f'{self._url}: has no task of batch {batch.number}; send it there first')
        return repeated(lambda: self._export(found[0]), self._pause)

    def _export(self, task: Any) -> bytes:
        with tempfile.TemporaryDirectory(prefix='cvat-') as place, self._errors():
            path = Path(place) / 'export.zip'
            task.export_dataset(NAME, path, include_images=False, location='local')
            with unpacked(path) as content:
                root = read_xml(content / 'annotations.xml')
            jobs = [job for job in task.get_jobs() if str(job.type) == 'annotation']
        done = [(job.start_frame, job.stop_frame) for job in jobs if str(job.state) == 'completed']
        mark_reviewed(root, {frame for first, last in done for frame in range(first, last + 1)})
        return tostring(root, encoding='utf-8', xml_declaration=True)

    def _find(self, kind: str, place: dict[str, Any]) -> list[Any]:
        def read() -> list[Any]:
            with self._errors():
                return getattr(self._client, kind).list(**place)

        return [entry for entry in repeated(read, self._pause) if entry.name == place['name']]

    def _ensure(self, kind: str, place: dict[str, Any], make: Any) -> int:
        return ensure(lambda: next((entry.id for entry in self._find(kind, place)), None), make, self._pause)

    def _make_project(self, batch: Batch, title: str) -> None:
        with self._errors():
            self._client.projects.create(dict(name=title, labels=json.loads(write_labels(batch.classes))))

    def _make_task(self, batch: Batch, folder: Path, place: dict[str, Any]) -> None:
        unfinished = dict(place, name=f'{place["name"]} (unfinished)')
        left_over = self._find('tasks', unfinished)
        with tempfile.TemporaryDirectory(prefix='cvat-') as temporary, self._errors():
            for task in left_over:
                task.remove()
            task = self._client.tasks.create_from_data(
                unfinished,
                [folder / IMAGES / image.file_name for image in batch.images],
                data_params=dict(sorting_method='predefined'),
            )
            if any(image.boxes for image in batch.images):
                path = Path(temporary) / 'annotations.xml'
                path.write_bytes(write_annotations(batch))
                task.import_annotations(_UPLOADED_FORMAT, path)
            task.update(dict(name=place['name']))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn the client's errors into those of the class."""
        from cvat_sdk.core.exceptions import BackgroundRequestException, CvatSdkException
        from cvat_sdk.exceptions import ApiException, OpenApiException

        try:
            yield
        except ApiException as error:
            if not error.status or error.status in TRY_AGAIN:
                raise ConnectionError(f'{self._url}: answers with {error.status or error.reason}') from None
            if error.status in (401, 403):
                raise ValueError(f'{self._url}: refuses the token or user of the environment') from None
            detail = ' '.join(str(error.body or error.reason).split())[:200]
            raise ValueError(f'{self._url}: answers with {error.status} ({detail})') from None
        except (OpenApiException, TypeError, AttributeError) as error:  # an answer that is none of its models
            why = f'{type(error).__name__}: {" ".join(str(error).split())[:200]}'
            raise ValueError(f'{self._url}: is it CVAT, of the version of cvat-sdk? ({why})') from None
        except BackgroundRequestException as error:
            raise ValueError(f'{self._url}: could not do it ({" ".join(str(error).split())[:200]})') from None
        except (CvatSdkException, urllib3.exceptions.HTTPError) as error:
            raise ConnectionError(f'{self._url}: cannot be reached ({type(error).__name__})') from None
