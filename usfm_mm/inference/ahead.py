"""Reading ahead and writing behind, so that the network waits for neither."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Full, Queue
from typing import Any, TypeVar

T = TypeVar('T')


def read_ahead(items: Iterable[T], count: int) -> Iterator[T]:
    """The same items, made by a thread that is up to ``count`` of them ahead.

    What the thread raises is raised here; when the caller stops early, it stops too.
    """
    queue: Queue[tuple[str, Any]] = Queue(count)
    stop = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not stop.is_set():
            try:
                queue.put((kind, value), timeout=0.1)
                return True
            except Full:
                continue
        return False

    def fill() -> None:
        try:
            for item in items:
                if not put('item', item):
                    return
            put('end', None)
        except BaseException as error:
            put('error', error)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        while True:
            kind, value = queue.get()
            if kind == 'error':
                raise value
            if kind == 'end':
                return
            yield value
    finally:
        stop.set()
        thread.join()


class WriteBehind:
    """Runs calls one after another on a thread; at most ``count`` of them wait.

    An error of a call is raised by a later one, or at the end of the block.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[Future] = deque()

    def __enter__(self) -> 'WriteBehind':
        return self

    def __call__(self, function: Callable[..., Any], *args: Any) -> None:
        """Have ``function(*args)`` called."""
        self._waiting.append(self._pool.submit(function, *args))
        while len(self._waiting) > self._count:
            self._waiting.popleft().result()

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self._pool.shutdown(cancel_futures=error is not None)
        if error is None:
            for future in self._waiting:
                future.result()
