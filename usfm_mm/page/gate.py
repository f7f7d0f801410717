"""What stands before Gradio: its own pages alone, within a size, and nothing from elsewhere."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PAGES = ('/', '/config', '/theme.css', '/manifest.json', '/favicon.ico', '/robots.txt')
_FOLDERS = ('/assets/', '/static/', '/svelte/', '/gradio_api/heartbeat/')
_CALLS = ('upload', 'upload_progress', 'queue/join', 'queue/data', 'reset', 'cancel')
_MORE = 1_000_000  # bytes around a file in the body of its upload, and of any other call
_HEADERS = (
    # The browser itself refuses whatever is not of this page.
    (
        b'content-security-policy',
        b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'; "
        b"frame-ancestors 'none'; base-uri 'self'",
    ),
    (b'referrer-policy', b'no-referrer'),
    (b'x-content-type-options', b'nosniff'),
    (b'x-dns-prefetch-control', b'off'),
    (b'cache-control', b'no-store'),
)
_KEPT = (b'cache-control', b'max-age=86400')  # of Gradio's scripts, whose names change with them


class Gate:
    """ASGI application around another one.

    Gradio also has addresses that give files of the disk and fetch from other servers; they, and
    all that the page does not use, answer 404 here.

    Args:
        app: What is guarded.
        most: Size of the largest file that may be sent, bytes.
        folder: What Gradio writes files that were sent to.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], most: int, folder: Path) -> None:
        self.app, self.most, self.folder = app, most, folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope['type'] != 'http':
            if scope['type'] == 'lifespan':
                await self.app(scope, receive, send)
            return
        path = scope['path']
        if not is_open(path):
            await _refuse(send, 404, 'This page has no such address.')
            return
        limit = _MORE + (self.most if path == '/gradio_api/upload' else 0)
        length = dict(scope['headers']).get(b'content-length', b'0')
        if not length.isdigit() or int(length) > limit:
            await _refuse(send, 413, f'A file may have {self.most / 2**20:g} MB at most.')
            return
        receive = _counted(receive, limit)
        if path == '/gradio_api/queue/join':
            call = await _whole(receive)
            if call is None or not only_sent_files(call, self.folder):
                await _refuse(send, 400, 'This page takes files that were dropped on it alone.')
                return
            receive = _again(json.dumps(call).encode(), receive)
        await self.app(scope, receive, _with_headers(send, path.startswith('/assets/')))


def is_open(path: str) -> bool:
    """Whether the page uses an address.

    Example:
        >>> is_open('/gradio_api/queue/join'), is_open('/gradio_api/file=/etc/passwd')
        (True, False)
    """
    calls = tuple(f'/gradio_api/{name}' for name in (*_CALLS, 'startup-events'))
    if path in (*_PAGES, *calls):
        return True
    return path.startswith(_FOLDERS) and '..' not in path


def only_sent_files(call: Any, folder: Path) -> bool:
    """Whether each path in a call is of a file that a visitor sent.

    Gradio, mounted into another application, does not look: it would read any file of the disk,
    and fetch any address.

    Example:
        >>> only_sent_files({'data': [{'path': '/etc/passwd'}, 3]}, Path('/tmp/usfm_page_x'))
        False
    """
    if isinstance(call, list):
        return all(only_sent_files(value, folder) for value in call)
    if not isinstance(call, dict):
        return True
    if 'path' in call:
        path = call['path']
        if not isinstance(path, str) or not Path(path).resolve().is_relative_to(folder):
            return False
    return all(only_sent_files(value, folder) for value in call.values())


async def _whole(receive: Receive) -> Any:
    """The JSON of a body; None where it has none."""
    body, more = b'', True
    while more:
        message = await receive()
        if message['type'] != 'http.request':
            return None
        body += message.get('body', b'')
        more = message.get('more_body', False)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _again(body: bytes, receive: Receive) -> Receive:
    waiting: list[MutableMapping[str, Any]] = [{'type': 'http.request', 'body': body}]

    async def again() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return again


def _counted(receive: Receive, limit: int) -> Receive:
    """End a body that goes on after its limit as if the visitor had left."""
    seen = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal seen
        message = await receive()
        seen += len(message.get('body', b''))
        return {'type': 'http.disconnect'} if seen > limit else message

    return counted


def _with_headers(send: Send, script: bool) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message['type'] == 'http.response.start':
            ours = dict(_HEADERS) | dict([_KEPT] if script else [])
            kept = [pair for pair in message.get('headers', []) if pair[0].lower() not in ours]
            message['headers'] = [*kept, *ours.items()]
        await send(message)

    return sent


async def _refuse(send: Send, status: int, text: str) -> None:
    headers = [(b'content-type', b'text/plain; charset=utf-8'), *_HEADERS]
    await send({'type': 'http.response.start', 'status': status, 'headers': headers})
    await send({'type': 'http.response.body', 'body': text.encode()})
