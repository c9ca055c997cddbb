"""Serving the studio: a socket, a token, uvicorn."""

import os
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import uvicorn

from mnst_video.errors import MachineError
from mnst_video.web.gate import Gate
from mnst_video.web.server import application
from mnst_video.web.studio import Studio

# This machine alone.
LOOPBACK = "127.0.0.1"
# Seconds that open pages have when the studio ends.
FAREWELL = 1
# Bytes of a token.
TOKEN = 24


def serve(
    folders: Sequence[Path],
    source: Path | None,
    host: str,
    port: int,
    ready: Callable[[str], None],
) -> None:
    """Serve the studio until it is interrupted.

    ready: called with the address, token and all, when pages can be opened.
    Raises InputError or UsageError where the clip cannot be opened, MachineError for the port.
    """
    # Looks and renders share the cores: threads that wait actively would keep one another from
    # working (docs/benchmarks.md has the figures).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    studio = Studio(folders, source)
    try:
        with _listening(host, port) as listener:
            port = listener.getsockname()[1]
            token = secrets.token_urlsafe(TOKEN)
            names = names_of(host)
            app = Gate(application(studio), token, port, names)
            config = uvicorn.Config(
                app,
                log_level="error",
                access_log=False,
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=FAREWELL,
            )
            ready(f"http://{names[0]}:{port}/?token={token}")
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        studio.close()


def names_of(host: str) -> list[str]:
    """What browsers may call the machine that listens at a host; the first is the best.

    Of all addresses, `0.0.0.0`: those that it has, and its name.
    """
    if host in (LOOPBACK, "localhost"):
        return [LOOPBACK, "localhost"]
    if host not in ("0.0.0.0", "::"):
        return [f"[{host}]" if ":" in host else host]
    found = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET
    ]
    found.sort(key=lambda address: address.startswith("127."))
    return [*found, socket.gethostname(), "localhost"]


def _listening(host: str, port: int) -> socket.socket:
    """A socket at an address. Raises MachineError."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)  # before the address is told
    except OSError as error:
        raise MachineError(
            f"--port {port}: cannot be listened to at {host} ({error.strerror}); give another, or "
            "0 for any"
        ) from None
    return listener
