"""A Label Studio server: projects of batches made there, and their labels fetched."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from .batch import Batch
from .folder import IMAGES
from .label_studio import label_config, write_tasks
from .servers import TRIES, TRY_AGAIN, check_address, ensure, project_title
from .sources import MAX_JSON_BYTES

TOKEN_VARIABLE = 'LABEL_STUDIO_API_KEY'
_CONNECT_SECONDS, _READ_SECONDS, _EXPORT_SECONDS = 10, 60, 600
_PAGE = 100
_TASKS_AT_ONCE = 200


class LabelStudioServer:
    """A server and who we are there.

    Whatever is to be made is looked for before, and again after a request that failed: nothing is made twice.

    Args:
        url: of the server, such as ``http://localhost:8080``.
        token: an access token of the user's account page, or a legacy token of 40 digits.
        pause: seconds before the second try; doubled before each further one.
        document_root: LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT of the server, above the folders of all batches;
            None: the folder that these are in.

    Raises:
        ValueError: the address is none.
    """

    export_name = 'label-studio-export.json'

    def __init__(
        self, url: str, token: str, *, pause: float = 1.0, document_root: Path | None = None
    ) -> None:
        self._url = check_address(url)
        self._token = token
        self._pause = pause
        self._document_root = document_root
        self._session = requests.Session()
        # An environment's proxies and .netrc have no business with the token.
        self._session.trust_env = False
        retry = Retry(
            total=TRIES - 1, backoff_factor=pause, status_forcelist=TRY_AGAIN, allowed_methods=['GET']
        )
        for prefix in ('http://', 'https://'):
            self._session.mount(prefix, HTTPAdapter(max_retries=retry))

    @classmethod
    def from_environment(cls, url: str, document_root: Path | None = None) -> 'LabelStudioServer':
        """Return the server; the token is that of the environment variable.

        Raises:
            ValueError: there is no token, or the address is none.
        """
        token = os.environ.get(TOKEN_VARIABLE, '').strip()
        if not token:
            raise ValueError(
                f'{TOKEN_VARIABLE} is not set: export the access token of your account page there'
            )
        return cls(url, token, document_root=document_root)

    def send(self, batch: Batch, folder: Path) -> str:
        """Make the project of a batch, its storage and its tasks, as far as they are not there.

        Args:
            batch: what is asked.
            folder: the batch's folder.

        Returns:
            The address of the project.

        Raises:
            ValueError: the server refuses something, or the folder is not below the document root.
            ConnectionError: the server cannot be reached.
        """
        images, root = (folder / IMAGES).resolve(), (self._document_root or folder.parent).resolve()
        if root not in images.parents:
            raise ValueError(f'{images} is not below the document root {root} of the server')
        project = ensure(lambda: self._project(batch), lambda: self._make_project(batch), self._pause)
        ensure(
            lambda: self._storage(project, images), lambda: self._make_storage(project, images), self._pause
        )
        tasks = json.loads(write_tasks(batch, images.relative_to(root).as_posix()))

        def missing() -> list[Any]:
            known = self._known_uids(project)
            return [task for task in tasks if task['data']['uid'] not in known]

        while left := missing():
            chunk = left[:_TASKS_AT_ONCE]
            uids = {task['data']['uid'] for task in chunk}
            ensure(
                lambda uids=uids: uids <= self._known_uids(project) or None,
                lambda chunk=chunk: self._post(f'projects/{project}/import', chunk),
                self._pause,
            )
        return f'{self._url}/projects/{project}/data'

    def fetch(self, batch: Batch) -> bytes:
        """Return the export of a batch's project in the format JSON, with all of its tasks.

        Raises:
            ValueError: there is no such project, or the export is too large.
            ConnectionError: the server cannot be reached.
        """
        project = self._project(batch)
        if project is None:
            raise ValueError(f'{self._url}: has no project of batch {batch.number}; send it there first')
        path = f'projects/{project}/export?exportType=JSON&download_all_tasks=true'
        content = bytearray()
        with self._request('GET', path, seconds=_EXPORT_SECONDS, stream=True) as response:
            for block in response.iter_content(1 << 20):
                content += block
                if len(content) > MAX_JSON_BYTES:
                    raise ValueError(f'{self._url}: the export has more than {MAX_JSON_BYTES:,} bytes')
        return bytes(content)

    def _project(self, batch: Batch) -> int | None:
        title = project_title(batch)
        for project in self._pages('projects', 'results'):
            if project.get('title') == title:
                return int(project['id'])
        return None

    def _make_project(self, batch: Batch) -> None:
        self._post('projects', dict(title=project_title(batch), label_config=label_config(batch.classes)))

    def _storage(self, project: int, images: Path) -> int | None:
        storages = self._get(f'storages/localfiles?project={project}')
        return next((int(entry['id']) for entry in storages if entry.get('path') == str(images)), None)

    def _make_storage(self, project: int, images: Path) -> None:
        # It is not synced: each file would become a second task.
        storage = dict(project=project, title='images', path=str(images), use_blob_urls=True)
        self._post('storages/localfiles', storage)

    def _known_uids(self, project: int) -> set[str]:
        tasks = self._pages(f'tasks?project={project}&fields=task_only', 'tasks')
        return {str(task['data'].get('uid')) for task in tasks}

    def _pages(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        joint, seen, total = '&' if '?' in path else '?', 0, 1
        page = 0
        while seen < total:  # a page after the last one is an error
            page += 1
            answer = self._get(f'{path}{joint}page={page}&page_size={_PAGE}')
            if not isinstance(answer, dict) or not isinstance(answer.get(key), list):
                raise ValueError(f'{self._url}/api/{path}: has no {key}; is it Label Studio?')
            rows, total = answer[key], int(answer.get('total', answer.get('count', 0)))
            seen += max(len(rows), 1)
            yield from rows

    def _get(self, path: str) -> Any:
        return self._decoded(self._request('GET', path))

    def _post(self, path: str, content: Any) -> Any:
        return self._decoded(self._request('POST', path, json=content))

    def _decoded(self, response: requests.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            raise ValueError(
                f'{self._url}: answers with something else than JSON; is it Label Studio?'
            ) from None

    def _request(
        self, method: str, path: str, *, seconds: float = _READ_SECONDS, **options: Any
    ) -> requests.Response:
        try:
            response = self._session.request(
                method,
                f'{self._url}/api/{path}',
                headers={'Authorization': self._authorization()},
                timeout=(_CONNECT_SECONDS, seconds),
                allow_redirects=False,
                **options,
            )
        except requests.RequestException as error:
            raise ConnectionError(f'{self._url}: cannot be reached ({type(error).__name__})') from None
        if response.status_code in TRY_AGAIN:
            raise ConnectionError(f'{self._url}: answers with {response.status_code}')
        if response.status_code in (401, 403):
            raise ValueError(f'{self._url}: refuses the token of {TOKEN_VARIABLE}')
        if not 200 <= response.status_code < 300:
            block = next(response.iter_content(500), b'')
            detail = block.decode(errors='replace')[:200].replace('\n', ' ')
            raise ValueError(f'{self._url}/api/{path}: answers with {response.status_code} ({detail})')
        return response

    def _authorization(self) -> str:
        if self._token.count('.') != 2:
            return f'Token {self._token}'
        # A personal access token gives short-lived ones.
        try:
            response = self._session.post(
                f'{self._url}/api/token/refresh',
                json=dict(refresh=self._token),
                timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise ConnectionError(f'{self._url}: cannot be reached ({type(error).__name__})') from None
        if response.status_code != 200:
            raise ValueError(f'{self._url}: refuses the token of {TOKEN_VARIABLE}')
        return f'Bearer {self._decoded(response)["access"]}'
