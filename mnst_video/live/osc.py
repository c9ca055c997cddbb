"""OSC: γ from other programs, and what is shown back to them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mnst_video.errors import MachineError, UsageError
from mnst_video.live.hand import Hand

# Where no other address is said, only this machine is heard.
HOME = "127.0.0.1"


def address_of(text: str) -> tuple[str, int]:
    """`9000`, `0.0.0.0:9000`: an address and a port. Raises UsageError."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) < 65536:
        raise UsageError(f"--osc {text}: write a port, 9000, or an address too: 0.0.0.0:9000")
    return host or HOME, int(port)


@contextmanager
def listening(
    address: tuple[str, int], hand: Hand, status: Callable[[], list[float]]
) -> Iterator[int]:
    """Listen while the context lasts, which gives the port.

    `/gamma f` puts γ, `/release` gives it back to the timeline; `/status` is answered, to whoever
    asked, with `/status` and the floats of `status`.
    Raises MachineError where the address is taken, or without the extra.
    """
    try:
        from pythonosc.dispatcher import Dispatcher
        from pythonosc.osc_server import BlockingOSCUDPServer
    except ImportError:
        raise MachineError('OSC needs python-osc: pip install "mnst-video[live]"') from None

    class Server(BlockingOSCUDPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """What is no OSC is not answered."""

    def gamma(_: str, *values: Any) -> None:
        if len(values) == 1 and type(values[0]) in (int, float):
            hand.put(float(values[0]), "OSC")

    def release(*_: Any) -> None:
        hand.release()

    def answer(*_: Any) -> tuple[str, *tuple[float, ...]]:
        return ("/status", *status())

    dispatcher = Dispatcher()
    dispatcher.map("/gamma", gamma)
    dispatcher.map("/release", release)
    dispatcher.map("/status", answer)
    try:
        server = Server(address, dispatcher)
    except OSError as error:
        raise MachineError(
            f"--osc {address[0]}:{address[1]}: cannot be listened to ({error.strerror}); "
            "another program may: give another port"
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
