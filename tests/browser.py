"""A headless Chromium, asked over the DevTools protocol: its pages can be as narrow as a phone's."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
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


def look_at(page: Path, profile: Path, picture: Path, width: int, **look: Any) -> dict[str, Any]:
    """Open a page and take a picture of all of it.

    Args:
        page: the page, opened from disk.
        profile: new folder for the browser's own files.
        picture: the PNG to write.
        width: of the page in CSS pixels.
        look: ``scheme`` ``'light'`` or ``'dark'``; ``vision`` as DevTools calls deficiencies; ``script``: an
            expression to evaluate in the page.

    Returns:
        ``value`` of the script; ``events``: names of the DevTools events, dialogs and errors among them;
        ``requested``: the schemes of all addresses that the page asked for.
    """
    profile.mkdir(parents=True)
    command = [BROWSER, *_FLAGS, f'--user-data-dir={profile}', 'about:blank']
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return asyncio.run(asyncio.wait_for(_look(page, _port(profile), picture, width, look), 90))
    finally:
        process.terminate()
        process.wait(30)


def _port(profile: Path) -> int:
    file, end = profile / 'DevToolsActivePort', time.monotonic() + 60
    while not (file.is_file() and file.read_text().count('\n')):
        if time.monotonic() > end:
            raise TimeoutError('the browser does not start')
        time.sleep(0.1)
    return int(file.read_text().split('\n')[0])


async def _look(page: Path, port: int, picture: Path, width: int, look: dict[str, Any]) -> dict[str, Any]:
    listed = await AsyncHTTPClient().fetch(f'http://127.0.0.1:{port}/json/list')
    target = next(entry for entry in json.loads(listed.body) if entry['type'] == 'page')
    socket = await websocket_connect(target['webSocketDebuggerUrl'], max_message_size=1 << 28)
    events: list[str] = []
    requested: set[str] = set()
    numbers = iter(range(1, 1000))

    async def ask(method: str, **parameters: Any) -> dict[str, Any]:
        number = next(numbers)
        await socket.write_message(json.dumps(dict(id=number, method=method, params=parameters)))
        while True:
            answer = json.loads(await socket.read_message())
            if answer.get('id') == number:
                assert 'error' not in answer, (method, answer)
                return answer['result']
            events.append(answer['method'])
            if answer['method'] == 'Network.requestWillBeSent':
                requested.add(answer['params']['request']['url'].split(':')[0])

    for domain in ('Page', 'Runtime', 'Log', 'Network'):
        await ask(f'{domain}.enable')
    scheme = dict(name='prefers-color-scheme', value=look.get('scheme', 'light'))
    await ask('Emulation.setEmulatedMedia', features=[scheme])
    await ask('Emulation.setEmulatedVisionDeficiency', type=look.get('vision', 'none'))
    metrics = dict(width=width, height=844, deviceScaleFactor=1, mobile=width < 600)
    await ask('Emulation.setDeviceMetricsOverride', **metrics)
    await ask('Page.navigate', url=page.resolve().as_uri())
    while 'Page.loadEventFired' not in events:
        await ask('Runtime.evaluate', expression='0')
        await asyncio.sleep(0.1)
    evaluated = dict(expression=look.get('script', '0'), returnByValue=True, awaitPromise=True)
    value = await ask('Runtime.evaluate', **evaluated)
    shot = await ask('Page.captureScreenshot', captureBeyondViewport=True)
    picture.write_bytes(base64.b64decode(shot['data']))
    socket.close()
    return dict(value=value['result'].get('value'), events=events, requested=requested)
