"""A real Label Studio, in an environment of its own, on loopback; and a person who labels by its API."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

VERSION = '1.23.2'
TOKEN = '0123456789abcdef0123456789abcdef01234567'
# The executable of one that is installed already.
VARIABLE = 'MIAOD_LABEL_STUDIO'


def install(folder: Path) -> Path:
    """Install Label Studio (1 GB, minutes), unless there is one; returns its executable."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    subprocess.run([sys.executable, '-m', 'venv', folder], check=True)
    subprocess.run([folder / 'bin/pip', 'install', '-q', f'label-studio=={VERSION}'], check=True)
    return folder / 'bin/label-studio'


@contextmanager
def running(executable: Path, folder: Path, document_root: Path) -> Iterator[str]:
    """Start the server; yields its address."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    folder.mkdir(exist_ok=True)
    settings = dict(
        LABEL_STUDIO_BASE_DATA_DIR=str(folder),
        LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED='true',
        LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=str(document_root),
        LABEL_STUDIO_USERNAME='person@example.com',
        LABEL_STUDIO_PASSWORD='only on loopback',
        LABEL_STUDIO_USER_TOKEN=TOKEN,
        LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN='true',
        COLLECT_ANALYTICS='false',
        LATEST_VERSION_CHECK='false',
        SENTRY_DSN='',
        FRONTEND_SENTRY_DSN='',
    )
    command = [executable, 'start', '--no-browser', '--port', str(port), '--internal-host', '127.0.0.1']
    url = f'http://127.0.0.1:{port}'
    with (folder / 'output').open('wb') as output:
        process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=output, stderr=output)
        try:
            _wait(url, process, folder / 'output')
            yield url
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(url: str, process: subprocess.Popen, output: Path) -> None:
    for _ in range(1200):
        assert process.poll() is None, output.read_text()[-3000:]
        try:
            if requests.get(f'{url}/health', timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(1)
    raise TimeoutError(output.read_text()[-3000:])


class Person:
    """Labels by the API, as the pages do.

    Args:
        url: of the server.
        project: number of the project.
        token: of this user.
    """

    def __init__(self, url: str, project: int, token: str = TOKEN) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers['Authorization'] = f'Token {token}'
        self.project = project

    def invite(self, email: str) -> Person:
        """Another user of the server, who follows this one's invitation and signs up."""
        page = self._url + self._call('GET', 'invite')['invite_url']
        other = requests.Session()
        other.get(page, timeout=60)
        form = dict(email=email, password='only on loopback', csrfmiddlewaretoken=other.cookies['csrftoken'])
        answer = other.post(page, data=form, headers={'Referer': page}, timeout=60)
        assert 'sessionid' in other.cookies, answer.text[:500]
        token = other.get(f'{self._url}/api/current-user/token', timeout=60).json()['token']
        return Person(self._url, self.project, token)

    def tasks(self) -> list[dict[str, Any]]:
        """All tasks, with what the model proposes, by uid order."""
        found = self._call('GET', f'tasks?project={self.project}&page=1&page_size=2000&fields=all')['tasks']
        return sorted(found, key=lambda task: task['data']['uid'])

    def submit(self, task: dict[str, Any], result: list[dict[str, Any]], skip: bool = False) -> None:
        """Submit an annotation of a task, or skip it."""
        content = dict(result=result, lead_time=3.0, was_cancelled=skip)
        self._call('POST', f'tasks/{task["id"]}/annotations/', content)

    def picture(self, task: dict[str, Any]) -> bytes:
        """The image, as the page loads it."""
        answer = self._session.get(self._url + task['data']['image'], timeout=60)
        assert answer.status_code == 200, answer.text[:300]
        return answer.content

    def _call(self, method: str, path: str, content: Any = None) -> Any:
        answer = self._session.request(method, f'{self._url}/api/{path}', json=content, timeout=120)
        assert 200 <= answer.status_code < 300, answer.text[:500]
        return answer.json()
