"""One run at a time: lock files, which a process lets go of however it ends."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from mnst_video.errors import UsageError, unwritten


def lock_of(output: Path) -> Path:
    """The lock file for writing a file."""
    return output.with_name(f".{output.name}.lock")


@contextlib.contextmanager
def alone(lock: Path, place: Path | str, option: str, wait: float = 0.0) -> Iterator[None]:
    """Hold a lock file while the block lasts; then it is removed.

    place, option: what is worked on, and what would name another, for people.
    wait: seconds. Raises UsageError where another run still holds it then, MachineError where it
    cannot be made.
    """
    file_lock = FileLock(lock, timeout=wait)
    try:
        file_lock.acquire()
    except Timeout:
        raise UsageError(
            f"{place}: another mnst-video is at work on it; wait for it, or give another {option}"
        ) from None
    except OSError as error:
        raise unwritten(lock, error) from None
    except NotImplementedError:  # a file system without locks, on which nobody can be alone
        yield
        return
    try:
        yield
    finally:
        # While it is held: who opens it before and locks it after finds that it has no name.
        with contextlib.suppress(OSError):
            lock.unlink()
        file_lock.release()
