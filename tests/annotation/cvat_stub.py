"""A small server that answers CVAT's client as CVAT does, and breaks when told to."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = 'cvat-token'


class CvatStub:
    """What the server has, and what goes wrong.

    Attributes:
        projects, tasks: what was made, by number; a task has its images and annotations.
        requests: method and path of each request.
        faults: by number of a request that changes something, from 1: 'lost': done, but answered by nothing;
            'busy': answered with 503; 'refused': with 400.
        export: the XML that is exported.
        jobs: state, first and last frame of the jobs of all tasks.
    """

    def __init__(self) -> None:
        self.projects: dict[int, dict[str, Any]] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.faults: dict[int, str] = {}
        self.export = b''
        self.jobs: list[tuple[str, int, int]] = []
        self.changes = 0
        self._numbers = iter(range(1, 1000))
        self._uploaded = b''

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        """Return status, content and headers."""
        if path == '/api/server/about':
            about = dict(name='Computer Vision Annotation Tool', description='', version='2.80.0')
            return 200, dict(about, logo_url='', subtitle=''), {}
        if path == '/api/auth/login':
            known = json.loads(body) == dict(username='person', password=TOKEN)
            cookies = {'Set-Cookie': 'sessionid=known', 'set-cookie': 'csrftoken=known'}
            return (200, dict(key='known'), cookies) if known else (400, dict(detail='Unable to log in.'), {})
        session = 'sessionid=known' in headers.get('Cookie', '')
        if headers.get('Authorization') != f'Bearer {TOKEN}' and not session:
            return 401, dict(detail='Invalid token.'), {}
        if found := re.fullmatch(r'/api/(projects|tasks)', path):
            return self._collection(method, getattr(self, found[1]), query, body)
        if path == '/api/jobs':
            return 200, _page([self._job(number, *job) for number, job in enumerate(self.jobs, 1)]), {}
        if found := re.fullmatch(r'/api/requests/(.*)', path):
            return 200, self._request(found[1], headers['Host']), {}
        if path == '/exported':
            return 200, self._archive(), {}
        return self._task(method, path, headers, body)

    def _collection(self, method: str, rows: dict, query: dict[str, str], body: bytes) -> tuple:
        if method == 'POST':
            number = next(self._numbers)
            rows[number] = dict(json.loads(body), id=number, images=[], annotations=None)
            return 201, self._shown(rows[number]), {}
        found = [row for row in rows.values() if row['name'].startswith(query['name'])]  # some are too many
        return 200, _page([self._shown(row) for row in found]), {}

    def _task(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any, dict[str, str]]:
        found = re.fullmatch(r'/api/tasks/(\d+)(/[a-z/]+)?', path)
        number, part = int(found[1]), (found[2] or '').strip('/')
        if not part:
            if method == 'DELETE':
                del self.tasks[number]
                return 204, None, {}
            self.tasks[number].update(json.loads(body) if method == 'PATCH' else {})
            return 200, self._shown(self.tasks[number]), {}
        if part == 'dataset/export':
            return 202, dict(rq_id='export'), {}
        if method in ('PATCH', 'HEAD'):
            self._uploaded = body or self._uploaded
            return 204, None, {'Upload-Offset': str(len(self._uploaded))}
        if 'Upload-Multiple' in headers:
            self._uploaded += body
            return 200, None, {}
        if 'Upload-Start' in headers:
            self._uploaded = b''
            return 202, None, {}
        if 'Upload-Finish' not in headers:
            place = f'http://{headers["Host"]}{path.rstrip("/")}/upload'
            return 201, None, {'Location': place, 'Upload-Filename': 'annotations.xml'}
        if part == 'data':
            self.tasks[number]['images'] = json.loads(body)['upload_file_order']
        else:
            self.tasks[number]['annotations'] = self._uploaded
        return 202, dict(rq_id=part), {}

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        place = dict(project_id=row['project_id'], organization=None) if 'project_id' in row else {}
        summary = dict(url='http://localhost/', count=1, completed=0, validation=0)
        shown = dict(id=row['id'], name=row['name'], labels=summary, tasks=summary, jobs=summary, **place)
        return shown if place else {key: value for key, value in shown.items() if key != 'jobs'}

    def _job(self, number: int, state: str, first: int, last: int) -> dict[str, Any]:
        frames = dict(start_frame=first, stop_frame=last, state=state, type='annotation')
        return dict(frames, id=number, issues=dict(url='', count=0), labels=dict(url='http://localhost/'))

    def _request(self, number: str, host: str) -> dict[str, Any]:
        operation = dict(type='any', target='task')
        result = dict(result_url=f'http://{host}/exported') if number == 'export' else {}
        times = dict(created_date='2026-01-01T10:00:00Z')
        return dict(id=number, status='finished', message='', operation=operation, **times, **result)

    def _archive(self) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, 'w') as archive:
            archive.writestr('annotations.xml', self.export)
        return content.getvalue()


def _page(rows: list[Any]) -> dict[str, Any]:
    return dict(count=len(rows), next=None, previous=None, results=rows)


@contextmanager
def cvat_stub() -> Iterator[tuple[CvatStub, str]]:
    """Run the server on loopback; yields what it has, and its address."""
    stub = CvatStub()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            address = urlsplit(self.path)
            stub.requests.append((self.command, address.path))
            body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
            stub.changes += self.command != 'GET'
            fault = stub.faults.get(stub.changes) if self.command != 'GET' else None
            query = {key: values[0] for key, values in parse_qs(address.query).items()}
            status, answer, headers = {'busy': 503, 'refused': 400}.get(fault), dict(detail=fault), {}
            if status is None:
                status, answer, headers = stub.answer(self.command, address.path, query, self.headers, body)
            if fault == 'lost':
                self.close_connection = True
                return
            content = (
                answer
                if isinstance(answer, bytes)
                else b''
                if answer is None
                else json.dumps(answer).encode()
            )
            self.send_response(status)
            headers = {'Content-Type': 'application/json', 'Content-Length': str(len(content)), **headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = _answer

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield stub, f'http://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        server.server_close()
