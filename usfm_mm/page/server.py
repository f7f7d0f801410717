"""Serving the page until it is stopped."""

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Any

_SESSIONS = 16  # tabs whose pictures are kept in memory; the oldest is forgotten first


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches an address.

    Example:
        >>> is_loopback('localhost'), is_loopback('127.0.0.1'), is_loopback('0.0.0.0')
        (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def listen(host: str, port: int) -> socket.socket:
    """A socket that waits for visitors.

    Args:
        host: Name or address of this computer.
        port: 0 for any that is free.

    Raises:
        ValueError: It cannot be had.
    """
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ValueError(
            f'{host}, port {port}, cannot be listened to ({error}): give another --port or --host'
        ) from error


def application(build: Callable[[], Any], host: str, most: int) -> Any:
    """The page as an ASGI application.

    Args:
        build: Makes the ``gradio.Blocks``.
        host: As for :func:`listen`; on loopback, only names of this computer are answered to, so
            that no other site's page can reach this one under a name of its own.
        most: Size of the largest file that may be dropped, bytes.
    """
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from usfm_mm.page.gate import Gate
    from usfm_mm.page.offline import gradio as gr
    from usfm_mm.page.uploads import keep_uploads_apart

    keep_uploads_apart()
    blocks = build()
    blocks.state_session_capacity = _SESSIONS
    blocks.queue(max_size=64, default_concurrency_limit=1, api_open=False)
    system = ['system-ui', 'sans-serif']  # never Google's
    app = gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        blocks,
        path='/',
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=most,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=gr.themes.Default(primary_hue='blue', font=system, font_mono=['monospace']),
        css=files('usfm_mm.page').joinpath('style.css').read_text(encoding='utf-8'),
    )
    gate: Any = Gate(app, most, Path(os.environ['GRADIO_TEMP_DIR']))
    if is_loopback(host):
        gate = TrustedHostMiddleware(gate, ['localhost', '127.0.0.1', '[::1]', '::1', host])
    return gate


@contextmanager
def private_folder() -> Iterator[None]:
    """Give what is dropped a folder of its own; to be entered before Gradio is imported."""
    with tempfile.TemporaryDirectory(prefix='usfm_page_') as folder:
        os.environ['GRADIO_TEMP_DIR'] = folder
        os.environ.setdefault('MPLCONFIGDIR', folder)
        yield


def serve(build: Callable[[], Any], host: str, port: int, most: int) -> None:
    """Serve until interrupted, in a :func:`private_folder`.

    Args:
        build: See :func:`application`.
        host: See :func:`listen`.
        port: Likewise.
        most: See :func:`application`.

    Raises:
        ValueError: See :func:`listen`.
    """
    import uvicorn

    if not is_loopback(host):
        print(
            f'WARNING: {host} can be reached from other computers. The page has no password and no '
            'encryption: whoever reaches it can use it, and pictures of patients cross the net.',
            file=sys.stderr,
        )
    signal.signal(signal.SIGTERM, _stop)
    with listen(host, port) as waiting:
        app = application(build, host, most)
        where = f'[{host}]' if ':' in host else host
        print(f'http://{where}:{waiting.getsockname()[1]}/ (Ctrl+C ends it)', flush=True)
        # Its own configuration of logging would close the log files of the whole process.
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level='critical',
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        uvicorn.Server(config).run(sockets=[waiting])


def _stop(*_: object) -> None:
    raise SystemExit(143)
