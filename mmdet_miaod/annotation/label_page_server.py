"""The label page: an application of the loopback interface that shows the images of batches to one person.

The component that draws, moves and deletes boxes is jupyter_bbox_widget's, an anywidget; the page plays
Jupyter's part. Nothing on the disk is served but the page, and images whose content is what the batch's
manifest says.
"""

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from werkzeug.exceptions import BadRequest, Gone, HTTPException, InternalServerError, NotFound
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from ..regular_files import read_bytes
from .folder import IMAGES
from .label_page import PageLabels

HOST = '127.0.0.1'
# What a browser on this machine calls it; any other name is a page elsewhere that has its name point here.
_TRUSTED = [HOST, 'localhost']
_MAX_BYTES = 4 << 20
_KINDS = {'.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css'}
_HEADERS = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',  # the address has the token
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
}


class LabelPageRequest(Request):
    """A request to this machine, of bounded size."""

    trusted_hosts = _TRUSTED
    max_content_length = _MAX_BYTES


class LabelPage:
    """The page, a WSGI application.

    Args:
        batches: whose images are shown, in order.
        on_finish: called when the person is finished.

    Attributes:
        token: without it in the address there is nothing.
    """

    def __init__(self, batches: Sequence[PageLabels], on_finish: Callable[[], None]) -> None:
        self._batches = {image.uid: page for page in batches for image in page.batch.images}
        self._pages = list(batches)
        self._on_finish = on_finish
        self._files = _page_files()
        self._lock = threading.Lock()
        self._closed = False
        self.token = secrets.token_urlsafe(24)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        request = LabelPageRequest(environ)
        try:
            _ = request.host  # raises where it is not trusted
            response = self._answer(request)
        except HTTPException as error:
            response = Response(error.description, error.code)
        response.headers.update(_HEADERS)
        return response(environ, start_response)

    def close(self) -> None:
        """Let a save that is under way end, and take no more."""
        with self._lock:
            self._closed = True

    def _answer(self, request: Request) -> Response:
        token, *rest = request.path.removeprefix('/').split('/')
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            raise NotFound
        match request.method, *rest:
            case 'GET', 'images.json':
                return Response(json.dumps(self._images()), mimetype='application/json')
            case 'GET', 'images', uid if uid in self._batches:
                return self._image(uid)
            case 'GET', name if name in self._files:
                return Response(self._files[name], mimetype=_KINDS[Path(name).suffix or '.html'])
            case 'POST', 'labels':
                return self._save(request)
            case 'POST', 'finish':
                self._on_finish()
                return Response('')
        raise NotFound

    def _images(self) -> dict[str, Any]:
        images = []
        for page in self._pages:
            for image, entry in zip(page.batch.images, page.entries(), strict=True):
                boxes = [dict(name=box.name, corners=box.corners) for box in image.boxes]
                size = dict(width=image.width, height=image.height)
                about = dict(batch=page.batch.number, purpose=page.batch.purpose, proposed=boxes)
                images.append(dict(**entry, **size, **about, begun=image.uid in page.images))
        return dict(classes=self._pages[0].batch.classes, run=self._pages[0].batch.run, images=images)

    def _image(self, uid: str) -> Response:
        page = self._batches[uid]
        image = page.batch.by_name[uid]
        try:
            content = read_bytes(page.folder / IMAGES / image.file_name)
        except OSError:
            raise NotFound from None
        # Whatever links lead to: only what the batch was made of is shown.
        if hashlib.sha256(content).hexdigest() != image.sha256:
            raise NotFound
        suffix = image.file_name.rpartition('.')[2].lower()
        return Response(content, mimetype=f'image/{dict(jpg="jpeg").get(suffix, suffix)}')

    def _save(self, request: Request) -> Response:
        try:
            entry = json.loads(request.get_data())
            page = self._batches.get(entry['uid'])
            if page is None:
                raise ValueError(f'image {str(entry["uid"])[:60]!r} is in no batch that waits for labels')
            with self._lock:
                if self._closed:
                    raise Gone('the command has ended; start it again')
                page.say(entry)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadRequest(str(error)) from None
        except OSError as error:
            raise InternalServerError(str(error)) from None
        return Response('')


def _page_files() -> dict[str, str]:
    try:
        from jupyter_bbox_widget import BBoxWidget
    except ImportError as error:
        message = f"the label page needs the extra 'label': pip install 'mmdet_miaod[label]' ({error})"
        raise ImportError(message) from None
    own = {name: Path(__file__).with_name(name) for name in ('label_page.js', 'label_page.css')}
    files = {name: path.read_text(encoding='utf-8') for name, path in own.items()}
    files[''] = Path(__file__).with_name('label_page.html').read_text(encoding='utf-8')
    # What every anywidget has: its module for the browser and its style.
    return {**files, 'widget.js': str(BBoxWidget._esm), 'widget.css': str(BBoxWidget._css)}


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: Any) -> None:
        """Log nothing: each line would have the token."""


def serve(batches: Sequence[PageLabels], port: int, on_ready: Callable[[str], None]) -> None:
    """Show the page until the person is finished or presses Ctrl-C.

    Args:
        batches: whose images are shown, in order.
        port: of the loopback interface; 0: a free one.
        on_ready: called with the address when it can be opened.

    Raises:
        ImportError: the extra is not installed.
        OSError: the port is taken.
    """
    page = LabelPage(batches, lambda: threading.Thread(target=server.shutdown).start())
    server = make_server(HOST, port, page, threaded=True, request_handler=_Quiet)
    on_ready(f'http://{HOST}:{server.server_port}/{page.token}/')
    try:
        server.serve_forever()  # returns at Ctrl-C as well
    finally:
        page.close()
        server.server_close()
