"""A headless Chromium, asked over the DevTools protocol: its pages can be as narrow as a phone's."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import websocket_connect

BROWSER = next(
    (path for name in ('chromium', 'chromium-browser', 'google-chrome') if (path := shutil.which(name))), None
)
_FLAGS = (
    *('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'),
    *('--disable-background-networking', '--disable-component-update', '--hide-scrollbars'),
    '--remote-debugging-port=0',
)


class Page:
    """A page of a browser, asked and told one thing after another.

    Attributes:
        events: names of the DevTools events so far, dialogs and errors among them.
        requested: the schemes of all addresses that the page asked for.
    """

    def __init__(self, port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._numbers = iter(range(1, 1 << 30))
        self._socket = self._run(self._connect(port))
        self.events: list[str] = []
        self.requested: set[str] = set()
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.ask(f'{domain}.enable')

    def _run(self, coroutine: Any) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(coroutine, 90))

    async def _connect(self, port: int) -> Any:
        listed = await AsyncHTTPClient().fetch(f'http://127.0.0.1:{port}/json/list')
        target = next(entry for entry in json.loads(listed.body) if entry['type'] == 'page')
        return await websocket_connect(target['webSocketDebuggerUrl'], max_message_size=1 << 28)

    def close(self) -> None:
        """Let go of the page."""
        self._socket.close()
        self._loop.close()

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of DevTools."""
        return self._run(self._ask(method, parameters))

    async def _ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        number = await self._send(method, parameters)
        while True:
            answer = json.loads(await self._socket.read_message())
            if answer.get('id') == number:
                assert 'error' not in answer, (method, answer)
                return answer['result']
            event = answer.get('method')
            self.events.append(event)
            if event == 'Network.requestWillBeSent':
                self.requested.add(answer['params']['request']['url'].split(':')[0])
            elif event == 'Page.javascriptDialogOpening':  # the page waits for it
                await self._send('Page.handleJavaScriptDialog', dict(accept=True))

    async def _send(self, method: str, parameters: dict[str, Any]) -> int:
        number = next(self._numbers)
        await self._socket.write_message(json.dumps(dict(id=number, method=method, params=parameters)))
        return number

    def show(self, address: str, width: int, height: int = 844, **look: Any) -> None:
        """Open an address.

        Args:
            address: to open.
            width: of the page in CSS pixels.
            height: of its window.
            look: ``scheme`` ``'light'`` or ``'dark'``; ``vision`` as DevTools calls deficiencies.
        """
        scheme = dict(name='prefers-color-scheme', value=look.get('scheme', 'light'))
        self.ask('Emulation.setEmulatedMedia', features=[scheme])
        self.ask('Emulation.setEmulatedVisionDeficiency', type=look.get('vision', 'none'))
        metrics = dict(width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.ask('Emulation.setDeviceMetricsOverride', **metrics)
        before = self.events.count('Page.loadEventFired')
        self.ask('Page.navigate', url=address)
        while self.events.count('Page.loadEventFired') == before:
            self.evaluate('0')
            time.sleep(0.1)

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression, also of a promise."""
        asked = self.ask('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)
        assert 'exceptionDetails' not in asked, asked
        return asked['result'].get('value')

    def picture(self, path: Path, whole: bool = True) -> None:
        """Write a PNG of all of the page, or of what the window shows of it."""
        shot = self.ask('Page.captureScreenshot', captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot['data']))


@contextmanager
def open_page(profile: Path) -> Iterator[Page]:
    """Start a browser with an empty page, for as long as the context lasts.

    Args:
        profile: new folder for the browser's own files.
    """
    profile.mkdir(parents=True)
    command = [BROWSER, *_FLAGS, f'--user-data-dir={profile}', 'about:blank']
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        page = Page(_port(profile))
        try:
            yield page
        finally:
            page.close()
    finally:
        process.terminate()
        process.wait(30)


def look_at(page: Path, profile: Path, picture: Path, width: int, **look: Any) -> dict[str, Any]:
    """Open a page and take a picture of all of it.

    Args:
        page: the page, opened from disk.
        profile: new folder for the browser's own files.
        picture: the PNG to write.
        width: of the page in CSS pixels.
        look: see :meth:`Page.show`; ``script``: an expression to evaluate in the page.

    Returns:
        ``value`` of the script; ``events`` and ``requested`` of the :class:`Page`.
    """
    with open_page(profile) as opened:
        opened.show(page.resolve().as_uri(), width, **look)
        value = opened.evaluate(look.get('script', '0'))
        opened.picture(picture)
        return dict(value=value, events=opened.events, requested=opened.requested)


def _port(profile: Path) -> int:
    file, end = profile / 'DevToolsActivePort', time.monotonic() + 60
    while not (file.is_file() and file.read_text().count('\n')):
        if time.monotonic() > end:
            raise TimeoutError('the browser does not start')
        time.sleep(0.1)
    return int(file.read_text().split('\n')[0])
