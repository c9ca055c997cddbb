"""Serving the studio: a socket, a token, uvicorn."""

import os
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

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
            hosts = {host, *(("localhost", LOOPBACK) if host == LOOPBACK else ())}
            app = Gate(application(studio), token, port, sorted(hosts))
            config = uvicorn.Config(
                app,
                log_level="error",
                access_log=False,
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=FAREWELL,
            )
            ready(f"http://{host}:{port}/?token={token}")
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        studio.close()


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
