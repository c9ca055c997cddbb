"""Where a job keeps its frames, alone; its record lies beside the output."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mnst_video.errors import MachineError, UsageError
from mnst_video.job.lock import alone
from mnst_video.media.output.pictures import named_after


def frame_path(folder: Path, frame: int, own: bool = False) -> Path:
    """Where a frame is. own: a piece's own, which a seam replaces."""
    return folder / f"{frame:06d}{'.own' if own else ''}.png"


def job_folder(output: Path, frames_dir: Path | None) -> Path:
    """Where the frames go. Raises UsageError where the output goes there too."""
    folder = frames_dir.resolve() if frames_dir else named_after(output, ".mnst")
    if folder.resolve() in {output.resolve(), record_path(output).resolve()}:
        raise UsageError(f"{folder}: is where the output goes; give another --frames-dir")
    return folder


def shot_log(folder: Path, index: int) -> Path:
    """The log of a shot that a run of its own paints."""
    return folder / f"frames-{index + 1:04d}.jsonl"


def logs(folder: Path) -> list[Path]:
    """All logs that are there."""
    return [folder / "frames.jsonl", *sorted(folder.glob("frames-*.jsonl"))]


@contextlib.contextmanager
def shot_held(folder: Path, index: int) -> Iterator[None]:
    """A shot, which no other run paints while the block lasts. Raises UsageError or MachineError.

    It is for those who hold the folder to begin with; they may let go of that then.
    """
    lock = folder / f"shot-{index + 1:04d}.lock"
    with alone(lock, f"{folder}: shot {index + 1}", "--shots"):
        yield


@contextlib.contextmanager
def held(folder: Path, given: bool, wait: float = 0.0) -> Iterator[None]:
    """The job folder, which is there while the block lasts; no other run works in it.

    It stays when something is in it, where it is `given` and was there before, and where others
    may `wait` for it: the seconds that another run may hold it.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is in the way: frames need a folder of this name")
    stays = wait > 0.0 or (given and folder.exists())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{folder}: cannot be made ({error.strerror})") from None
    try:
        with alone(folder / "job.lock", folder, "--frames-dir", wait):
            yield
    finally:
        if not stays:
            with contextlib.suppress(OSError):
                folder.rmdir()


def record_path(output: Path) -> Path:
    """Where the record of a finished render goes."""
    return named_after(output, ".mnst.json")


def move_aside(folder: Path) -> None:
    """Move a job's own files into a new folder beside it; what else lies there stays."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.old{number}")).exists():
        number += 1
    frames = (path for path in folder.glob("*.png") if path.name.partition(".")[0].isdecimal())
    try:
        aside.mkdir()
        for path in (*frames, *logs(folder), folder / "job.json"):
            if path.exists():
                path.rename(aside / path.name)
    except OSError as error:
        raise MachineError(f"{folder}: cannot be moved aside ({error.strerror})") from None
