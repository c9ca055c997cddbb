"""Writing clips as numbered pictures: a folder of them, or a pattern such as `shot.%04d.png`."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from mnst_video.errors import MachineError, UsageError, unwritten
from mnst_video.media.files import check_new_name
from mnst_video.media.frames import Frame
from mnst_video.media.images import save_image
from mnst_video.media.numbered import has_counter, names_of, sequence_name, with_number
from mnst_video.media.output.containers import is_clip

# Without loss, and with opacity.
PICTURES = (".png", ".tif", ".tiff")
# Of the pictures in a folder that has no pattern.
PATTERN = "%04d.png"


def is_series(path: Path) -> bool:
    """Whether pictures are meant: a folder, a name without an extension, or a pattern."""
    return not path.suffix or _is_pattern(path) or (path.is_dir() and not is_clip(path))


def _is_pattern(path: Path) -> bool:
    return has_counter(path.name) and path.suffix.lower() in PICTURES


def named_after(output: Path, ending: str) -> Path:
    """What lies beside a clip or a series; `shot` is the name of `shot.%04d.png`."""
    name = sequence_name(output) if _is_pattern(output) else output.name
    return output.with_name(f"{name}{ending}")


def _placed(path: Path) -> tuple[Path, str]:
    """The folder of a series, and the pattern of its pictures' names."""
    return (path.parent, path.name) if _is_pattern(path) else (path, PATTERN)


def _existing(folder: Path, pattern: str) -> list[Path]:
    """The pictures of a series that are there."""
    names = names_of(pattern)
    try:
        return [file for file in folder.iterdir() if names.fullmatch(file.name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({error.strerror})") from None


def check_series(path: Path, sources: Iterable[Path], overwrite: bool) -> None:
    """Raise UsageError where a series cannot or must not be written.

    sources: what it is made from, which `overwrite` does not cover.
    """
    check_new_name(path)
    folder, pattern = _placed(path)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; give a folder, or a name with an extension")
    existing = _existing(folder, pattern)
    used = {source.resolve() for source in sources}
    mixed = not _is_pattern(path) and folder.resolve() in {source.parent for source in used}
    if mixed or used.intersection(file.resolve() for file in existing):
        raise UsageError(f"{path}: holds the input or a style; choose another folder")
    if existing and not overwrite:
        raise UsageError(
            f"{path}: there are pictures already, such as {min(existing).name}; use --overwrite, "
            "or another name"
        )
    parent = folder if folder.is_dir() or _is_pattern(path) else folder.resolve().parent
    if not parent.is_dir():
        raise UsageError(f"{path}: there is no folder {parent}")
    if not os.access(parent, os.W_OK):
        raise UsageError(f"{path}: the folder {parent} cannot be written to")


@contextlib.contextmanager
def open_series(path: Path) -> Iterator[Callable[[Frame], None]]:
    """A function that writes frames, uint8 `(H, W, 3)` or, with opacity, `(H, W, 4)`, from 1 on.

    All pictures appear when the block ends without an error, in the place of those of an older
    series; otherwise none do. Raises MachineError.
    """
    folder, pattern = _placed(path)
    beside = folder if folder.is_dir() else folder.parent
    partial: Path | None = None
    count = 0
    try:
        partial = Path(tempfile.mkdtemp(prefix=f".{path.name}.partial", dir=beside))
        made = partial

        def write(frame: Frame) -> None:
            nonlocal count
            count += 1
            colors = np.ascontiguousarray(frame[..., :3])
            alpha = np.ascontiguousarray(frame[..., 3]) if frame.shape[2] == 4 else None
            save_image(colors, made / with_number(pattern, count), alpha)

        yield write
        if count == 0:
            raise MachineError(f"{path}: there are no frames to write")
        folder.mkdir(exist_ok=True)
        for old in _existing(folder, pattern):
            old.unlink()
        for number in range(1, count + 1):
            name = with_number(pattern, number)
            (made / name).replace(folder / name)
    except OSError as error:
        raise unwritten(path, error) from None
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
