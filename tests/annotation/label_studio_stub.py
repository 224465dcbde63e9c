"""A small server that answers as Label Studio does, and breaks when told to."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = 'a' * 40


class Stub:
    """What the server has, and what goes wrong.

    Attributes:
        projects, storages, tasks: what was made.
        requests: method and path of each request.
        faults: of the next POST requests: done, but answered with nothing ('lost'), or with 503 ('busy').
        kill_at: number of a request that is done, but answered with 418: the client gives up.
        export: what is exported.
        authorization: that requests need.
    """

    def __init__(self) -> None:
        self.projects: list[dict[str, Any]] = []
        self.storages: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str]] = []
        self.faults: list[str] = []
        self.kill_at = 0
        self.export: Any = None
        self.authorization = f'Token {TOKEN}'

    def answer(self, method: str, path: str, query: dict[str, list[str]], content: Any) -> tuple[int, Any]:
        project = int(query.get('project', ['0'])[0])
        if path == '/api/token/refresh':
            return 200, dict(access='short')
        if path == '/api/projects' and method == 'GET':
            return 200, self._page(self.projects, query, 'results', 'count')
        if path == '/api/projects':
            self.projects.append(dict(content, id=len(self.projects) + 1))
            return 201, self.projects[-1]
        if path == '/api/storages/localfiles' and method == 'GET':
            return 200, [entry for entry in self.storages if entry['project'] == project]
        if path == '/api/storages/localfiles':
            self.storages.append(dict(content, id=len(self.storages) + 1))
            return 201, self.storages[-1]
        if path == '/api/tasks':
            tasks = [task for task in self.tasks if task['project'] == project]
            return 200, self._page(tasks, query, 'tasks', 'total')
        if found := re.fullmatch(r'/api/projects/(\d+)/import', path):
            self.tasks += [dict(task, project=int(found[1])) for task in content]
            return 201, dict(task_count=len(content))
        if re.fullmatch(r'/api/projects/(\d+)/export', path):
            return 200, self.export
        return 404, dict(detail='Not found.')

    def _page(self, rows: list, query: dict[str, list[str]], key: str, total: str) -> dict[str, Any]:
        size, page = int(query['page_size'][0]), int(query['page'][0])
        return {key: rows[size * (page - 1) : size * page], total: len(rows)}


@contextmanager
def label_studio_stub() -> Iterator[tuple[Stub, str]]:
    """Run the server on loopback; yields what it has, and its address."""
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer('GET')

        def do_POST(self) -> None:
            self._answer('POST')

        def _answer(self, method: str) -> None:
            address = urlsplit(self.path)
            stub.requests.append((method, address.path))
            length = int(self.headers.get('Content-Length') or 0)
            content = json.loads(self.rfile.read(length)) if length else None
            fault = stub.faults.pop(0) if stub.faults and method == 'POST' else None
            status, answer = 503, dict(detail='busy')
            if fault != 'busy':
                known = (
                    address.path == '/api/token/refresh'
                    or self.headers.get('Authorization') == stub.authorization
                )
                query = parse_qs(address.query)
                status, answer = stub.answer(method, address.path, query, content) if known else (401, {})
            if fault == 'lost':
                self.close_connection = True
                return
            if len(stub.requests) == stub.kill_at:
                status, answer = 418, {}
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub, f'http://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        server.server_close()
