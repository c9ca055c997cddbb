"""What happens, told to every page that is open: server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

# Events that wait for a page that does not read; then it is told to look at everything anew.
MOST_WAITING = 200
# Seconds without an event after which something is sent, so that a page that is gone is noticed.
QUIET = 15.0


class Hub:
    """Gives events to whoever listens. `tell` may be called from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening: set[asyncio.Queue[str]] = set()

    def begin(self) -> None:
        """To be called in the event loop that it then works in."""
        self._loop = asyncio.get_running_loop()

    def tell(self, kind: str, about: Any = None) -> None:
        """Tell an event to all."""
        if self._loop is not None and not self._loop.is_closed():
            text = f"event: {kind}\ndata: {json.dumps(about)}\n\n"
            self._loop.call_soon_threadsafe(self._put, text)

    def _put(self, text: str) -> None:
        for queue in self._listening:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait("event: anew\ndata: null\n\n")
            else:
                queue.put_nowait(text)

    async def listen(self) -> AsyncIterator[str]:
        """Events as their text, from now on."""
        queue: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._listening.add(queue)
        try:
            yield "event: hello\ndata: null\n\n"
            while True:
                try:
                    yield await asyncio.wait_for(queue.get(), QUIET)
                except TimeoutError:
                    yield ": still there\n\n"
        finally:
            self._listening.discard(queue)
