"""A scheduler of Dask, and what is told of one that cannot be reached."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import dask
from distributed import Client

from mnst_video.errors import MachineError, UsageError

# A scheduler's address, its file, or a client of one's own.
Cluster = str | Path | Client
# Seconds that a scheduler may take to answer.
PATIENCE = 20


@contextlib.contextmanager
def connected(cluster: Cluster) -> Iterator[Client]:
    """A client of a scheduler; one's own stays open when the block ends.

    Raises UsageError for what is no address, MachineError where nobody answers.
    """
    if isinstance(cluster, Client):
        if cluster.asynchronous:
            raise UsageError("cluster: the client is asynchronous; give one that is not")
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            yield cluster
        return
    settings = {
        "distributed.admin.large-graph-warning-threshold": "1TB",  # chunks are large
        "distributed.comm.timeouts.connect": f"{PATIENCE}s",
    }
    with _silent(), dask.config.set(settings):
        client = _client_of(cluster)
        try:
            yield client
        finally:
            client.close(timeout=5)


def _client_of(cluster: Cluster) -> Client:
    where = {"address": cluster}
    if str(cluster).endswith(".json"):
        if not Path(str(cluster)).is_file():
            raise UsageError(f"--cluster {cluster}: there is no such file of a scheduler")
        where = {"scheduler_file": str(cluster)}
    elif str(cluster).startswith("tls:") and not dask.config.get("distributed.comm.tls.ca-file"):
        raise UsageError(
            f"--cluster {cluster}: needs certificates, which Dask's configuration names; "
            "docs/cluster.md shows how"
        )
    try:
        return Client(**where, timeout=PATIENCE, set_as_default=False, name="mnst-video")
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"--cluster {cluster}: is no scheduler's address, such as tcp://10.0.0.5:8786, and no "
            f"file of one ({error})"
        ) from None
    except OSError as error:
        reason = " ".join(str(error).split()).rpartition(">: ")[2][:120]
        raise MachineError(
            f"--cluster {cluster}: no scheduler answers there ({reason}); start one with: dask "
            "scheduler"
        ) from None


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """What Dask logs would land in the middle of the display; what matters of it is raised."""
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
