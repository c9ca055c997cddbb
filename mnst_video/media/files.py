"""Names of files, and files written complete or not at all."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mnst_video.errors import InputError, UsageError, unwritten

# A name's most bytes, so that `.NAME.partial` and `NAME.mnst.json` can stand beside it.
LONGEST_NAME = 240


def check_file(path: Path, kind: str = "video") -> None:
    """Raise InputError unless a path is that of a file with something in it; kind: for people."""
    check_name(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such file")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; give a {kind} file")
    if not path.is_file():
        raise InputError(f"{path}: this is not a file")  # a pipe would be waited for
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if empty:
        raise InputError(f"{path}: the file is empty")


def check_name(path: Path) -> None:
    """Raise InputError or UsageError for a path that no file has."""
    if not path.name:
        raise InputError(f"{path}: this is a folder, not a file")
    try:
        path.lstat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UsageError(f"{path.name[:40]}…: the name is too long") from None


def check_source(path: Path) -> None:
    """Raise InputError or UsageError for a path that nothing has that is read."""
    if path.name:  # `.` has none, and is a folder of pictures
        check_name(path)


def check_new_name(output: Path) -> None:
    """Raise InputError or UsageError for a path that cannot be written, or have others beside."""
    check_name(output)
    if len(os.fsencode(output.name)) > LONGEST_NAME:
        raise UsageError(f"{output}: the name is too long; {LONGEST_NAME} bytes are the limit")


def check_target(output: Path, sources: Iterable[Path], overwrite: bool) -> None:
    """Raise UsageError where `output` cannot or must not be written.

    sources: what it is made from, which `overwrite` does not cover.
    """
    check_new_name(output)
    if output.exists():
        for source in sources:
            if source.exists() and output.samefile(source):
                raise UsageError(
                    f"{output}: is the input, a style or the sound; choose another name"
                )
        if output.is_dir():
            raise UsageError(f"{output}: is a folder; give a file name")
        if not overwrite:
            raise UsageError(f"{output}: exists; use --overwrite, or another name")
    folder = output.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"{output}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{output}: the folder {folder} cannot be written to")


@contextlib.contextmanager
def whole(path: Path, partial: Path) -> Iterator[None]:
    """A partial file takes the place of `path` where the block ends well; else it is removed.

    Raises MachineError where that cannot be.
    """
    try:
        yield
        try:
            partial.replace(path)
        except OSError as error:
            raise unwritten(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, complete or not at all, also when the power fails. Raises MachineError."""
    partial = path.with_name(f".{path.name}.partial")
    with whole(path, partial):
        try:
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritten(path, error) from None


def file_digest(path: Path) -> str | None:
    """The SHA-256 of a file in hexadecimal, or None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
